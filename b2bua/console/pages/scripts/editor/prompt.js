// Something to hear: nothing, a text that is said, a file that is played, or a ringing tone.

import { prompts } from "../api.js";
import { fill, h } from "../dom.js";
import { icon } from "../icons.js";
import { area, choices, place, select } from "../parts/field.js";
import { toast } from "../parts/dialog.js";

const REGIONS = new Intl.DisplayNames(undefined, { type: "region" });
const VARIABLES = {
  caller: "caller’s number",
  source: "what the number is for",
  flow: "name of this flow",
  dialled: "number dialled",
};

/** owner[setting] is the prompt. absent: what none is called, "" where there must be one; kinds: of say, play, tone. */
export function promptEditor({
  label,
  owner,
  setting,
  key,
  absent = "None",
  kinds = ["say", "play"],
  words,
  changed,
  suggestion = "",
}) {
  const titles = { say: "Say", play: "Play a file", tone: "Ringing tone" };
  const body = h("div", { class: "stack tight" });
  const kindOf = () => Object.keys(titles).find((kind) => owner[setting]?.[kind] !== undefined) ?? "";
  const offered = [...new Set([...kinds, kindOf()])].filter(Boolean);
  const choose = (kind) => {
    if (!kind) delete owner[setting];
    else
      owner[setting] = {
        [kind]: {
          say: suggestion,
          play: words.prompts[0]?.play ?? "",
          tone: words.tones.includes("us") ? "us" : (words.tones[0] ?? "us"),
        }[kind],
      };
    draw();
    changed();
  };
  const draw = () => {
    const kind = kindOf();
    fill(body, kind === "say" ? saying() : kind === "play" ? playing() : kind === "tone" ? ringing() : null);
  };

  const saying = () => {
    const text = area({
      label: `${label}: text`,
      hideLabel: true,
      value: owner[setting].say,
      key: `${key}.say`,
      placeholder: "What is said",
      onInput: (value) => {
        owner[setting].say = value;
        changed();
      },
    });
    const input = text.querySelector("textarea");
    const insert = (variable) => {
      input.setRangeText(`{${variable}}`, input.selectionStart, input.selectionEnd, "end");
      input.dispatchEvent(new Event("input"));
      input.focus();
    };
    return [
      text,
      h(
        "div",
        { class: "row tight" },
        h("span", { class: "faint small" }, "Insert"),
        words.variables.map((each) =>
          h(
            "button",
            {
              class: "chip insert",
              type: "button",
              title: `Stands for the ${VARIABLES[each] ?? each} of the call`,
              on: { click: () => insert(each) },
            },
            VARIABLES[each] ?? each,
          ),
        ),
        words.speech
          ? listen(() => prompts.speech(owner[setting].say, owner[setting].voice))
          : h(
              "span",
              { class: "faint small" },
              "No speech is installed here, so it cannot be heard beforehand.",
            ),
      ),
    ];
  };

  const playing = () => {
    const sound = h("audio", { controls: true, preload: "none", "aria-label": `${label}: preview` });
    const hear = () => {
      const found = words.prompts.find((each) => each.play === owner[setting].play);
      sound.hidden = !found;
      if (found) sound.src = `/api/prompts/${encodeURIComponent(found.name)}`;
    };
    const list = select({
      label: `${label}: file`,
      hideLabel: true,
      key: `${key}.play`,
      value: owner[setting].play,
      options: files(),
      onChange: (value) => {
        owner[setting].play = value;
        hear();
        changed();
      },
    });
    const upload = h("input", {
      type: "file",
      accept: ".wav,.mp3,.ogg,.flac,audio/*",
      class: "hidden-but-read",
      "aria-label": `${label}: upload a file`,
      on: { change: () => take(upload.files[0]) },
    });
    const take = async (file) => {
      if (!file) return;
      try {
        const kept = await prompts.upload(file);
        words.prompts = [...words.prompts.filter((each) => each.name !== kept.name), kept];
        owner[setting].play = kept.play;
        draw();
        changed();
        toast(`${kept.name} is uploaded.`);
      } catch (problem) {
        toast(problem.message, "bad");
      }
    };
    hear();
    return [
      h(
        "div",
        { class: "row tight top" },
        h("div", { class: "grow" }, list),
        h("label", { class: "button" }, upload, icon("plus"), "Upload"),
      ),
      sound,
      h("p", { class: "faint small" }, "wav, mp3, ogg or flac, up to 10 MB."),
    ];
  };

  const files = () => {
    const known = words.prompts.map((each) => [each.play, `${each.name} (${each.seconds.toFixed(1)} s)`]);
    const current = owner[setting].play;
    if (!current) return [["", "Choose or upload a file"], ...known];
    return known.some(([path]) => path === current)
      ? known
      : [[current, current.split("/").at(-1)], ...known];
  };

  const ringing = () =>
    select({
      label: `${label}: country`,
      hideLabel: true,
      key: `${key}.tone`,
      value: owner[setting].tone,
      options: words.tones.map((each) => [each, `Ringing of ${region(each)}`]),
      onChange: (value) => {
        owner[setting].tone = value;
        changed();
      },
    });

  draw();
  return h(
    "div",
    { class: "prompt stack tight" },
    choices({
      label,
      showLabel: true,
      value: kindOf(),
      onChange: choose,
      options: [...(absent ? [["", absent]] : []), ...offered.map((kind) => [kind, titles[kind]])],
    }),
    body,
    place(key),
  );
}

function region(code) {
  try {
    return REGIONS.of(code === "uk" ? "GB" : code.toUpperCase());
  } catch {
    return code.toUpperCase();
  }
}

function listen(source) {
  const sound = new Audio();
  return h(
    "button",
    {
      class: "button small plain",
      type: "button",
      on: {
        click: async () => {
          sound.src = source();
          try {
            await sound.play();
          } catch {
            toast("It could not be heard: is there a text, and is espeak-ng installed?", "bad");
          }
        },
      },
    },
    icon("play"),
    "Listen",
  );
}

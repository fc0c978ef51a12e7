// The dial step: how the call is connected, who receives it, and what everybody hears.

import { freshId, h } from "../dom.js";
import { choices, field, place, seconds, select, toggle } from "../parts/field.js";
import { promptEditor } from "./prompt.js";
import { recipientRows } from "./recipients.js";

const WAYS = [
  ["one", "One recipient", "Rings the first one who is on, and nobody else."],
  ["everyone", "Everyone at once", "All phones ring. Who answers first has the caller; the others stop."],
  ["turns", "Take turns", "One phone at a time; the next call begins with the next person."],
];

export function dialStep({ step, key, words, changed, user, redraw }) {
  const rows = recipientRows({ step, key: `${key}.recipients`, words, changed, user });
  const set = (setting, value, absent) => {
    if (value === absent) delete step[setting];
    else step[setting] = value;
    changed();
  };
  return [
    question("How should the call be connected?", null, ways(step, set, redraw), place(`${key}.mode`)),
    question("Who should receive the call?", null, rows.element),
    h(
      "div",
      { class: "questions" },
      question(
        "How long, and what does the caller hear?",
        null,
        seconds({
          label: step.mode === "turns" ? "Ring each for" : "Ring for",
          key: `${key}.ring_time`,
          value: step.ring_time ?? 30,
          absent: null,
          placeholder: "30",
          min: 5,
          max: 300,
          onSeconds: (value) => set("ring_time", value ?? 30, 30),
          hint: "5 to 300 seconds. Stay below the recipients' own voicemail, which often answers at 20 to 30 s.",
        }),
        step.mode === "turns" ? sticky(step, key, set) : null,
        promptEditor({
          label: "Caller hears",
          owner: step,
          setting: "caller_hears",
          key: `${key}.caller_hears`,
          absent: "Normal ringing",
          kinds: ["tone", "say", "play"],
          words,
          changed,
          suggestion: "Please hold, we are looking for somebody.",
        }),
      ),
      question(
        "Before connecting",
        "Only the recipient hears this; the caller hears ringing meanwhile.",
        promptEditor({
          label: "Whisper",
          owner: step,
          setting: "whisper",
          key: `${key}.whisper`,
          words,
          changed,
          suggestion: "A call for {source}.",
        }),
        toggle({
          label: "Only a person can answer",
          value: step.press_one,
          hint: "Recipients must press 1 to get the call. Voicemail and phones that answer by themselves do not.",
          onChange: (value) => {
            set("press_one", value, false);
            redraw();
          },
        }),
        asksForOne(step)
          ? h(
              "div",
              { class: "stack inset" },
              promptEditor({
                label: "Asks for the 1",
                owner: step,
                setting: "confirm_prompt",
                key: `${key}.confirm_prompt`,
                words,
                changed,
                suggestion: "A caller for {source}. Press 1 to take the call.",
              }),
              seconds({
                label: "Time to press 1",
                key: `${key}.confirm_time`,
                value: step.confirm_time ?? 10,
                absent: null,
                placeholder: "10",
                min: 3,
                onSeconds: (value) => set("confirm_time", value ?? 10, 10),
              }),
              promptEditor({
                label: "Told to who presses 1 too late",
                owner: step,
                setting: "too_late",
                key: `${key}.too_late`,
                words,
                changed,
                suggestion: "Somebody else has taken the call.",
              }),
            )
          : null,
      ),
      question(
        "Which number do recipients see?",
        null,
        callerId(step, key, set),
        field({
          label: "Name prefix",
          key: `${key}.display_prefix`,
          value: step.display_prefix ?? "",
          placeholder: "Sales: ",
          onInput: (value) => set("display_prefix", value, ""),
          hint: "Put before the caller's name, so that a phone shows what the call is about.",
        }),
      ),
      question(
        "When somebody cannot take it",
        null,
        choose(
          step,
          set,
          "decline",
          "One recipient declines",
          [
            ["recipient", "The others ring on"],
            ["everyone", "Stop ringing everyone"],
          ],
          "recipient",
          () => redraw(`[data-setting=decline][value=${step.decline ?? "recipient"}]`),
        ),
        step.decline === "everyone" ? declineCodes(step, key, changed) : null,
        choose(
          step,
          set,
          "answered_elsewhere",
          "Missed call on phones that were stopped",
          [
            ["hide", "Not if somebody else answered"],
            ["always hide", "Never"],
            ["show", "Always"],
          ],
          "hide",
        ),
        choose(
          step,
          set,
          "redirect",
          "A phone forwards the call",
          [
            ["ignore", "Note it, do not follow"],
            ["follow", "Follow it once"],
          ],
          "ignore",
        ),
        choose(
          step,
          set,
          "six_xx",
          "A phone refuses for good (6xx)",
          [
            ["recipient", "Only that recipient stops"],
            ["everyone", "Stop ringing everyone"],
          ],
          "recipient",
        ),
      ),
    ),
  ];
}

/** A part of a step with its heading. */
export function question(title, lead, ...parts) {
  const id = freshId("question");
  return h(
    "section",
    { class: "question", "aria-labelledby": id },
    h("h2", { id }, title),
    lead ? h("p", { class: "quiet small" }, lead) : null,
    h("div", { class: "stack" }, parts),
  );
}

function ways(step, set, redraw) {
  const name = freshId("way");
  return h(
    "div",
    { class: "ways", role: "radiogroup", "aria-label": "How should the call be connected?" },
    WAYS.map(([mode, title, consequence]) => {
      const input = h("input", {
        type: "radio",
        name,
        value: mode,
        on: {
          change: () => {
            set("mode", mode);
            redraw(`input[type=radio][value=${mode}]`);
          },
        },
      });
      input.checked = (step.mode ?? "everyone") === mode;
      return h(
        "label",
        { class: "way" },
        input,
        picture(mode),
        h("strong", {}, title),
        h("span", { class: "quiet small" }, consequence),
      );
    }),
  );
}

function picture(mode) {
  const lit = { one: [1, 0, 0], everyone: [1, 1, 1], turns: [1, 2, 2] }[mode];
  return h(
    "span",
    { class: `way-lamps ${mode}`, "aria-hidden": "true" },
    lit.map((each) => h("span", { class: `lamp ${["off", "wait", "call"][each]}` })),
  );
}

const asksForOne = (step) => step.press_one || (step.recipients ?? []).some((each) => each.press_one);

function callerId(step, key, set) {
  const value = step.caller_id ?? "";
  const kind = ["", "caller", "tracking"].includes(value) ? value : "fixed";
  const fixed = field({
    label: "Number to show",
    hideLabel: true,
    key: `${key}.caller_id`,
    value: kind === "fixed" ? value : "",
    placeholder: "+1 555 0100",
    type: "tel",
    onInput: (text) => set("caller_id", text || "tracking"),
  });
  fixed.hidden = kind !== "fixed";
  return h(
    "div",
    { class: "stack tight" },
    select({
      label: "Number shown",
      value: kind,
      options: [
        ["", "As the trunk says"],
        ["caller", "The caller's number"],
        ["tracking", "The number that was dialled"],
        ["fixed", "Always this number"],
      ],
      onChange: (chosen) => {
        fixed.hidden = chosen !== "fixed";
        if (chosen === "fixed") fixed.querySelector("input").focus();
        else set("caller_id", chosen, "");
      },
      hint: "Some trunks refuse a number that is not yours, and phones that screen unknown callers let one through that is saved as a contact.",
    }),
    fixed,
    place(`${key}.caller_id`),
  );
}

const choose = (step, set, setting, label, options, absent, then = () => {}) =>
  choices({
    label,
    setting,
    showLabel: true,
    value: step[setting] ?? absent,
    options,
    onChange: (value) => {
      set(setting, value, absent);
      then();
    },
  });

/** Days within which a caller gets the one who took his last call. */
function sticky(step, key, set) {
  return field({
    label: "The same person again, within",
    key: `${key}.sticky`,
    type: "number",
    min: 0,
    max: 365,
    unit: "days",
    class: "brief",
    placeholder: "off",
    value: step.sticky || "",
    onInput: (value) => set("sticky", Number(value) || 0, 0),
    hint: "Who took this caller's last call is asked first. Whose turn it is stays as it was.",
  });
}

/** What counts as a decline, when one stops everyone. */
function declineCodes(step, key, changed) {
  return field({
    label: "What counts as a decline",
    key: `${key}.decline_codes`,
    value: (step.decline_codes ?? [603]).join(", "),
    placeholder: "none",
    onInput: (text) => {
      step.decline_codes = [...text.matchAll(/\d{3}/g)].map(([code]) => Number(code));
      changed();
    },
    hint: "SIP statuses, 400 to 699. A 2 pressed in the prompt always counts.",
  });
}

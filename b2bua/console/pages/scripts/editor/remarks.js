// What the check says, beside the field it concerns; in the words of this page, with a button where one click mends it.

import { fill, h } from "../dom.js";
import { remark } from "../parts/field.js";

// The check speaks to those who write files, too. Here there are buttons and lists instead.
const IN_OUR_WORDS = [
  [/^Add greeting = .*$/, "Say or play a greeting."],
  [/^Add caller_hears = .*$/, "Choose a ringing tone for the caller, below “Caller hears”."],
  [/^Add confirm_prompt = .*$/, "Write what asks for the 1, below “Only a person can answer”."],
  [/^Add choices = .*$/, "Add a digit."],
  [/^Add trunk = .*$/, "Choose a trunk, below “More”."],
  [/^Install espeak-ng, or write play = .*$/, "Install espeak-ng on this machine, or play a file."],
  [/^Write caller_id = "tracking"\.$/, "Show the number dialled instead."],
  [/^Name one of: .*$/, "Choose where it leads."],
  [
    /^Write "everyone" or "turns", or turn the others off\.$/,
    "Choose “Everyone at once” or “Take turns”, or turn the others off.",
  ],
  [/^Set stop_after = ([\d.]+) for (.+), or press_one = true\.$/, "Stop $2 at $1 s, or ask for a key press."],
];

const said = (text) =>
  IN_OUR_WORDS.reduce((words, [pattern, ours]) => words.replace(pattern, ours), text ?? "")
    .replaceAll("ring_time", "the ring time")
    .replaceAll("stop_after", "“Stop after”")
    .replaceAll("start_after", "“Start after”");

export const inOurWords = (each) => ({ ...each, text: said(each.text), remedy: said(each.remedy) });

/** Shows remarks where they belong within `root`: at the setting, or at the nearest thing around it that has a place.
 *  mend: called with (remark, change) of a button. */
export function showRemarks(root, remarks, step, mend) {
  const places = new Map();
  for (const place of root.querySelectorAll("[data-remarks]")) {
    places.set(place.dataset.remarks, place);
    fill(place);
    place.markedInput?.removeAttribute("aria-invalid");
  }
  for (const each of remarks) {
    if (each.step !== step && each.step) continue;
    const place = placeOf(places, each.field);
    if (!place) continue;
    place.append(withButtons(inOurWords(each), each, mend));
    if (each.severity === "error" && place.dataset.remarks === each.field)
      place.markedInput?.setAttribute("aria-invalid", "true");
  }
}

function placeOf(places, field) {
  const parts = (field ?? "").split(".");
  while (parts.length) {
    const found = places.get(parts.join("."));
    if (found && !found.closest("[hidden]")) return found;
    parts.pop();
  }
  return places.get("");
}

function withButtons(ours, each, mend) {
  const shown = remark(ours);
  const stop = each.remedy?.match(/^Set stop_after = ([\d.]+) for/);
  if (stop && mend) {
    shown.lastElementChild.append(
      h(
        "span",
        { class: "row tight mend" },
        h(
          "button",
          {
            class: "button small",
            type: "button",
            on: { click: () => mend(each, { stop_after: Number(stop[1]) }) },
          },
          `Stop at ${stop[1]} s`,
        ),
        h(
          "button",
          { class: "button small", type: "button", on: { click: () => mend(each, { press_one: true }) } },
          "Must press 1",
        ),
      ),
    );
  }
  return shown;
}

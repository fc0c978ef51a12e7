// A simulated call: how it came out, and what the caller and each recipient hear, in order of time.

import { h } from "../dom.js";
import { table } from "../parts/page.js";

export function timeline(answer) {
  return h("div", { class: "stack" }, h("p", { class: "sentence" }, answer.sentence ?? answer.outcome ?? ""),
    table("What happens", [["Second"], ["Who"], ["What"]], (answer.events ?? []).map((each) => [each.at, each.who, each.what])));
}

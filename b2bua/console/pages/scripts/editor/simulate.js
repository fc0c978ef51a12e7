// "What would happen if": the production call logic on a clock of its own, told second by second.

import { flows } from "../api.js";
import { fill, h } from "../dom.js";
import { dialog } from "../parts/dialog.js";
import { button } from "../parts/page.js";
import { field, select } from "../parts/field.js";
import { titleOf } from "./model.js";
import { timeline } from "./timeline.js";

const BEHAVIOURS = [
  ["answers", "answers", 6], ["ignores", "does not answer", null], ["busy", "is busy", 0], ["declines", "declines", 3],
  ["voicemail", "voicemail answers", 20], ["unreachable", "cannot be reached", null],
];

export function simulateDialog(editor) {
  const recipients = Object.values(editor.flow.dial ?? {}).flatMap((step) => step.recipients ?? []).filter((each) => each.name);
  const people = [...new Map(recipients.map((each) => [each.name, { name: each.name, does: "answers", after: 6 }])).values()];
  const scene = { caller: "+15550123", at: now(), people };
  people.forEach((each, index) => { if (index) Object.assign(each, { does: "ignores", after: null }); });
  const result = h("div", { "aria-live": "polite" });
  const run = async () => {
    fill(result, h("p", { class: "quiet" }, "Playing it through …"));
    try {
      const answer = await flows.simulate(editor.name, { flow: editor.flow, caller: scene.caller, at: scene.at, recipients: people.map(({ name, does, after }) => ({ name, does, after })) });
      fill(result, timeline(answer));
    } catch (problem) { fill(result, h("p", { class: "remark error" }, problem.message)); }
  };
  dialog({ title: `Simulate ${titleOf(editor.name)}`, size: "large", body: h("div", { class: "stack wide" },
    h("p", { class: "quiet" }, "No phone rings. The same code that carries real calls runs on a clock of its own, with the draft as it is now."),
    h("div", { class: "row top" },
      field({ label: "Caller", value: scene.caller, onInput: (value) => { scene.caller = value; } }),
      field({ label: "Calls at", type: "datetime-local", value: scene.at, onInput: (value) => { scene.at = value; } })),
    people.length ? h("div", { class: "stack" }, people.map((each) => sceneRow(each))) : h("p", { class: "remark" }, "Nobody is in this flow yet who could ring."),
    h("div", {}, button("Play it through", run, { kind: "main", picture: "start" })), result) });
}

function sceneRow(person) {
  const after = field({ label: "after", unit: "s", type: "number", min: 0, value: person.after ?? "", onInput: (value) => { person.after = value === "" ? null : Number(value); } });
  after.hidden = person.after === null;
  return h("div", { class: "scene-row" }, h("strong", {}, person.name),
    select({ label: `What ${person.name} does`, hideLabel: true, value: person.does, options: BEHAVIOURS.map(([value, text]) => [value, text]), onChange: (value) => {
      const [, , seconds] = BEHAVIOURS.find(([each]) => each === value);
      Object.assign(person, { does: value, after: seconds });
      after.hidden = seconds === null;
      after.querySelector("input").value = seconds ?? "";
    } }), after);
}

function now() {
  const date = new Date();
  return new Date(date - date.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
}

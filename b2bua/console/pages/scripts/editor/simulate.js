// "What would happen if": the production call logic on a clock of its own, told second by second.

import { flows } from "../api.js";
import { fill, h } from "../dom.js";
import { dialog } from "../parts/dialog.js";
import { button } from "../parts/page.js";
import { field, select } from "../parts/field.js";
import { titleOf } from "./model.js";
import { timeline } from "./timeline.js";

// What a recipient may do: [as the API says it, in words, after how many seconds, what is written behind that].
const BEHAVIOURS = [
  ["answers", "answers, and presses 1 if asked", 6, ""],
  ["silent", "answers, and presses nothing", 6, ",silent"],
  ["ignores", "does not answer", null, ""],
  ["busy", "is busy", null, ""],
  ["declines", "declines", 3, ""],
  ["voicemail", "has voicemail that answers", 22, ""],
  ["unreachable", "cannot be reached", null, ""],
  ["redirects", "forwards the call", 1, ""],
];

export function simulateDialog(editor) {
  const recipients = Object.values(editor.flow.dial ?? {})
    .flatMap((step) => step.recipients ?? [])
    .filter((each) => each.name && each.enabled !== false);
  const names = [...new Set(recipients.map((each) => each.name))];
  const people = names.map((name, index) => behaving(name, index ? "ignores" : "answers"));
  const scene = { caller: "+15550123", at: "", patience: null, keys: "", stickyTo: "" };
  const isSticky = Object.values(editor.flow.dial ?? {}).some((step) => step.sticky);
  const hasMenu = Object.keys(editor.flow.menu ?? {}).length > 0;
  const result = h("div", { class: "stack", "aria-live": "polite" });
  const run = async () => {
    fill(result, h("p", { class: "quiet" }, "Playing it through …"));
    try {
      fill(
        result,
        timeline(await flows.simulate(editor.name, { flow: editor.flow, scene: asked(scene, people) })),
      );
    } catch (problem) {
      fill(result, h("p", { class: "remark error" }, problem.message));
    }
  };
  dialog({
    title: `Simulate ${titleOf(editor.name)}`,
    size: "large",
    body: h(
      "div",
      { class: "stack wide" },
      h(
        "p",
        { class: "quiet" },
        "No phone rings. The same code that carries real calls runs on a clock of its own, with the draft as it is now.",
      ),
      h(
        "div",
        { class: "scene" },
        field({
          label: "Caller",
          value: scene.caller,
          type: "tel",
          onInput: (value) => {
            scene.caller = value;
          },
        }),
        field({
          label: "Calls at",
          type: "datetime-local",
          value: scene.at,
          onInput: (value) => {
            scene.at = value;
          },
          hint: "By your own clock; empty is now.",
        }),
        field({
          label: "Hangs up after",
          type: "number",
          min: 1,
          unit: "s",
          class: "brief",
          placeholder: "never",
          onInput: (value) => {
            scene.patience = value === "" ? null : Number(value);
          },
        }),
        isSticky
          ? select({
              label: "Took this caller's last call",
              value: "",
              options: [["", "Nobody"], ...names.map((name) => [name, name])],
              onChange: (value) => {
                scene.stickyTo = value;
              },
            })
          : null,
        hasMenu
          ? field({
              label: "Presses",
              placeholder: "1 at 8",
              hint: "A key, and the second: 1 at 8, 2 at 15",
              onInput: (value) => {
                scene.keys = value;
              },
            })
          : null,
      ),
      people.length
        ? h(
            "fieldset",
            { class: "stack" },
            h("legend", { class: "label" }, "What the recipients do"),
            people.map((each) => sceneRow(each)),
          )
        : h("p", { class: "remark" }, "Nobody is in this flow yet who could ring."),
      h("div", {}, button("Play it through", run, { kind: "main", picture: "start" })),
      result,
    ),
  });
}

const behaving = (name, does) => ({ name, does, after: BEHAVIOURS.find(([each]) => each === does)[2] });

function asked({ caller, at, patience, keys, stickyTo }, people) {
  const told = ({ does, after }) => {
    const [, , usual, behind] = BEHAVIOURS.find(([each]) => each === does);
    return `${does === "silent" ? "answers" : does}${usual === null ? "" : `:${after ?? usual}`}${behind}`;
  };
  const pressed = [...keys.matchAll(/([0-9*#])\s*(?:at|@|:)\s*(\d+(?:\.\d+)?)/g)].map(([, key, second]) => [
    Number(second),
    key,
  ]);
  return {
    caller,
    at: at && new Date(at).toISOString(),
    ...(patience && { hangs_up_after: patience }),
    ...(pressed.length && { keys: pressed }),
    ...(stickyTo && { sticky_to: stickyTo }),
    recipients: Object.fromEntries(people.map((each) => [each.name, told(each)])),
  };
}

function sceneRow(person) {
  const after = field({
    label: `Seconds until ${person.name} does`,
    hideLabel: true,
    unit: "s",
    type: "number",
    min: 0,
    step: "any",
    class: "brief",
    value: person.after ?? "",
    onInput: (value) => {
      person.after = value === "" ? null : Number(value);
    },
  });
  after.hidden = person.after === null;
  return h(
    "div",
    { class: "scene-row" },
    h("strong", { class: "cut" }, person.name),
    select({
      label: `What ${person.name} does`,
      hideLabel: true,
      value: person.does,
      options: BEHAVIOURS.map(([value, text]) => [value, text]),
      onChange: (value) => {
        Object.assign(person, behaving(person.name, value));
        after.hidden = person.after === null;
        after.querySelector("input").value = person.after ?? "";
      },
    }),
    after,
  );
}

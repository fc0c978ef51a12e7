// "And then?": each exit as an arrow to the step that it leads to.

import { h } from "../dom.js";
import { icon } from "../icons.js";
import { place } from "../parts/field.js";
import { question } from "./dial.js";
import { KINDS, exitsOf, keyOf, namesOf, titleOf } from "./model.js";

const NEW = "new:";

/** lead: called with (exit, to) or, for a step that is yet to be made, (exit, "", kind). */
export function exits({ flow, name, lead, goTo }) {
  const found = exitsOf(flow, name);
  if (!found.length) return null;
  return question(
    "And then?",
    null,
    h(
      "ul",
      { class: "exits" },
      found.map((exit) => row(flow, name, exit, lead, goTo)),
    ),
  );
}

function row(flow, name, exit, lead, goTo) {
  const label = `${exit.title}, leads to`;
  const choose = (value) =>
    value.startsWith(NEW) ? lead(exit, "", value.slice(NEW.length)) : lead(exit, value);
  const input = h(
    "select",
    {
      class: "select",
      "aria-label": label,
      data: { exit: exit.exit },
      on: { change: () => choose(input.value) },
    },
    h(
      "option",
      { value: "", selected: !exit.to },
      exit.otherwise ? capital(exit.otherwise) : "Choose a step …",
    ),
    h(
      "optgroup",
      { label: "Steps" },
      namesOf(flow).map((each) => h("option", { value: each, selected: each === exit.to }, titleOf(each))),
    ),
    h(
      "optgroup",
      { label: "New step" },
      Object.entries(KINDS).map(([kind, { title }]) =>
        h("option", { value: NEW + kind }, `New: ${title.toLowerCase()}`),
      ),
    ),
  );
  return h(
    "li",
    { class: "exit" },
    h("span", { class: "exit-name" }, exit.title),
    h("span", { class: "exit-arrow", "aria-hidden": "true" }, icon("right")),
    h("div", { class: "grow" }, input, place(`${keyOf(flow, name)}.${exit.setting}`, input)),
    exit.to && namesOf(flow).includes(exit.to)
      ? h(
          "button",
          {
            class: "button plain square small",
            type: "button",
            "aria-label": `Open ${titleOf(exit.to)}`,
            title: `Open ${titleOf(exit.to)}`,
            on: { click: () => goTo(exit.to) },
          },
          icon("pencil"),
        )
      : null,
  );
}

const capital = (text) => text.charAt(0).toUpperCase() + text.slice(1);

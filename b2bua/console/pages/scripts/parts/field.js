// Labelled fields. Each has its label above, its hint and its remarks below, and tells screen readers of them.

import { freshId, h } from "../dom.js";
import { icon } from "../icons.js";

/** A text field; more properties go to the input. key: where remarks of the linter belong. */
export function field({ label, hint, unit, key, class: extra, hideLabel, onInput, onChange, ...properties }) {
  const id = freshId("field");
  const input = h("input", {
    id,
    class: `input ${extra ?? ""}`,
    type: "text",
    ...properties,
    on: {
      ...(onInput && { input: () => onInput(input.value) }),
      ...(onChange && { change: () => onChange(input.value) }),
    },
  });
  return wrapped({
    id,
    label,
    hint,
    key,
    hideLabel,
    input,
    shown: unit
      ? h("div", { class: "with-unit" }, input, h("span", { class: "unit", "aria-hidden": "true" }, unit))
      : input,
  });
}

/** A field for seconds: empty is what `absent` says, which is shown so. */
export function seconds({ value, absent = 0, onSeconds, ...properties }) {
  return field({
    type: "number",
    inputmode: "decimal",
    step: "any",
    min: 0,
    unit: "s",
    value: value === absent ? "" : value,
    class: "brief",
    ...properties,
    onInput: (text) => onSeconds(text === "" || Number.isNaN(Number(text)) ? absent : Number(text)),
  });
}

/** A list to choose from. options: [value, text] pairs. */
export function select({
  label,
  hint,
  key,
  hideLabel,
  options,
  value,
  onChange,
  class: extra,
  ...properties
}) {
  const id = freshId("field");
  const input = h(
    "select",
    { id, class: `select ${extra ?? ""}`, ...properties, on: { change: () => onChange?.(input.value) } },
    options.map(([each, text]) => h("option", { value: each, selected: each === value }, text)),
  );
  return wrapped({ id, label, hint, key, hideLabel, input, shown: input });
}

/** A field of several lines. */
export function area({ label, hint, key, hideLabel, onInput, ...properties }) {
  const id = freshId("field");
  const { value, ...rest } = properties;
  const input = h("textarea", {
    id,
    class: "textarea",
    rows: 3,
    ...rest,
    on: { input: () => onInput?.(input.value) },
  });
  input.value = value ?? "";
  return wrapped({ id, label, hint, key, hideLabel, input, shown: input });
}

function wrapped({ id, label, hint, key, hideLabel, input, shown }) {
  const described = [];
  const said = hint ? h("p", { class: "hint", id: `${id}-hint` }, hint) : null;
  if (said) described.push(said.id);
  const remarks = key ? place(key, input) : null;
  if (remarks) described.push(remarks.id);
  if (described.length) input.setAttribute("aria-describedby", described.join(" "));
  return h(
    "div",
    { class: "field" },
    h("label", { for: id, class: hideLabel ? "hidden-but-read" : null }, label),
    shown,
    said,
    remarks,
  );
}

/** Where remarks on a setting are shown; input is marked when one is an error. */
export function place(key, input = null) {
  const remarks = h("div", { class: "remarks", id: freshId("remarks"), data: { remarks: key } });
  if (input) remarks.markedInput = input;
  return remarks;
}

/** A switch. */
export function toggle({ label, value, onChange, hideLabel, key, hint, ...properties }) {
  const id = freshId("field");
  const input = h("input", {
    type: "checkbox",
    role: "switch",
    id,
    ...properties,
    on: { change: () => onChange(input.checked) },
  });
  input.checked = Boolean(value);
  const said = hint ? h("p", { class: "hint", id: `${id}-hint` }, hint) : null;
  if (said) input.setAttribute("aria-describedby", said.id);
  return h(
    "div",
    { class: "field" },
    h(
      "label",
      { class: "switch", for: id },
      input,
      h("span", { class: hideLabel ? "hidden-but-read" : null }, label),
    ),
    said,
    key ? place(key, input) : null,
  );
}

/** A choice among few. options: [value, text] pairs; setting: what it sets, to find it again. */
export function choices({ label, options, value, onChange, setting = "", showLabel = false }) {
  const name = freshId("choice");
  return h(
    "fieldset",
    { class: "field" },
    h("legend", { class: showLabel ? "label" : "hidden-but-read" }, label),
    h(
      "div",
      { class: "choices" },
      options.map(([each, text]) => {
        const input = h("input", {
          type: "radio",
          name,
          value: each,
          data: { setting },
          on: { change: () => onChange(each) },
        });
        input.checked = each === value;
        return h("label", {}, input, h("span", {}, text));
      }),
    ),
  );
}

/** What the linter says, or the server. */
export function remark({ severity, text, remedy }) {
  const picture = severity === "error" ? "error" : severity === "warning" ? "warning" : "note";
  return h(
    "p",
    { class: `remark ${severity}` },
    icon(picture),
    h(
      "span",
      {},
      h(
        "span",
        { class: "hidden-but-read" },
        severity === "error" ? "Error: " : severity === "warning" ? "Warning: " : "",
      ),
      sentence(text),
      " ",
      remedy ? h("b", {}, remedy) : "",
    ),
  );
}

const sentence = (text) => text.charAt(0).toUpperCase() + text.slice(1);

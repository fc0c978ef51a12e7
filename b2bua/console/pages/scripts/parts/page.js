// The frame of a page: heading, actions; and what stands there while it loads, when it is empty or cannot be shown.

import { h } from "../dom.js";
import { icon } from "../icons.js";

/** title, what it is for, and what can be done. back: [path, text] of the page above. */
export function head({ title, lead, actions = [], back }) {
  return h(
    "header",
    { class: "page-head" },
    h(
      "div",
      { class: "grow" },
      back ? h("a", { class: "crumb", href: back[0] }, icon("left"), back[1]) : null,
      h("h1", { tabindex: "-1" }, title),
      lead ? h("p", { class: "lead" }, lead) : null,
    ),
    actions.length ? h("div", { class: "row tight" }, actions) : null,
  );
}

/** Nothing there: why, and what to do. */
export function empty({ picture, title, text, action }) {
  return h("div", { class: "empty" }, icon(picture), h("h2", {}, title), h("p", {}, text), action ?? null);
}

/** It could not be had: what happened, and another try. */
export function failed(problem, again) {
  return h(
    "section",
    { class: "card" },
    h(
      "div",
      { class: "empty" },
      icon("warning"),
      h("h2", {}, "This could not be shown"),
      h("p", {}, problem.message),
      again ? h("button", { class: "button", type: "button", on: { click: again } }, "Try again") : null,
    ),
  );
}

export function loading(lines = 6) {
  return h(
    "section",
    { class: "card" },
    h(
      "div",
      { class: "card-body stack", "aria-busy": "true", "aria-label": "Loading" },
      Array.from({ length: lines }, (_, index) =>
        h("div", { class: "skeleton", style: { width: `${95 - ((index * 23) % 45)}%` } }),
      ),
    ),
  );
}

export function card(title, body, actions = [], extra = "") {
  return h(
    "section",
    { class: `card ${extra}` },
    h("header", {}, h("h2", {}, title), actions.length ? h("div", { class: "row tight" }, actions) : null),
    body,
  );
}

/** A table. columns: [heading, class]; rows: arrays of cells, or whole <tr> elements. */
export function table(caption, columns, rows) {
  return h(
    "div",
    { class: "scroll", tabindex: "0", role: "region", "aria-label": caption },
    h(
      "table",
      { class: "table" },
      h("caption", { class: "hidden-but-read" }, caption),
      h(
        "thead",
        {},
        h(
          "tr",
          {},
          columns.map(([heading, kind]) => h("th", { scope: "col", class: kind }, heading)),
        ),
      ),
      h(
        "tbody",
        {},
        rows.map((row) =>
          row instanceof Node
            ? row
            : h(
                "tr",
                {},
                row.map((cell, index) => h("td", { class: columns[index][1] }, cell)),
              ),
        ),
      ),
    ),
  );
}

export const button = (text, action, { picture, kind = "", ...properties } = {}) =>
  h(
    "button",
    { class: `button ${kind}`, type: "button", on: { click: action }, ...properties },
    picture ? icon(picture) : null,
    text,
  );

export const link = (text, href, { picture, kind = "", ...properties } = {}) =>
  h("a", { class: `button ${kind}`, href, ...properties }, picture ? icon(picture) : null, text);

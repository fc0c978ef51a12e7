// The path of a call through its flow: a card a step, an arrow an exit. On a narrow screen it is a list.

import { h, s } from "../dom.js";
import { icon } from "../icons.js";
import { KINDS, does, exitsOf, following, kindOf, path, stepOf, titleOf } from "./model.js";

const WIDE = 212;
const GAP = 60;
const BETWEEN = 20;
const HEAD = 78;
const EXIT = 27;
const ENTRY = 134; // right edge of where calls come from
const LANE = 9; // between arrows that go round beneath the steps

/** said: what steps do by the server's words, by name; counts: errors and warnings, by step. */
export function flowMap({ flow, selected, said, counts, choose, numbers }) {
  const steps = path(flow);
  const entry = numbers.length
    ? numbers.map((each) => each.name || each.dialled).join(", ")
    : "No number yet";
  const isNarrow = matchMedia("(max-width: 900px)").matches;
  const cards = new Map(
    steps.map(([name]) => [name, card({ flow, name, selected, said, counts, choose, isNarrow })]),
  );
  if (isNarrow) {
    return h(
      "div",
      { class: "path-list" },
      h("p", { class: "entry" }, icon("calls"), h("span", { class: "cut" }, `Calls to ${entry}`)),
      h(
        "ol",
        {},
        steps.map(([name, column]) =>
          h(
            "li",
            {},
            column < 0 ? h("p", { class: "faint small" }, "No call comes here:") : null,
            cards.get(name),
          ),
        ),
      ),
    );
  }
  return drawn(flow, steps, cards, entry);
}

function drawn(flow, steps, cards, entry) {
  const boxes = laidOut(flow, steps);
  const width = Math.max(...[...boxes.values()].map((box) => box.x + WIDE)) + 16;
  for (const [name, box] of boxes) {
    const element = cards.get(name);
    for (const [key, value] of Object.entries({ left: box.x, top: box.y, width: WIDE, height: box.height }))
      element.style.setProperty(key, `${value}px`);
  }
  const start = boxes.get(flow.first);
  const lines = start ? [edge(ENTRY, start.y + 34, start.x, start.y + 34)] : [];
  let bottom = Math.max(...[...boxes.values()].map((box) => box.y + box.height)) + 12;
  for (const [name] of steps) {
    exitsOf(flow, name).forEach((exit, index) => {
      const to = boxes.get(following(flow, name, exit));
      const from = boxes.get(name);
      if (!to || !exit.to) return;
      const [x1, y1, x2, y2] = [from.x + WIDE, from.y + HEAD + EXIT * index + EXIT / 2 - 4, to.x, to.y + 34];
      const passed = [...boxes.values()].filter((box) => box.x > from.x && box.x < to.x && box !== to);
      const isFar = x2 - x1 > GAP && passed.length;
      if (isFar || x2 <= x1) {
        lines.push(
          round(
            x1,
            y1,
            x2,
            y2,
            isFar
              ? Math.max(y1, ...passed.map((box) => box.y + box.height + 10 + ((LANE * lines.length) % 3)))
              : bottom,
          ),
        );
        if (!isFar) bottom += LANE;
      } else lines.push(edge(x1, y1, x2, y2, exit.exit === "answered" ? "good" : ""));
    });
  }
  const height = bottom + 8;
  const entryPill = h(
    "p",
    { class: "entry", title: `Calls to ${entry}` },
    h("span", { class: "faint small" }, "Calls to"),
    h("strong", {}, entry),
  );
  if (start) entryPill.style.setProperty("top", `${start.y + 8}px`);
  return h(
    "div",
    { class: "path-map", tabindex: "-1" },
    h(
      "div",
      { class: "path-room", style: { width: `${width}px`, height: `${height}px` } },
      s(
        "svg",
        { class: "path-lines", width, height, "aria-hidden": "true" },
        s(
          "defs",
          {},
          s(
            "marker",
            {
              id: "tip",
              viewBox: "0 0 8 8",
              refX: 7,
              refY: 4,
              markerWidth: 8,
              markerHeight: 8,
              orient: "auto",
            },
            s("path", { d: "M0 0.5L7.5 4L0 7.5z", class: "tip" }),
          ),
        ),
        lines,
      ),
      entryPill,
      h(
        "ol",
        {},
        steps.map(([name]) => h("li", {}, cards.get(name))),
      ),
    ),
  );
}

/** Places of all cards: a column for each distance from the start, in it by where their callers come from. */
function laidOut(flow, steps) {
  const boxes = new Map();
  const last = Math.max(0, ...steps.map(([, column]) => column));
  const columns = Array.from({ length: last + 1 }, () => []);
  for (const [name, column] of steps) columns[column < 0 ? 0 : column].push(name);
  const weight = new Map();
  for (const names of columns) {
    names.sort((one, other) => (weight.get(one) ?? 99) - (weight.get(other) ?? 99));
    names.forEach((name, row) =>
      exitsOf(flow, name).forEach((exit, index) => {
        const next = following(flow, name, exit);
        if (next && !weight.has(next)) weight.set(next, row + index / 20);
      }),
    );
  }
  columns.forEach((names, column) => {
    let y = 14;
    for (const name of names) {
      const height = HEAD + EXIT * exitsOf(flow, name).length + (exitsOf(flow, name).length ? 6 : -8);
      boxes.set(name, { x: ENTRY + 36 + column * (WIDE + GAP), y, height });
      y += height + BETWEEN;
    }
  });
  return boxes;
}

function edge(x1, y1, x2, y2, tone = "") {
  const bend = Math.max(24, (x2 - x1) / 2);
  return line(tone, `M${x1} ${y1}C${x1 + bend} ${y1} ${x2 - bend} ${y2} ${x2 - 2} ${y2}`);
}

/** An arrow that goes beneath the steps between: forward past them, or back. */
function round(x1, y1, x2, y2, lane) {
  const half = GAP / 2;
  return line(
    x2 <= x1 ? "back" : "",
    `M${x1} ${y1}C${x1 + half} ${y1} ${x1 + half / 2} ${lane} ${x1 + half} ${lane}L${x2 - half} ${lane}C${x2 - half / 2} ${lane} ${x2 - half} ${y2} ${x2 - 2} ${y2}`,
  );
}

const line = (tone, d) => s("path", { class: `path-line ${tone}`, d, "marker-end": "url(#tip)" });

function card({ flow, name, selected, said, counts, choose, isNarrow }) {
  const kind = kindOf(flow, name);
  const own = counts.get(name) ?? { error: 0, warning: 0 };
  const badge = own.error
    ? h(
        "span",
        { class: "chip bad" },
        icon("error"),
        h("span", {}, own.error),
        h("span", { class: "hidden-but-read" }, " errors"),
      )
    : own.warning
      ? h(
          "span",
          { class: "chip wait" },
          icon("warning"),
          h("span", {}, own.warning),
          h("span", { class: "hidden-but-read" }, " warnings"),
        )
      : null;
  const rows = exitsOf(flow, name).map((exit) => {
    const to = following(flow, name, exit);
    const words = to && stepOf(flow, to) ? titleOf(to) : exit.otherwise || "nowhere yet";
    return h(
      "span",
      { class: `node-exit ${!exit.to && !exit.otherwise ? "open" : ""} ${exit.to ? "" : "absent"}` },
      h("span", { class: "cut" }, short(exit.title)),
      isNarrow
        ? h("span", { class: "cut to" }, icon("right"), words)
        : exit.to
          ? null
          : h("span", { class: "faint cut" }, exit.otherwise ? short(words) : "nowhere yet"),
      isNarrow ? null : h("span", { class: "hidden-but-read" }, `leads to ${words}.`),
    );
  });
  return h(
    "button",
    {
      class: `node ${kind}`,
      type: "button",
      "aria-pressed": String(name === selected),
      data: { step: name },
      on: { click: () => choose(name) },
    },
    h(
      "span",
      { class: "node-head" },
      h("span", { class: "node-picture" }, icon(KINDS[kind].picture)),
      h(
        "span",
        { class: "grow" },
        h("strong", { class: "cut" }, titleOf(name)),
        h("span", { class: "node-does" }, said.get(name) ?? does(flow, name)),
      ),
    ),
    badge,
    rows.length ? h("span", { class: "node-exits" }, rows) : null,
  );
}

const SHORT = {
  "Answered, then the recipient hangs up": "Answered",
  "Pressed nothing on offer": "Nothing pressed",
  "as when nobody answered": "as above",
  "as at any other time": "as any other time",
};
const short = (title) => SHORT[title] ?? title;

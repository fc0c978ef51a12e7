// Charts as SVG, each with a table of the same figures for whoever cannot see them, or wants to copy them.

import { h, s } from "../dom.js";
import { icon } from "../icons.js";
import { table } from "./page.js";

/** Columns of stacked bars. bars: [name, [value of each layer]]; layers: [name, tone]. */
export function columns({ title, bars, layers, width = innerWidth < 760 ? 340 : 640, height = 200 }) {
  const left = 34;
  const bottom = 22;
  const top = Math.max(1, ...bars.map(([, values]) => values.reduce((sum, value) => sum + value, 0)));
  const step = nice(top / 4);
  const scale = Math.ceil(top / step) * step;
  const y = (value) => 8 + (height - bottom - 8) * (1 - value / scale);
  const room = (width - left - 4) / bars.length;
  const grid = Array.from({ length: Math.round(scale / step) + 1 }, (_, index) => index * step).flatMap(
    (value) => [
      s("line", { class: "line", x1: left, x2: width, y1: y(value), y2: y(value) }),
      s("text", { x: left - 6, y: y(value) + 4, "text-anchor": "end" }, value.toLocaleString()),
    ],
  );
  const drawn = bars.map(([name, values], index) => {
    let sum = 0;
    const x = left + room * index + room * 0.16;
    const pieces = values.map((value, layer) => {
      const from = sum;
      sum += value;
      return value
        ? s("rect", {
            class: layers[layer][1],
            x,
            width: room * 0.68,
            y: y(sum),
            height: Math.max(1, y(from) - y(sum)),
            rx: Math.min(2, room / 8),
          })
        : null;
    });
    const isNamed = bars.length <= 12 || index % 3 === 0;
    return s(
      "g",
      {},
      s(
        "title",
        {},
        `${name}: ${values.map((value, layer) => `${value} ${layers[layer][0].toLowerCase()}`).join(", ")}`,
      ),
      pieces,
      isNamed ? s("text", { x: x + room * 0.34, y: height - 5, "text-anchor": "middle" }, name) : null,
    );
  });
  return h(
    "figure",
    { class: "stack tight" },
    h(
      "p",
      { class: "legend" },
      layers.map(([name, tone]) => h("span", {}, h("span", { class: `lamp ${tone}` }), name)),
    ),
    s(
      "svg",
      {
        class: "chart",
        viewBox: `0 0 ${width} ${height}`,
        role: "img",
        "aria-label": `${title}. The same figures are in the table below.`,
      },
      grid,
      drawn,
    ),
    figures(
      title,
      ["", ...layers.map(([name]) => name)],
      bars.map(([name, values]) => [name, ...values.map((value) => value.toLocaleString())]),
    ),
  );
}

/** Bars across, one a row: [name, share from 0 to 1, what is said beside it]. */
export function shares({ title, rows, headings }) {
  const top = Math.max(0.0001, ...rows.map(([, share]) => share));
  return h(
    "figure",
    { class: "stack tight" },
    h(
      "div",
      { role: "img", "aria-label": `${title}. The same figures are in the table below.` },
      rows.map(([name, share, text]) =>
        h(
          "div",
          { class: "share-row" },
          h("span", { class: "cut", title: name }, name),
          h("div", { class: "bar" }, h("i", { style: { width: `${(share / top) * 100}%` } })),
          h("span", { class: "number" }, text),
        ),
      ),
    ),
    figures(
      title,
      headings,
      rows.map(([name, , text]) => [name, text]),
    ),
  );
}

function figures(title, headings, rows) {
  return h(
    "details",
    { class: "more as-table" },
    h("summary", {}, icon("chevron"), "As a table"),
    table(
      title,
      headings.map((heading, index) => [heading, index ? "number" : null]),
      rows,
    ),
  );
}

function nice(step) {
  const power = 10 ** Math.floor(Math.log10(Math.max(step, 1)));
  return Math.max(1, [1, 2, 5, 10].find((each) => each * power >= step) * power);
}

// How well each side heard the other: a mark on the scale of the listening quality, and what it comes from.

import { h, s } from "../dom.js";
import { card } from "../parts/page.js";

// Figure → [name, good up to, bad from]. Between the two it is noticed, and bearable.
const GAUGES = {
  loss: ["Lost", 1, 3],
  jitter: ["Jitter", 20, 50],
  gap: ["Longest gap", 0.5, 2],
  trip: ["Round trip", 150, 400],
};
const WORST = 1; // of the mean opinion score that G.107 estimates
const BEST = 4.5;
const ZONES = [
  [1, 3.1, "bad"],
  [3.1, 3.6, "wait"],
  [3.6, 4.5, "good"],
];

export function quality(call) {
  const streams = (call.streams ?? []).filter((each) => each.packets || each.sent_packets);
  const directions = call.quality ?? [];
  if (!streams.length && !directions.length) return null;
  const of = (leg, medium) => streams.find((each) => each.leg === leg && each.medium === medium);
  const rows = directions.length
    ? directions.map((each) => direction(each, of(each.speaker, each.medium), call))
    : streams.map((each) =>
        direction(
          {
            speaker: each.leg,
            listener: null,
            loss: (100 * each.lost) / Math.max(1, each.packets + each.lost),
            jitter: each.jitter,
          },
          each,
          call,
        ),
      );
  return card("Audio", h("div", { class: "card-body quality" }, rows));
}

function partyOf(call, leg) {
  if (leg === 0) return "Caller";
  return (
    call.recipients?.find((each) => each.leg === leg)?.name ?? (leg === null ? "Multiring" : `Leg ${leg}`)
  );
}

function direction(heard, stream, call) {
  const [speaker, listener] = [partyOf(call, heard.speaker), partyOf(call, heard.listener)];
  const tone = heard.mos
    ? (ZONES.find(([from, to]) => heard.mos >= from && heard.mos <= to)?.[2] ?? "wait")
    : "";
  const loss = heard.loss ?? 0;
  return h(
    "section",
    { class: "quality-row", "aria-label": heard.sentence ?? `${speaker} to ${listener}` },
    h(
      "div",
      { class: "stack tight" },
      h("h3", {}, `${speaker} → ${listener}`),
      h(
        "div",
        { class: "row tight" },
        heard.is_one_way
          ? h("span", { class: "chip bad" }, "Nothing was heard")
          : heard.verdict
            ? h("span", { class: `chip ${tone}` }, heard.verdict)
            : null,
        stream?.codec ? h("span", { class: "faint small" }, stream.codec.toUpperCase()) : null,
      ),
    ),
    h(
      "div",
      { class: "stack" },
      heard.mos
        ? scale(
            heard.mos,
            `${listener} heard ${speaker} with a quality of ${heard.mos.toFixed(1)} of ${BEST}`,
          )
        : null,
      h(
        "div",
        { class: "gauges" },
        gauge("loss", loss, `${loss.toFixed(loss < 10 ? 1 : 0)} %`),
        heard.jitter === null || heard.jitter === undefined
          ? null
          : gauge("jitter", heard.jitter, `${heard.jitter.toFixed(0)} ms`),
        heard.round_trip ? gauge("trip", heard.round_trip, `${heard.round_trip.toFixed(0)} ms`) : null,
        stream ? gauge("gap", stream.longest_gap, `${stream.longest_gap.toFixed(2)} s`) : null,
        stream ? plain("Packets", `${stream.packets.toLocaleString()}`) : null,
        stream?.strangers ? plain("Refused, from strangers", stream.strangers.toLocaleString()) : null,
      ),
    ),
  );
}

/** The scale from 1 to 4.5, with the zones that people call poor, fair and good, and a mark. */
function scale(mos, said) {
  const x = (value) => ((value - WORST) / (BEST - WORST)) * 400;
  return s(
    "svg",
    { class: "chart mos", viewBox: "0 0 400 34", role: "img", "aria-label": said },
    ZONES.map(([from, to, tone]) =>
      s("rect", {
        class: `zone ${tone}`,
        x: x(from) + 1,
        y: 12,
        width: x(to) - x(from) - 2,
        height: 8,
        rx: 2,
      }),
    ),
    [
      [1, "poor"],
      [3.1, "fair"],
      [3.6, "good"],
    ].map(([from, word]) => s("text", { x: x(from) + 2, y: 32 }, word)),
    s("path", { class: "mark", d: `M${x(mos)} 10l-5 -8h10z` }),
    s("line", { class: "mark-line", x1: x(mos), x2: x(mos), y1: 8, y2: 22 }),
    s(
      "text",
      {
        class: "mark-text",
        x: x(mos) > 340 ? x(mos) - 10 : x(mos) + 10,
        y: 9,
        "text-anchor": x(mos) > 340 ? "end" : "start",
      },
      mos.toFixed(1),
    ),
  );
}

function gauge(kind, value, text) {
  const [name, good, bad] = GAUGES[kind];
  const tone = value <= good ? "good" : value < bad ? "wait" : "bad";
  const word = { good: "", wait: "noticeable", bad: "poor" }[tone];
  const width = Math.max(2, Math.min(100, (value / (bad * 1.5)) * 100));
  return h(
    "div",
    { class: "gauge" },
    h("div", { class: "gauge-name" }, name),
    h("div", { class: "gauge-figure" }, text, word ? h("span", { class: "small" }, ` ${word}`) : null),
    h(
      "div",
      { class: "bar", "aria-hidden": "true" },
      h("i", { class: `tone-${tone}`, style: { width: `${width}%` } }),
    ),
  );
}

const plain = (name, text) =>
  h(
    "div",
    { class: "gauge" },
    h("div", { class: "gauge-name" }, name),
    h("div", { class: "gauge-figure" }, text),
  );

// How the audio was, for each direction: loss, jitter, gaps, measured where it came in.

import { h } from "../dom.js";
import { card } from "../parts/page.js";
import { initials } from "../words.js";

// Figure → [name, unit, good up to, bad from]. Between the two it is noticed, and bearable.
const GAUGES = {
  loss: ["Lost", "%", 1, 3],
  jitter: ["Jitter", "ms", 20, 50],
  gap: ["Longest gap", "s", 0.2, 1],
};

export function quality(call) {
  const streams = (call.streams ?? []).filter((each) => each.packets || each.sent_packets);
  if (!streams.length) return null;
  return card("Audio", h("div", { class: "card-body quality" }, streams.map((each) => row(each, call))), [h("span", { class: "quiet small" }, "as it arrived at this service")]);
}

function row(stream, call) {
  const party = stream.leg === 0 ? "Caller" : call.recipients?.find((each) => each.leg === stream.leg)?.name ?? `Leg ${stream.leg}`;
  const loss = (100 * stream.lost) / Math.max(1, stream.packets + stream.lost);
  const seconds = stream.packets * 0.02;
  return h("div", { class: "quality-row" },
    h("div", { class: "row tight" }, h("span", { class: "face", "aria-hidden": "true" }, initials(party)),
      h("div", {}, h("strong", {}, `From ${stream.leg === 0 ? "the caller" : party}`), h("div", { class: "faint small mono" }, stream.far || ""))),
    h("div", { class: "gauges" },
      gauge("loss", loss, `${loss.toFixed(loss < 10 ? 2 : 0)} %`), gauge("jitter", stream.jitter, `${stream.jitter.toFixed(1)} ms`), gauge("gap", stream.longest_gap, `${stream.longest_gap.toFixed(2)} s`),
      stream.mos ? plain("Listening quality", `${stream.mos.toFixed(1)} of 5`) : null,
      plain("Packets", `${stream.packets.toLocaleString()} in, ${stream.sent_packets.toLocaleString()} out`),
      stream.strangers ? plain("Strangers refused", stream.strangers.toLocaleString()) : null,
      seconds ? null : plain("Audio", "none came")));
}

function gauge(kind, value, text) {
  const [name, , good, bad] = GAUGES[kind];
  const tone = value <= good ? "good" : value < bad ? "wait" : "bad";
  const word = { good: "good", wait: "noticeable", bad: "poor" }[tone];
  const width = Math.max(2, Math.min(100, (value / (bad * 1.5)) * 100));
  return h("div", { class: "gauge" }, h("div", { class: "gauge-name" }, name), h("div", { class: "gauge-figure" }, text, " ", h("span", { class: `small ${tone === "good" ? "faint" : ""}` }, word)),
    h("div", { class: "bar", "aria-hidden": "true" }, h("i", { class: `tone-${tone}`, style: { width: `${width}%` } })));
}

const plain = (name, text) => h("div", { class: "gauge" }, h("div", { class: "gauge-name" }, name), h("div", { class: "gauge-figure" }, text));

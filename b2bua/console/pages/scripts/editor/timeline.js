// A simulated call: how it came out, what the caller and each recipient hear on one scale of time, and the ladder.

import { ladder } from "../call/ladder.js";
import { h } from "../dom.js";
import { icon } from "../icons.js";
import { table } from "../parts/page.js";
import { titleOf } from "./model.js";

const KINDS = [
  ["ringing", "Ringing"],
  ["prompt", "Prompt"],
  ["tone", "Tone"],
  ["talk", "Talking"],
  ["silence", "Silence"],
];

export function timeline(answer) {
  const end = Math.max(1, answer.seconds);
  const place = (second) => `${Math.min(100, (second / end) * 100)}%`;
  return [
    h("p", { class: "sentence" }, `${answer.sentence}.`.replace(/\.\.$/, ".")),
    (answer.problems ?? []).map((each) => h("p", { class: "remark" }, icon("warning"), h("span", {}, each))),
    h(
      "p",
      { class: "legend" },
      KINDS.map(([kind, name]) => h("span", {}, h("span", { class: `sample ${kind}` }), name)),
    ),
    h(
      "div",
      { class: "heard", "aria-hidden": "true" },
      steps(answer, place),
      answer.parties.map((party) => lane(party, place)),
      scale(end, place),
    ),
    h(
      "details",
      { class: "more", open: true },
      h("summary", {}, icon("chevron"), "Second by second"),
      events(answer),
    ),
    answer.messages?.length
      ? h(
          "details",
          { class: "more" },
          h("summary", {}, icon("chevron"), "SIP ladder"),
          ladder(answer.record, answer.messages),
        )
      : null,
  ];
}

function steps(answer, place) {
  if (!answer.steps?.length) return null;
  return h(
    "div",
    { class: "lane" },
    h("span", { class: "faint small" }, "Step"),
    h(
      "div",
      { class: "lane-steps" },
      answer.steps.map((step, index) => {
        const next = answer.steps[index + 1]?.at ?? answer.seconds;
        return h(
          "span",
          {
            style: { left: place(step.at), width: `calc(${place(next)} - ${place(step.at)})` },
            title: titleOf(step.name),
          },
          titleOf(step.name),
        );
      }),
    ),
  );
}

function lane(party, place) {
  return h(
    "div",
    { class: "lane" },
    h("strong", { class: "cut" }, nameOf(party)),
    h(
      "div",
      { class: "lane-bar" },
      party.hears.map(({ at, until, kind, what }) =>
        kind === "end"
          ? h("i", { class: "end", style: { left: place(at) }, title: what })
          : h(
              "span",
              {
                class: kind,
                style: { left: place(at), width: `calc(${place(until)} - ${place(at)})` },
                title: `${at} s to ${until} s: ${heard(kind, what)}`,
              },
              heard(kind, what),
            ),
      ),
    ),
  );
}

function scale(end, place) {
  const step = [1, 2, 5, 10, 15, 30, 60, 120, 300].find((each) => end / each <= 10) ?? 600;
  const ticks = Array.from({ length: Math.floor(end / step) + 1 }, (_, index) => index * step);
  return h(
    "div",
    { class: "lane" },
    h("span"),
    h(
      "div",
      { class: "lane-scale" },
      ticks.map((tick) => h("span", { style: { left: place(tick) } }, `${tick} s`)),
    ),
  );
}

function events(answer) {
  const all = answer.parties.flatMap((party) =>
    party.hears.map((each) => ({ at: each.at, what: heard(each.kind, each.what), who: nameOf(party) })),
  );
  all.push(
    ...(answer.steps ?? []).map((step) => ({
      at: step.at,
      who: "Call flow",
      what: `step “${titleOf(step.name)}” begins`,
    })),
  );
  all.sort((one, other) => one.at - other.at);
  return table(
    "Second by second",
    [["At", "number"], ["Who"], ["What they hear, or what happens"]],
    all.map((each) => [`${each.at.toFixed(1)} s`, h("strong", {}, each.who), each.what]),
  );
}

const heard = (kind, what) => (kind === "talk" ? `talks to ${what}` : what);
const nameOf = (party) => (party.leg === 0 ? "Caller" : party.name);

// What became of each recipient: outcome, times to the microsecond, a bar to scale.

import { h } from "../dom.js";
import { card } from "../parts/page.js";
import { initials, interval, lampOf, offset } from "../words.js";

const HEADINGS = [
  "Recipient",
  "Outcome",
  "Calling, ringing, talking",
  "Rang at",
  "Answered at",
  "Ended at",
  "SIP",
];

export function recipientsTable(call) {
  const recipients = call.recipients ?? [];
  if (!recipients.length)
    return card("Recipients", h("p", { class: "card-body quiet" }, "Nobody was rung in this call."));
  const until = scaleEnd(call);
  return card(
    "Recipients",
    h(
      "div",
      { class: "recipients", role: "table", "aria-label": "Recipients" },
      h(
        "div",
        { class: "recipient-row headings", role: "row" },
        HEADINGS.map((text, index) =>
          h("span", { role: "columnheader", class: index > 2 ? "number" : null }, text),
        ),
      ),
      recipients.map((each) => row(each, call, until)),
    ),
    [
      h(
        "span",
        { class: "legend" },
        ["wait Ringing", "good Talking"].map((text) =>
          h("span", {}, h("span", { class: `lamp ${text.split(" ")[0]}` }), text.split(" ")[1]),
        ),
        h("span", {}, `to ${interval(until - call.started_at)}`),
      ),
    ],
  );
}

function row(recipient, call, until) {
  const [tone, word] = lampOf(recipient);
  const isWinner = recipient.leg === call.answered_leg;
  return h(
    "div",
    { class: `recipient-row ${isWinner ? "winner" : ""}`, role: "row" },
    h(
      "div",
      { class: "who-cell", role: "cell" },
      h("span", { class: "face", "aria-hidden": "true" }, initials(recipient.name)),
      h(
        "div",
        {},
        h("strong", { class: "cut" }, recipient.name),
        h("div", { class: "faint small cut", title: recipient.uri }, recipient.uri),
      ),
    ),
    h(
      "div",
      { role: "cell", class: "outcome" },
      h("span", { class: `lamp ${tone}`, "aria-hidden": "true" }),
      h("span", {}, recipient.sentence || word),
    ),
    h("div", { role: "cell" }, bar(recipient, call.started_at, until)),
    at("Rang at", recipient.ringing_at, call),
    at("Answered at", recipient.answered_at, call),
    at("Ended at", recipient.ended_at, call),
    h(
      "span",
      { role: "cell", class: `at ${recipient.status ? "" : "none"}` },
      h("span", { class: "cell-name" }, "SIP "),
      recipient.status ?? "–",
    ),
  );
}

function at(name, moment, call) {
  return h(
    "span",
    { role: "cell", class: `at ${moment ? "" : "none"}` },
    h("span", { class: "cell-name" }, `${name} `),
    moment ? offset(moment, call.started_at) : "–",
  );
}

/** Ringing is to scale; of the talk only a fifth more is shown. */
function scaleEnd(call) {
  const times = call.recipients
    .flatMap((each) => [each.ringing_at, each.answered_at, each.answered_at ? null : each.ended_at])
    .filter(Boolean);
  if (call.answered_at) times.push(call.answered_at + (call.answered_at - call.started_at) * 0.25);
  if (!call.outcome) times.push(Date.now() * 1000);
  return Math.max(...times, call.started_at + 100_000);
}

function bar(recipient, start, until) {
  if (!recipient.invited_at) return h("div", { class: "bar", "aria-hidden": "true" });
  const place = (moment) => `${Math.min(100, Math.max(0, ((moment - start) / (until - start)) * 100))}%`;
  const piece = (kind, from, to) => {
    const style = { left: place(from), right: `calc(100% - ${place(to)})` };
    return h("i", { class: kind, style: { ...style, "min-width": "2px" } });
  };
  const end = recipient.ended_at ?? until;
  const ringsUntil = Math.min(recipient.answered_at ?? end, end);
  const pieces = [piece("calling", recipient.invited_at, recipient.ringing_at ?? ringsUntil)];
  if (recipient.ringing_at) pieces.push(piece("ringing", recipient.ringing_at, ringsUntil));
  if (recipient.answered_at)
    pieces.push(
      piece(
        recipient.outcome === "answered" || !recipient.outcome ? "talking" : "late",
        recipient.answered_at,
        end,
      ),
    );
  return h("div", { class: "bar", "aria-hidden": "true" }, pieces);
}

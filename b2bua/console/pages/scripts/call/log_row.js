// A row of the log: one call, with who answered, or why nobody did.

import { h } from "../dom.js";
import { STATUSES, initials, interval, lampOf, moment, rangUntil, statusOf, wholeMoment } from "../words.js";

export const headings = () =>
  h(
    "div",
    { class: "log-row log-headings", "aria-hidden": "true" },
    ["When", "Caller", "Number", "Answered by", "Recipients", "Rang", "Talked"].map((text) =>
      h("span", {}, text),
    ),
  );

export function rowOf(call) {
  const status = statusOf(call);
  const [word, tone, meaning] = STATUSES[status];
  const until = rangUntil(call);
  const caller = call.caller_name || call.caller || "Anonymous";
  const answered = call.answered_by
    ? h(
        "span",
        { class: "row tight answered" },
        h("span", { class: "face", "aria-hidden": "true" }, initials(call.answered_by)),
        h("strong", { class: "cut" }, call.answered_by),
      )
    : h("span", { class: `chip ${tone}`, title: meaning }, word);
  return h(
    "li",
    { class: `log-row ${status}`, data: { at: call.started_at }, on: { click: open } },
    h(
      "span",
      { class: "log-when" },
      h("a", { href: `/calls/${call.id}`, title: wholeMoment(call.started_at) }, moment(call.started_at)),
    ),
    h(
      "span",
      { class: "log-caller" },
      h("span", { class: "cut" }, caller),
      call.caller_name && call.caller ? h("span", { class: "faint small cut" }, call.caller) : null,
    ),
    h(
      "span",
      { class: "log-number cut" },
      call.number_name || call.dialled,
      call.number_name ? h("span", { class: "faint small cut" }, call.dialled) : null,
    ),
    h(
      "span",
      { class: "log-answered" },
      answered,
      status === "running" && call.answered_by ? h("span", { class: "chip accent" }, "Talking") : null,
    ),
    h("span", { class: "log-lamps" }, lamps(call)),
    h(
      "span",
      { class: "log-rang" },
      h("span", { class: "log-name" }, "Rang "),
      until ? interval(until - call.started_at) : "–",
    ),
    h(
      "span",
      { class: "log-talked" },
      h("span", { class: "log-name" }, "Talked "),
      call.answered_at && call.ended_at ? interval(call.ended_at - call.answered_at) : "–",
    ),
  );
}

/** A click anywhere in a row is one on its link; but who has selected a text wants to copy it. */
function open(event) {
  if (event.target.closest("a") || String(getSelection())) return;
  const { ctrlKey, metaKey, shiftKey } = event;
  event.currentTarget
    .querySelector("a")
    .dispatchEvent(new MouseEvent("click", { bubbles: true, cancelable: true, ctrlKey, metaKey, shiftKey }));
}

function lamps(call) {
  const recipients = call.recipients ?? [];
  const words = recipients.map((each) => `${each.name}: ${lampOf(each)[1]}`).join(", ");
  return h(
    "span",
    { class: "lamps", role: "img", "aria-label": words || "Nobody was rung", title: words },
    recipients.map((each) => h("span", { class: `lamp ${lampOf(each)[0]}` })),
  );
}

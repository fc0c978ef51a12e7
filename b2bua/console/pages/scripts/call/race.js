// The photo finish: who was first, by how much, what the others were told, and when their phones went quiet.

import { h } from "../dom.js";
import { card } from "../parts/page.js";
import { offset } from "../words.js";

const SAME = 20; // microseconds: sent in the same moment in which the answer was read

/** Of a call that somebody answered, with more than one recipient; otherwise nothing. */
export function race(call) {
  const raced = (call.recipients ?? []).filter((each) => each.invited_at);
  const winner = raced.find((each) => each.leg === call.answered_leg);
  if (!winner?.answered_at || raced.length < 2) return null;
  const end =
    Math.max(1000, ...raced.flatMap((each) => marks(each, winner, call).map((mark) => mark.at))) * 1.06;
  const rows = [
    winner,
    ...raced.filter((each) => each !== winner).sort((one, other) => arrival(one) - arrival(other)),
  ];
  return card(
    "Photo finish",
    h(
      "div",
      { class: "card-body finish" },
      rows.map((each, index) => row(each, index, winner, call, end)),
    ),
    [h("span", { class: "quiet small" }, "microseconds, in the order in which answers arrived here")],
  );
}

const arrival = (recipient) => recipient.answered_at ?? (recipient.ended_at ?? Infinity) + 1e12;

function row(recipient, index, winner, call, end) {
  const isFirst = recipient === winner;
  const when = recipient.answered_at
    ? isFirst
      ? offset(recipient.answered_at, call.started_at)
      : `+ ${offset(recipient.answered_at, winner.answered_at)}`
    : "did not answer";
  return h(
    "div",
    { class: `finish-row ${isFirst ? "first" : ""}` },
    h("span", { class: "finish-place" }, recipient.answered_at ? `${index + 1}.` : "–"),
    h("strong", {}, recipient.name),
    h("span", { class: recipient.answered_at ? "finish-at" : "faint" }, when),
    h(
      "span",
      { class: "finish-what" },
      isFirst ? "first answer: connected to the caller" : story(recipient, winner, call),
      strip(marks(recipient, winner, call), end),
    ),
  );
}

/** A line from the first answer on, with a mark for each thing that happened to this recipient; microseconds. */
function strip(all, end) {
  return h(
    "span",
    { class: "strip", "aria-hidden": "true" },
    all.map(({ kind, at, text }) =>
      h("i", { class: kind, title: text, style: { left: `${(at / end) * 100}%` } }),
    ),
  );
}

function marks(recipient, winner, call) {
  const zero = winner.answered_at;
  if (recipient === winner) return [{ kind: "first", at: 0, text: "first answer" }];
  const found = evidence(recipient, winner, call);
  return [
    ["answer", recipient.answered_at, "answered"],
    ["sent", found.sent?.at, found.sent?.name],
    ["quiet", found.quiet?.at, "quiet"],
  ]
    .filter(([, at]) => at >= zero)
    .map(([kind, at, text]) => ({ kind, at: at - zero, text }));
}

/** What a recipient who lost was sent, and what says that its phone is quiet. */
function evidence(recipient, winner, call) {
  const own = (call.messages ?? []).filter((message) => message.leg === recipient.leg);
  const sent = (name) =>
    own.find(
      (message) => !message.received && message.name === name && message.at >= winner.answered_at - 1e6,
    );
  const heard = (after, test) =>
    own.find((message) => message.received && message.at >= after && test(message));
  const cancel = sent("CANCEL");
  const bye = recipient.answered_at ? sent("BYE") : null;
  if (bye)
    return {
      sent: bye,
      crossed: Boolean(cancel),
      quiet: heard(bye.at, (message) => message.name.startsWith("200") && message.cseq.endsWith("BYE")),
    };
  return {
    sent: cancel,
    crossed: false,
    quiet: cancel && heard(cancel.at, (message) => message.name.startsWith("487")),
  };
}

/** What was said to one who lost, and until when it rang, from the messages of its leg. */
function story(recipient, winner, call) {
  const { sent, crossed, quiet } = evidence(recipient, winner, call);
  const since = ({ at }) => {
    const after = at - winner.answered_at;
    if (Math.abs(after) < SAME) return "once";
    return after > 0 ? `+${brief(after)}` : `−${brief(-after)}`;
  };
  if (sent?.name === "BYE") {
    const why = crossed ? "its answer crossed our CANCEL, so we sent" : "answered too late, so we sent";
    return `${why} ACK and BYE at ${since(sent)}${quiet ? `; quiet at ${since(quiet)}` : ""}`;
  }
  if (sent)
    return `CANCEL at ${since(sent)}${quiet ? `; 487 came, quiet at ${since(quiet)}` : "; no 487 was seen"}`;
  const said = recipient.sentence.charAt(0).toLowerCase() + recipient.sentence.slice(1);
  return recipient.ended_at ? `${said}, at ${offset(recipient.ended_at, call.started_at)}` : said;
}

const brief = (microseconds) =>
  microseconds < 1000 ? `${microseconds} µs` : `${(microseconds / 1000).toFixed(3)} ms`;

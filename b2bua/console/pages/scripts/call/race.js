// The photo finish: who was first, by how much, what the others were told, and when their phones went quiet.

import { h } from "../dom.js";
import { card } from "../parts/page.js";
import { interval, offset } from "../words.js";

/** Of a call that somebody answered, with more than one recipient; otherwise nothing. */
export function race(call) {
  const raced = (call.recipients ?? []).filter((each) => each.invited_at);
  const winner = raced.find((each) => each.leg === call.answered_leg);
  if (!winner?.answered_at || raced.length < 2) return null;
  const rows = [winner, ...raced.filter((each) => each !== winner).sort((one, other) => arrival(one) - arrival(other))];
  return card("Photo finish", h("div", { class: "card-body finish" }, rows.map((each, index) => row(each, index, winner, call))),
    [h("span", { class: "quiet small" }, "microseconds, in the order in which answers arrived here")]);
}

const arrival = (recipient) => recipient.answered_at ?? (recipient.ended_at ?? Infinity) + 1e12;

function row(recipient, index, winner, call) {
  const isFirst = recipient === winner;
  const when = recipient.answered_at
    ? (isFirst ? offset(recipient.answered_at, call.started_at) : `+ ${offset(recipient.answered_at, winner.answered_at)}`)
    : "did not answer";
  return h("div", { class: `finish-row ${isFirst ? "first" : ""}` },
    h("span", { class: "finish-place" }, recipient.answered_at ? `${index + 1}.` : "–"), h("strong", {}, recipient.name), h("span", { class: recipient.answered_at ? "finish-at" : "faint" }, when),
    h("span", { class: "finish-what" }, isFirst ? "first answer: connected to the caller" : story(recipient, winner, call)));
}

/** What was said to one who lost, and until when it rang, from the messages of its leg. */
function story(recipient, winner, call) {
  const own = (call.messages ?? []).filter((message) => message.leg === recipient.leg);
  const sent = (name) => own.find((message) => !message.received && message.name === name && message.at >= winner.answered_at - 1e6);
  const heard = (test, after) => own.find((message) => message.received && message.at >= after && test(message));
  const since = (at) => `${at >= winner.answered_at ? "+" : "−"}${interval(Math.abs(at - winner.answered_at))}`;
  const cancel = sent("CANCEL");
  const bye = recipient.answered_at ? sent("BYE") : null;
  if (bye) {
    const quiet = heard((message) => message.name.startsWith("200") && message.cseq.endsWith("BYE"), bye.at);
    const crossed = cancel ? "its answer crossed our CANCEL, so we sent" : "answered too late, so we sent";
    return `${crossed} ACK and BYE at ${since(bye.at)}${quiet ? `; quiet at ${since(quiet.at)}` : ""}`;
  }
  if (cancel) {
    const quiet = heard((message) => message.name.startsWith("487"), cancel.at);
    return `CANCEL at ${since(cancel.at)}${quiet ? `; 487 came, quiet at ${since(quiet.at)}` : "; no 487 was seen"}`;
  }
  return recipient.ended_at ? `${recipient.sentence.toLowerCase()}, at ${offset(recipient.ended_at, call.started_at)}` : recipient.sentence.toLowerCase();
}

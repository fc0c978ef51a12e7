// How times, numbers and outcomes are said. Moments and intervals are microseconds, as in the records.

/** When it rang no more: for whoever was let off to a mailbox, with the last phone that stopped. */
export function rangUntil(call) {
  if (call.answered_at || !["voicemail", "served", "refused"].includes(call.outcome))
    return call.answered_at ?? call.ended_at;
  const stopped = call.recipients.map((each) => each.ended_at).filter(Boolean);
  return stopped.length ? Math.max(...stopped) : null;
}

/** A length of time as people say it: 8 ms, 6.2 s, 3 min 04 s, 1 h 02 min. */
export function interval(microseconds) {
  if (microseconds === null || microseconds === undefined) return "";
  const us = Math.max(microseconds, 0);
  if (us < 1000) return `${(us / 1000).toFixed(1)} ms`;
  if (us < 999_500) return `${Math.round(us / 1000)} ms`;
  if (us < 9_950_000) return `${(us / 1e6).toFixed(1)} s`;
  const seconds = Math.round(us / 1e6);
  if (seconds < 60) return `${seconds} s`;
  const pad = (number) => String(number).padStart(2, "0");
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min ${pad(seconds % 60)} s`;
  return `${Math.floor(minutes / 60)} h ${pad(minutes % 60)} min`;
}

/** A running clock: 0:07, 12:31, 1:02:03. */
export function clock(microseconds) {
  const seconds = Math.max(0, Math.floor(microseconds / 1e6));
  const pad = (number) => String(number).padStart(2, "0");
  const hours = Math.floor(seconds / 3600);
  const minutes = Math.floor(seconds / 60) % 60;
  return hours ? `${hours}:${pad(minutes)}:${pad(seconds % 60)}` : `${minutes}:${pad(seconds % 60)}`;
}

const time = new Intl.DateTimeFormat(undefined, {
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
  hourCycle: "h23",
});
const minute = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
const day = new Intl.DateTimeFormat(undefined, { weekday: "short", day: "numeric", month: "short" });
const dayOfYear = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short", year: "numeric" });
const whole = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "long", hourCycle: "h23" });

export const timeOfDay = (at) => time.format(at / 1000);

/** A moment, short: 14:02 today, "Tue 3 Mar, 14:02" this year, with the year before that. */
export function moment(at, now = Date.now()) {
  if (!at) return "";
  const then = new Date(at / 1000);
  const today = new Date(now);
  if (then.toDateString() === today.toDateString()) return `Today, ${minute.format(then)}`;
  if (then.toDateString() === new Date(now - 86_400_000).toDateString())
    return `Yesterday, ${minute.format(then)}`;
  return `${then.getFullYear() === today.getFullYear() ? day.format(then) : dayOfYear.format(then)}, ${minute.format(then)}`;
}

export const dayName = (at) => day.format(at / 1000);
export const wholeMoment = (at) => whole.format(at / 1000);

/** Seconds and microseconds since a start: +6.204 118 s. */
export function offset(at, start) {
  if (at === null || at === undefined) return "";
  const us = at - start;
  const digits = String(Math.abs(us) % 1_000_000).padStart(6, "0");
  return `${us < 0 ? "−" : ""}${Math.floor(Math.abs(us) / 1e6)}.${digits.slice(0, 3)} ${digits.slice(3)} s`;
}

export const percent = (part, all) => (all ? `${Math.round((part / all) * 100)} %` : "–");
export const count = (number, one, many = `${one}s`) =>
  `${number.toLocaleString()} ${number === 1 ? one : many}`;

/** Words joined as in a sentence: a, b and c. */
export function joined(words) {
  return words.length < 2 ? words.join("") : `${words.slice(0, -1).join(", ")} and ${words.at(-1)}`;
}

// What the chips of the log say: status → [word, tone, what it means].
export const STATUSES = {
  answered: ["Answered", "good", "A recipient took the call and was connected."],
  missed: [
    "Missed",
    "bad",
    "The caller waited to the end, and nobody took the call: no answer, busy, declined or not reachable.",
  ],
  abandoned: ["Abandoned", "wait", "The caller hung up while it rang, before anybody had answered."],
  voicemail: ["Voicemail", "violet", "The caller left a message."],
  problem: [
    "Problem",
    "bad",
    "The call could not be handled: refused, failed, or the service was ended in the middle of it.",
  ],
  served: ["Served", "accent", "The call flow itself spoke to the caller; nobody was to be rung."],
  running: ["Running", "accent", "The call is still going on."],
};

const STATUS_OF = {
  answered: "answered",
  abandoned: "abandoned",
  busy: "missed",
  declined: "missed",
  "no answer": "missed",
  "not reachable": "missed",
  voicemail: "voicemail",
  served: "served",
  failed: "problem",
  refused: "problem",
  interrupted: "problem",
};

/** The chip that a call belongs under. */
export function statusOf(call) {
  return call.status_word ?? (call.outcome ? (STATUS_OF[call.outcome] ?? "problem") : "running");
}

// The lamp of a recipient: outcome → [tone, word].
const LAMPS = {
  answered: ["good", "Answered"],
  stopped: ["mute", "Stopped"],
  "answered too late": ["mute", "Too late"],
  declined: ["bad", "Declined"],
  busy: ["bad", "Busy"],
  "no answer": ["bad", "No answer"],
  "not reachable": ["bad", "Not reachable"],
  refused: ["bad", "Refused"],
  "forwarding ignored": ["bad", "Forwarding ignored"],
  "caller hung up": ["mute", "Caller hung up"],
  failed: ["bad", "Failed"],
  skipped: ["off", "Skipped"],
  "step ended": ["mute", "Stopped"],
  "did not press 1": ["bad", "Did not press 1"],
  "did not accept": ["bad", "Did not accept"],
  "pressed 1 too late": ["mute", "Pressed 1 too late"],
};

/** How a recipient's lamp shines: [tone, word]. Tones: wait rings, good talks, bad could not, mute stopped, off. */
export function lampOf(recipient) {
  if (recipient.outcome && recipient.outcome !== "answered")
    return LAMPS[recipient.outcome] ?? ["mute", recipient.outcome];
  if (recipient.state === "ended") return ["mute", recipient.outcome === "answered" ? "Hung up" : "Ended"];
  if (recipient.state === "asked") return ["ask", "Asked to press 1"];
  if (recipient.state === "answered" || recipient.answered_at || recipient.outcome === "answered")
    return ["good", "Answered"];
  if (recipient.state === "ringing" || recipient.ringing_at) return ["wait", "Ringing"];
  return ["call", "Calling"];
}

/** The first letters of a name, for its round picture. */
export function initials(name) {
  return (
    name
      .split(/[\s._-]+/)
      .filter(Boolean)
      .slice(0, 2)
      .map((word) => word[0].toUpperCase())
      .join("") || "?"
  );
}

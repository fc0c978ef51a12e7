// What is happening now: one stream of events for the whole console, whoever looks at it.
//
// The state is the running calls by their id, as the last snapshot and the events since say; a snapshot replaces it.

const ENDED_KEPT = 12;

class Live {
  constructor() {
    this.calls = new Map();
    this.ended = []; // the last ones, newest first
    this.core = { there: false, reason: "Connecting to the console …" };
    this.watchers = new Set();
    this.source = null;
  }

  /** Calls the watcher with the state now and after each event: ({calls, ended, core}, event or null). Gives an end to it. */
  watch(watcher) {
    this.watchers.add(watcher);
    if (!this.source) this.open();
    watcher(this, null);
    return () => this.watchers.delete(watcher);
  }

  open() {
    this.source = new EventSource("/api/live");
    this.source.addEventListener("snapshot", (message) => this.replace(JSON.parse(message.data)));
    this.source.addEventListener("core", (message) => {
      this.core = JSON.parse(message.data);
      if (!this.core.there) this.calls.clear();
      this.tell(null);
    });
    for (const name of EVENTS)
      this.source.addEventListener(name, (message) => this.apply(JSON.parse(message.data)));
    // The browser connects again by itself; until then nothing is known.
    this.source.addEventListener("error", () => {
      this.core = { there: false, reason: "The console does not answer. Calls go on without it." };
      this.tell(null);
      if (this.source.readyState === EventSource.CLOSED) {
        this.source = null;
        setTimeout(() => {
          if (!this.source) this.open();
        }, 3000);
      }
    });
  }

  replace({ calls, core }) {
    this.calls = new Map(calls.map((call) => [call.call, call]));
    this.core = core ?? { there: true, reason: "" };
    this.tell(null);
  }

  apply(event) {
    if (event.event === "call.started") this.calls.set(event.call, started(event));
    const call = this.calls.get(event.call);
    if (!call) return;
    if (event.event.startsWith("recipient.")) recipientOf(call, event);
    if (event.event === "call.step") call.step = event.step;
    if (event.event === "call.answered")
      Object.assign(call, { answered_at: event.at, answered_by: event.answered_by });
    if (event.event === "call.ended") {
      Object.assign(call, {
        outcome: event.outcome,
        answered_by: event.answered_by ?? call.answered_by,
        ended_at: event.at,
      });
      this.calls.delete(event.call);
      this.ended = [call, ...this.ended].slice(0, ENDED_KEPT);
    }
    this.tell(event);
  }

  tell(event) {
    for (const watcher of [...this.watchers]) watcher(this, event);
  }
}

const EVENTS = [
  "call.started",
  "call.answered",
  "call.ended",
  "recipient.invited",
  "recipient.ringing",
  "recipient.asked",
  "recipient.answered",
  "recipient.ended",
  "call.step",
  "call.voicemail",
];

function started(event) {
  return { ...event, started_at: event.at, answered_at: null, answered_by: null, recipients: [] };
}

function recipientOf(call, event) {
  let recipient = call.recipients.find((each) => each.recipient === event.recipient);
  if (!recipient) {
    recipient = { recipient: event.recipient, name: event.name, state: "invited", outcome: null };
    call.recipients.push(recipient);
    call.recipients.sort((one, other) => one.recipient - other.recipient);
  }
  recipient.state = event.event.slice("recipient.".length);
  recipient.at = event.at;
  recipient.outcome = event.outcome ?? recipient.outcome;
  if (recipient.state === "ringing") call.ringing_at ??= event.at;
}

export const live = new Live();

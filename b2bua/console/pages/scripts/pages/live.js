// The wallboard: who rings, who talks, how the last calls came out. It lives by events alone and asks for nothing.

import { calls as api } from "../api.js";
import { fill, h, painted, say } from "../dom.js";
import { titleOf } from "../editor/model.js";
import { icon } from "../icons.js";
import { live } from "../live.js";
import { confirm, toast } from "../parts/dialog.js";
import { button, head } from "../parts/page.js";
import { STATUSES, clock, initials, interval, lampOf, percent, statusOf, timeOfDay } from "../words.js";

const TICK = 500; // milliseconds; clocks only, lamps do not wait for it
const SUMMARY_AFTER = 500; // milliseconds after a call has ended: its record is written within 250
const SHOWN = 60; // rows of a list; of more calls at once nobody could read the names

export async function show({ place, user }) {
  const board = new Board(user);
  const whole = h("div", { class: "board" }, board.elements);
  const full = button(
    "Full screen",
    () => (document.fullscreenElement ? document.exitFullscreen() : whole.requestFullscreen()),
    { picture: "full" },
  );
  fill(
    place,
    head({ title: "Live", lead: "Every ringing call is a row, every recipient a lamp.", actions: [full] }),
    whole,
  );
  board.begin();
  const stop = live.watch((state, event) => board.see(state, event));
  const tick = setInterval(() => board.tick(), TICK);
  return {
    leave: () => {
      stop();
      clearInterval(tick);
      board.end();
    },
  };
}

class Board {
  constructor(user) {
    this.user = user;
    this.rows = new Map();
    this.waiting = 0;
    this.soon = painted(() => this.drawRest());
    this.away = h("p", { class: "remark error", role: "alert", hidden: true });
    this.figures = h("section", { class: "tiles", "aria-label": "Today", "aria-busy": "true" });
    this.ringing = h("ul", { class: "board-rows" });
    this.talking = h("ul", { class: "board-rows" });
    this.ended = h("ul", { class: "board-rows" });
    this.counts = { ringing: h("span", { class: "chip" }), talking: h("span", { class: "chip" }) };
    this.elements = [
      this.away,
      this.figures,
      h(
        "div",
        { class: "board-columns" },
        h(
          "section",
          { class: "card board-ringing" },
          h("header", {}, h("h2", { class: "row tight" }, "Now ringing", this.counts.ringing), legend()),
          this.ringing,
        ),
        h(
          "div",
          { class: "stack" },
          h(
            "section",
            { class: "card" },
            h("header", {}, h("h2", { class: "row tight" }, "Now talking", this.counts.talking)),
            this.talking,
          ),
          h("section", { class: "card" }, h("header", {}, h("h2", {}, "Last calls")), this.ended),
        ),
      ),
    ];
  }

  begin() {
    this.summary();
    api.list({ limit: 8 }).then(
      ({ calls }) => {
        if (!live.ended.length)
          live.ended = calls.filter((call) => call.outcome).map((call) => ({ ...call, call: call.id }));
        this.drawEnded(live.ended);
      },
      () => {},
    );
  }

  end() {
    clearTimeout(this.waiting);
  }

  async summary() {
    try {
      const today = await api.summary();
      const median = today.time_to_answer;
      fill(
        this.figures,
        tile("Calls today", today.calls),
        tile("Answered", percent(today.answered, today.calls)),
        tile(
          "Time to answer",
          median ? interval(median.median) : "–",
          median ? `p95 ${interval(median.p95)}` : "",
        ),
        tile("Missed", today.missed),
        tile("Abandoned", today.abandoned),
      );
    } catch {
      /* The line above says that the console is away; figures follow when it is back. */
    } finally {
      this.figures.removeAttribute("aria-busy");
    }
  }

  /** Lamps change at once; what is counted, before the next picture. */
  see({ calls }, event) {
    if (event === null) this.all(calls);
    else this.one(calls, event);
    this.soon();
    if (event?.event === "call.ended" && !this.waiting) {
      this.waiting = setTimeout(() => {
        this.waiting = 0;
        this.summary();
      }, SUMMARY_AFTER);
    }
    if (event) this.speak(calls, event);
  }

  drawRest() {
    this.away.hidden = live.core.there;
    fill(this.away, icon("error"), h("span", {}, live.core.reason || ""));
    if (this.rows.size < Math.min(SHOWN, live.calls.size)) this.all(live.calls);
    this.count(live.calls);
    this.drawEnded(live.ended);
  }

  /** Of a flood of events only what a person would tell another is read out. */
  speak(calls, event) {
    const call = calls.get(event.call);
    if (event.event === "call.started") say(`A call from ${callerOf(event)} rings.`);
    if (event.event === "call.answered")
      say(`${call?.answered_by ?? "Somebody"} answered ${callerOf(call ?? event)}.`);
  }

  all(calls) {
    for (const [id, row] of this.rows)
      if (!calls.has(id)) {
        row.remove();
        this.rows.delete(id);
      }
    for (const call of calls.values()) this.put(call);
  }

  one(calls, event) {
    const call = calls.get(event.call);
    if (call) {
      this.put(call);
      return;
    }
    this.rows.get(event.call)?.remove();
    this.rows.delete(event.call);
  }

  put(call) {
    const list = call.answered_at ? this.talking : this.ringing;
    let row = this.rows.get(call.call);
    if (!row || row.parentElement !== list) {
      row?.remove();
      this.rows.delete(call.call);
      if (list.childElementCount >= SHOWN) return;
      row = call.answered_at ? talkingRow(call, this.user) : ringingRow(call);
      this.rows.set(call.call, row);
      list.prepend(row);
    }
    if (!call.answered_at) lamps(row, call);
  }

  count(calls) {
    const talking = [...calls.values()].filter((call) => call.answered_at).length;
    this.counts.ringing.textContent = calls.size - talking;
    this.counts.talking.textContent = talking;
    foot(
      this.ringing,
      calls.size - talking,
      "Nobody is calling right now. A call shows up here the moment it rings.",
    );
    foot(this.talking, talking, "Nobody is talking.");
  }

  drawEnded(ended) {
    if (ended === this.endedShown) return;
    this.endedShown = ended;
    fill(
      this.ended,
      ended.length
        ? ended.slice(0, 8).map(endedRow)
        : h("li", { class: "board-empty" }, "No call has ended yet."),
    );
  }

  tick() {
    const now = Date.now() * 1000;
    for (const shown of document.querySelectorAll("[data-since]"))
      shown.textContent = clock(now - Number(shown.dataset.since));
  }
}

/** Below a list: what it means that it is empty, or how many more there are. */
function foot(list, all, text) {
  const there = list.querySelector(".board-empty");
  const more = all - list.querySelectorAll(".board-row").length;
  const words = all ? (more > 0 ? `and ${more.toLocaleString()} more` : "") : text;
  if (there?.textContent === words) return;
  there?.remove();
  if (words) list.append(h("li", { class: "board-empty" }, words));
}

const tile = (name, figure, note = "") =>
  h(
    "div",
    { class: "card tile" },
    h("div", { class: "tile-name" }, name),
    h("div", { class: "tile-figure" }, figure.toLocaleString()),
    note ? h("div", { class: "tile-note" }, note) : null,
  );
const callerOf = (call) => call.caller_name || call.caller || "somebody anonymous";
const numberOf = (call) => call.number_name || call.dialled;
const since = (at) => h("span", { class: "board-clock", data: { since: at } }, clock(Date.now() * 1000 - at));

function legend() {
  return h(
    "p",
    { class: "legend" },
    [
      ["call", "calling"],
      ["wait", "ringing"],
      ["good", "answered"],
      ["bad", "cannot"],
      ["mute", "stopped"],
    ].map(([tone, word]) => h("span", {}, h("span", { class: `lamp ${tone}` }), word)),
  );
}

function ringingRow(call) {
  return h(
    "li",
    { class: "board-row", data: { call: call.call } },
    h(
      "div",
      { class: "board-who" },
      h("a", { href: `/calls/${call.call}` }, callerOf(call)),
      h("span", { class: "quiet small cut board-to" }),
    ),
    since(call.started_at),
    h("ul", { class: "board-lamps", "aria-label": "Recipients" }),
  );
}

/** One lamp a recipient; an element that is there is changed, so that only what is new moves. */
function lamps(row, call) {
  const list = row.querySelector(".board-lamps");
  row.querySelector(".board-to").textContent =
    `to ${numberOf(call)}${call.step ? `, at “${titleOf(call.step)}”` : ""}`;
  for (const recipient of call.recipients) {
    const [tone, word] = lampOf(recipient);
    let lamp = list.querySelector(`[data-leg="${recipient.recipient}"]`);
    if (!lamp) {
      lamp = h(
        "li",
        { class: "board-lamp", data: { leg: recipient.recipient } },
        h("span", { class: "lamp" }),
        h("span", { class: "cut" }, recipient.name),
        h("span", { class: "small board-word" }),
      );
      list.append(lamp);
    }
    if (lamp.dataset.tone === tone && lamp.lastChild.textContent === word) continue;
    lamp.dataset.tone = tone;
    lamp.firstChild.className = `lamp ${tone}`;
    lamp.lastChild.textContent = word;
  }
}

function talkingRow(call, user) {
  const hangUp = async () => {
    const yes = await confirm({
      title: "Hang up this call?",
      text: `${callerOf(call)} and ${call.answered_by} are cut off at once.`,
      yes: "Hang up",
      danger: true,
    });
    if (!yes) return;
    try {
      await api.hangUp(call.call);
    } catch (problem) {
      toast(problem.message, "bad");
    }
  };
  return h(
    "li",
    { class: "board-row talking", data: { call: call.call } },
    h("span", { class: "face", "aria-hidden": "true" }, initials(call.answered_by ?? "?")),
    h(
      "div",
      { class: "board-who" },
      h("a", { href: `/calls/${call.call}` }, `${call.answered_by ?? "Somebody"} with ${callerOf(call)}`),
      h("span", { class: "quiet small cut" }, numberOf(call)),
    ),
    since(call.answered_at),
    user.may("editor")
      ? h(
          "button",
          {
            class: "button plain square small",
            type: "button",
            "aria-label": `Hang up the call of ${callerOf(call)}`,
            title: "Hang up",
            on: { click: hangUp },
          },
          icon("hang_up"),
        )
      : null,
  );
}

function endedRow(call) {
  const status = statusOf(call);
  const [word, tone] = STATUSES[status];
  return h(
    "li",
    { class: "board-row ended" },
    h("span", { class: `lamp ${tone}` }),
    h(
      "div",
      { class: "board-who" },
      h("a", { href: `/calls/${call.call}` }, status === "answered" ? `${call.answered_by} answered` : word),
      h("span", { class: "quiet small cut" }, `${callerOf(call)} to ${numberOf(call)}`),
    ),
    h("span", { class: "faint small nowrap" }, timeOfDay(call.ended_at ?? call.started_at)),
  );
}

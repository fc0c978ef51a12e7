// The log: every call a row, with who answered, or why nobody did.

import { calls, service } from "../api.js";
import { calmed, fill, h, say } from "../dom.js";
import { icon } from "../icons.js";
import { live } from "../live.js";
import { button, empty, failed, head, link } from "../parts/page.js";
import { field, select } from "../parts/field.js";
import { STATUSES, count, interval, moment, percent } from "../words.js";
import { headings, rowOf } from "../call/log_row.js";

const PAGE = 50;
const DAY = 86_400_000_000;
const SPANS = [
  ["", "Any time"],
  ["1", "Last 24 hours"],
  ["7", "Last 7 days"],
  ["30", "Last 30 days"],
  ["90", "Last 90 days"],
];

export async function show({ place, query, isCurrent }) {
  const wanted = {
    outcome: query.outcome ?? "",
    q: query.q ?? "",
    number: query.number ?? "",
    span: query.span ?? "",
    answered_by: query.answered_by ?? "",
  };
  const list = new List(wanted, isCurrent);
  const csv = link("Export CSV", "", { picture: "download", download: "" });
  const refresh = () => {
    csv.href = calls.csv(list.query());
    history.replaceState({}, "", `/calls${addressOf(wanted)}`);
    return list.reload();
  };
  fill(
    place,
    head({
      title: "Calls",
      lead: "One row a call. Open one to see who answered, and how it came to that.",
      actions: [csv],
    }),
    summaryTiles(),
    h("section", { class: "card" }, filters(wanted, refresh, list), list.element),
  );
  csv.href = calls.csv(list.query());
  await list.reload();
  list.renew(); // a call that has ended just before is written a quarter of a second later
  const stop = live.watch((_, event) => {
    if (event?.event === "call.ended" || event?.event === "call.started") list.renew();
  });
  return { leave: stop };
}

function addressOf(wanted) {
  const pairs = Object.entries(wanted).filter(([, value]) => value);
  return pairs.length ? `?${new URLSearchParams(pairs)}` : "";
}

function summaryTiles() {
  const tiles = h("section", { class: "tiles", "aria-label": "Today", "aria-busy": "true" });
  const draw = async () => {
    try {
      const today = await calls.summary();
      const median = today.time_to_answer;
      fill(
        tiles,
        tile(
          "Calls today",
          today.calls.toLocaleString(),
          live.calls.size ? `${live.calls.size} running now` : "none running now",
        ),
        tile("Answered", percent(today.answered, today.calls), count(today.answered, "call")),
        tile("Missed", today.missed.toLocaleString(), "waited to the end"),
        tile("Abandoned", today.abandoned.toLocaleString(), "hung up while it rang"),
        tile(
          "Time to answer",
          median ? interval(median.median) : "–",
          median ? `95 of 100 within ${interval(median.p95).replaceAll(" ", "\u00a0")}` : "no call answered yet",
        ),
      );
    } catch (problem) {
      fill(tiles, h("p", { class: "remark" }, problem.message));
    } finally {
      tiles.removeAttribute("aria-busy");
    }
  };
  draw();
  return tiles;
}

const tile = (name, figure, note) =>
  h(
    "div",
    { class: "card tile" },
    h("div", { class: "tile-name" }, name),
    h("div", { class: "tile-figure" }, figure),
    h("div", { class: "tile-note" }, note),
  );

function filters(wanted, refresh, list) {
  const soon = calmed(250, refresh);
  const chips = ["", "answered", "missed", "abandoned", "voicemail", "problem"].map((status) =>
    h(
      "button",
      {
        class: "filter",
        type: "button",
        "aria-pressed": String(wanted.outcome === status),
        title: status ? STATUSES[status][2] : "Every call",
        on: {
          click: (event) => {
            wanted.outcome = status;
            for (const chip of event.currentTarget.parentElement.children)
              chip.setAttribute("aria-pressed", String(chip === event.currentTarget));
            refresh();
          },
        },
      },
      status ? h("span", { class: `lamp ${STATUSES[status][1]}` }) : null,
      status ? STATUSES[status][0] : "All",
    ),
  );
  const numbers = select({
    label: "Number",
    hideLabel: true,
    options: [["", "All numbers"]],
    value: "",
    onChange: (value) => {
      wanted.number = value;
      refresh();
    },
  });
  service.numbers().then(
    ({ numbers: known }) => {
      const input = numbers.querySelector("select");
      fill(
        input,
        [
          ["", "All numbers"],
          ...known.map((each) => [each.dialled, each.name ? `${each.name} · ${each.dialled}` : each.dialled]),
        ].map(([value, text]) => h("option", { value, selected: value === wanted.number }, text)),
      );
    },
    () => {},
  );
  const by = wanted.answered_by
    ? h(
        "button",
        {
          class: "filter",
          type: "button",
          "aria-pressed": "true",
          on: {
            click: (event) => {
              wanted.answered_by = "";
              event.currentTarget.remove();
              refresh();
            },
          },
        },
        `Answered by ${wanted.answered_by}`,
        icon("close"),
        h("span", { class: "hidden-but-read" }, "Show everybody's"),
      )
    : null;
  return h(
    "div",
    { class: "log-filters" },
    h("div", { class: "filters", role: "group", "aria-label": "How it came out" }, chips, by),
    h(
      "div",
      { class: "log-search" },
      h(
        "div",
        { class: "search-field" },
        icon("search"),
        field({
          label: "Search numbers, names and sentences",
          hideLabel: true,
          type: "search",
          placeholder: "Search",
          value: wanted.q,
          onInput: (text) => {
            wanted.q = text;
            soon();
          },
        }),
      ),
      numbers,
      select({
        label: "When",
        hideLabel: true,
        options: SPANS,
        value: wanted.span,
        onChange: (value) => {
          wanted.span = value;
          refresh();
        },
      }),
    ),
    list.news,
  );
}

class List {
  constructor(wanted, isCurrent) {
    this.wanted = wanted;
    this.isCurrent = isCurrent;
    this.rows = h("ol", { class: "log", "aria-label": "Calls, the last one first" });
    this.foot = h("div", { class: "log-foot" });
    this.element = h("div", {}, headings(), this.rows, this.foot);
    this.news = h("div", { class: "log-news", role: "status" });
    this.next = null;
    this.shown = new Map();
    this.asked = null;
    this.renew = calmed(400, () => this.lookForNew());
  }

  query() {
    const { span, ...rest } = this.wanted;
    return { ...rest, limit: PAGE, since: span ? Math.floor(Date.now() * 1000 - span * DAY) : "" };
  }

  async reload() {
    this.asked?.abort();
    this.asked = new AbortController();
    this.element.setAttribute("aria-busy", "true");
    try {
      const page = await calls.list(this.query(), this.asked.signal);
      fill(this.rows);
      this.shown.clear();
      this.element.firstChild.hidden = !page.calls.length;
      this.add(page);
      say(
        page.calls.length
          ? `${page.next ? "More than " : ""}${count(page.calls.length, "call")}`
          : "No calls",
      );
      if (!page.calls.length && !page.next) fill(this.foot, this.nothing());
    } catch (problem) {
      if (problem.name === "AbortError") return;
      fill(this.rows);
      fill(
        this.foot,
        failed(problem, () => this.reload()),
      );
    } finally {
      this.element.removeAttribute("aria-busy");
    }
  }

  add(page) {
    this.next = page.next;
    for (const call of page.calls) {
      const row = rowOf(call);
      this.shown.set(call.id, row);
      this.rows.append(row);
    }
    const searched = page.searched_back_to ? `Searched back to ${moment(page.searched_back_to)}. ` : "";
    fill(
      this.foot,
      this.next
        ? h(
            "div",
            { class: "row apart more-calls" },
            h("span", { class: "faint small" }, searched),
            button(searched ? "Search on" : "Show older calls", () => this.older()),
          )
        : null,
    );
  }

  async older() {
    const last = this.rows.lastElementChild;
    try {
      this.add(await calls.list({ ...this.query(), cursor: this.next }));
      (last?.nextElementSibling ?? last)?.querySelector("a")?.focus();
    } catch (problem) {
      fill(
        this.foot,
        failed(problem, () => this.older()),
      );
    }
  }

  /** Puts calls that began or ended in the meantime at the top, without moving anything else. */
  async lookForNew() {
    if (!this.isCurrent()) return;
    try {
      const page = await calls.list(this.query());
      for (const call of page.calls.toReversed()) {
        const row = rowOf(call);
        const old = this.shown.get(call.id);
        if (old) {
          if (!old.contains(document.activeElement)) old.replaceWith(row);
          else continue;
        } else if (this.isNewer(call)) this.rows.prepend(row);
        else continue;
        this.shown.set(call.id, row);
      }
      if (page.calls.length) {
        this.element.firstChild.hidden = false;
        if (!page.next) fill(this.foot);
      }
    } catch {
      /* The next event, or the person, asks again; what is on show stays right. */
    }
  }

  isNewer(call) {
    const first = this.rows.firstElementChild;
    return !first || call.started_at >= Number(first.dataset.at);
  }

  nothing() {
    const isFiltered = Object.values(this.wanted).some(Boolean);
    return isFiltered
      ? empty({
          picture: "search",
          title: "No call fits",
          text: "Choose another status or time, or search for less.",
          action: link("Show all calls", "/calls"),
        })
      : empty({
          picture: "calls",
          title: "No calls yet",
          text: "As soon as somebody calls one of your numbers, the call is here, with who answered.",
          action: link("See your numbers", "/numbers"),
        });
  }
}

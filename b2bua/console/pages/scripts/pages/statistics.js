// Statistics: how many were answered, how soon, by whom, and at what time of day.

import { service } from "../api.js";
import { fill, h } from "../dom.js";
import { icon } from "../icons.js";
import { columns, shares } from "../parts/chart.js";
import { choices } from "../parts/field.js";
import { card, empty, failed, head, loading, table } from "../parts/page.js";
import { count, interval, percent } from "../words.js";

const DAY = 86_400_000_000;

const ASK_AGAIN = 400; // milliseconds, while the log is being counted

export async function show({ place, query, isCurrent }) {
  let days = ["1", "7", "30", "90"].includes(query.days) ? query.days : "30";
  const body = h("div", { class: "stack wide" });
  /** Figures of the days that are chosen; null when others are, or another page is on show, before they are there. */
  const counted = async (chosen) => {
    const mine = chosen();
    for (;;) {
      const figures = await service.statistics({ since: Math.floor(Date.now() * 1000 - Number(mine) * DAY) });
      if (mine !== chosen() || !isCurrent()) return null;
      if (!figures.counting) return figures;
      fill(body, beingCounted(figures.counting));
      await new Promise((resolve) => setTimeout(resolve, ASK_AGAIN));
      if (mine !== chosen() || !isCurrent()) return null;
    }
  };
  const draw = async () => {
    fill(body, loading());
    try {
      const figures = await counted(() => days);
      if (!figures) return;
      fill(
        body,
        figures.numbers.length
          ? whole(figures)
          : h(
              "section",
              { class: "card" },
              empty({
                picture: "statistics",
                title: "No calls in this time",
                text: "Figures appear with the first call that has ended. Choose a longer time, or place a test call.",
              }),
            ),
      );
    } catch (problem) {
      fill(body, failed(problem, draw));
    }
  };
  fill(
    place,
    head({
      title: "Statistics",
      lead: "Calls that have ended. A caller who hung up while it rang is abandoned, not missed.",
      actions: [
        choices({
          label: "Time",
          value: days,
          options: [
            ["1", "24 hours"],
            ["7", "7 days"],
            ["30", "30 days"],
            ["90", "90 days"],
          ],
          onChange: (value) => {
            days = value;
            history.replaceState({}, "", `/statistics?days=${days}`);
            draw();
          },
        }),
      ],
    }),
    body,
  );
  await draw();
}

function beingCounted({ left, of }) {
  return h(
    "section",
    { class: "card" },
    empty({
      picture: "statistics",
      title: "The log is being counted",
      text: `${(of - left).toLocaleString()} of ${of.toLocaleString()} calls so far. This is done once, after an update or a long absence; figures follow by themselves.`,
    }),
  );
}

function whole({ numbers, recipients }) {
  const sum = (key) => numbers.reduce((all, number) => all + number[key], 0);
  const calls = sum("calls");
  const slowest = numbers.map((number) => number.time_to_answer).filter(Boolean);
  const of = slowest.reduce((all, spread) => all + spread.of, 0);
  const median = of ? slowest.reduce((all, spread) => all + spread.median * spread.of, 0) / of : null;
  return [
    h(
      "section",
      { class: "tiles", "aria-label": "All numbers" },
      tile("Calls", calls.toLocaleString(), count(numbers.length, "number")),
      tile(
        "Answer rate",
        percent(sum("answered"), calls),
        count(sum("answered"), "call answered", "calls answered"),
      ),
      tile(
        "Time to answer",
        median === null ? "–" : interval(median),
        slowest.length
          ? `95 of 100 within ${interval(Math.max(...slowest.map((spread) => spread.p95))).replaceAll(" ", "\u00a0")}`
          : "",
      ),
      tile("Missed", sum("missed").toLocaleString(), percent(sum("missed"), calls)),
      tile("Abandoned", sum("abandoned").toLocaleString(), percent(sum("abandoned"), calls)),
    ),
    h(
      "div",
      { class: "charts" },
      card("By hour of the day", h("div", { class: "card-body" }, byHour(numbers))),
      card(
        "Who answers",
        h(
          "div",
          { class: "card-body" },
          recipients.length ? share(recipients) : h("p", { class: "quiet" }, "Nobody was rung in this time."),
        ),
      ),
    ),
    recipients.length ? card("Recipients", recipientTable(recipients)) : null,
    card("Numbers", numberTable(numbers)),
  ];
}

const tile = (name, figure, note) =>
  h(
    "div",
    { class: "card tile" },
    h("div", { class: "tile-name" }, name),
    h("div", { class: "tile-figure" }, figure),
    h("div", { class: "tile-note" }, note),
  );

function byHour(numbers) {
  const bars = Array.from({ length: 24 }, (_, hour) => {
    const own = numbers.map((number) => number.hours[hour]);
    const add = (key) => own.reduce((all, each) => all + each[key], 0);
    return [
      `${hour}:00`,
      [
        add("answered"),
        add("voicemail"),
        add("abandoned"),
        add("calls") - add("answered") - add("abandoned") - add("voicemail"),
      ],
    ];
  });
  return columns({
    title: "Calls by hour of the day",
    bars,
    layers: [
      ["Answered", "good"],
      ["Voicemail", "violet"],
      ["Abandoned", "wait"],
      ["Missed and others", "bad"],
    ],
  });
}

function share(recipients) {
  const rows = [...recipients].sort((one, other) => other.share - one.share).slice(0, 10);
  return shares({
    title: "Share of answered calls",
    headings: ["Recipient", "Share"],
    rows: rows.map((each) => [each.name, each.share, percent(each.share, 1)]),
  });
}

function recipientTable(recipients) {
  const number = (value) => (value ? value.toLocaleString() : "–");
  const columns_ = [
    ["Recipient"],
    ["Offered", "number"],
    ["Answered", "number"],
    ["To answer", "number"],
    ["Lost the race", "number"],
    ["Lost by", "number"],
    ["Declined", "number"],
    ["Busy", "number"],
    ["No answer", "number"],
    ["Not reachable", "number"],
  ];
  const rows = recipients.map((each) => {
    const machine = each.probably_voicemail;
    return [
      h(
        "div",
        {},
        h(
          "div",
          { class: "row tight" },
          h(
            "a",
            { href: `/calls?answered_by=${encodeURIComponent(each.name)}` },
            h("strong", {}, each.name),
          ),
          machine
            ? h(
                "span",
                {
                  class: "chip wait",
                  title: `${machine.answers} of ${machine.of} answers came after the same interval: stop this recipient earlier, or ask for a key press.`,
                },
                icon("voicemail"),
                `probably voicemail (${machine.after < 1_500_000 ? "at once" : `${Math.round(machine.after / 1e6)} s`})`,
              )
            : null,
        ),
        h("div", { class: "faint small" }, each.uri),
      ),
      number(each.offered),
      number(each.answered),
      each.time_to_answer ? interval(each.time_to_answer.median) : "–",
      number(each.lost),
      each.late_by ? interval(each.late_by.median) : "–",
      number(each.outcomes.declined),
      number(each.outcomes.busy),
      number(each.outcomes["no answer"]),
      number(each.outcomes["not reachable"]),
    ];
  });
  // What has happened to nobody takes no room.
  const isUsed = columns_.map((_, index) => rows.some((row) => row[index] !== "–"));
  const used = (list) => list.filter((_, index) => isUsed[index]);
  return table("Recipients", used(columns_), rows.map(used));
}

function numberTable(numbers) {
  return table(
    "Numbers",
    [
      ["Number"],
      ["Calls", "number"],
      ["Answered", "number"],
      ["Rate", "number"],
      ["Missed", "number"],
      ["Abandoned", "number"],
      ["To answer", "number"],
      ["p95", "number"],
    ],
    numbers.map((each) => [
      h(
        "div",
        {},
        h("strong", {}, each.name || each.dialled),
        each.name ? h("div", { class: "faint small" }, each.dialled) : null,
      ),
      each.calls.toLocaleString(),
      each.answered.toLocaleString(),
      percent(each.answered, each.calls),
      each.missed.toLocaleString(),
      each.abandoned.toLocaleString(),
      each.time_to_answer ? interval(each.time_to_answer.median) : "–",
      each.time_to_answer ? interval(each.time_to_answer.p95) : "–",
    ]),
  );
}

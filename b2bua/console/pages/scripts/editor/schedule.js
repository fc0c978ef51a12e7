// Opening hours: branches with their hours on each day of the week, holidays, and the time zone they are meant in.

import { fill, freshId, h } from "../dom.js";
import { icon } from "../icons.js";
import { field, place } from "../parts/field.js";
import { question } from "./dial.js";

const DAYS = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
const NAMES = {
  mon: "Monday",
  tue: "Tuesday",
  wed: "Wednesday",
  thu: "Thursday",
  fri: "Friday",
  sat: "Saturday",
  sun: "Sunday",
};

export function scheduleStep({ step, key, words, changed, now, redraw }) {
  const zones = freshId("zones");
  step.branches ??= [];
  const add = () => {
    step.branches.push({
      name: `hours ${step.branches.length + 1}`,
      hours: { "mon-fri": ["9:00-17:00"] },
      then: "",
    });
    redraw();
    changed();
  };
  return [
    question(
      "Whose clock?",
      now ? `Now: ${now.replaceAll("otherwise", "any other time")}` : null,
      h(
        "div",
        {},
        field({
          label: "Time zone",
          key: `${key}.time_zone`,
          value: step.time_zone ?? "",
          list: zones,
          placeholder: "Europe/Berlin",
          onInput: (value) => {
            step.time_zone = value.trim();
            changed();
          },
          hint: "Nine is nine on the day after the clocks have changed, too.",
        }),
        h(
          "datalist",
          { id: zones },
          words.time_zones.map((each) => h("option", { value: each })),
        ),
      ),
    ),
    question(
      "Which hours?",
      "The first that fit count. Any other time has an exit of its own, below.",
      step.branches.map((branch, index) => branchCard(step, branch, index, key, changed, redraw)),
      h(
        "div",
        {},
        h("button", { class: "button", type: "button", on: { click: add } }, icon("plus"), "Add hours"),
      ),
      place(`${key}.branches`),
    ),
    question("Holidays", "On these days no hours count.", holidays(step, key, changed)),
  ];
}

function branchCard(step, branch, index, key, changed, redraw) {
  const own = `${key}.branches.${index}`;
  const byDay = spread(branch.hours ?? {});
  const keep = () => {
    branch.hours = gathered(byDay);
    changed();
  };
  return h(
    "div",
    { class: "branch" },
    h(
      "div",
      { class: "row top" },
      h(
        "div",
        { class: "grow" },
        field({
          label: "Called",
          key: `${own}.name`,
          value: branch.name,
          onInput: (value) => {
            branch.name = value;
            changed();
          },
        }),
      ),
      step.branches.length > 1
        ? h(
            "button",
            {
              class: "button plain square",
              type: "button",
              "aria-label": `Remove the hours ${branch.name}`,
              on: {
                click: () => {
                  step.branches.splice(index, 1);
                  redraw();
                  changed();
                },
              },
            },
            icon("bin"),
          )
        : null,
    ),
    week(branch, byDay, keep),
    place(`${own}.hours`),
    place(own),
  );
}

function week(branch, byDay, keep) {
  const table = h("div", { class: "week", role: "group", "aria-label": `Hours of ${branch.name}` });
  const draw = (focus) => {
    fill(
      table,
      DAYS.map((day) =>
        h(
          "div",
          { class: "week-day" },
          h("span", { class: "week-name" }, NAMES[day]),
          h(
            "div",
            { class: "row tight" },
            byDay[day].length
              ? byDay[day].map((hours, index) => span(day, hours, index))
              : h("span", { class: "faint" }, "closed"),
            h(
              "button",
              {
                class: "button plain square small",
                type: "button",
                "aria-label": `Add hours on ${NAMES[day]}`,
                title: "Add hours",
                data: { add: day },
                on: {
                  click: () => {
                    byDay[day].push(["9:00", "17:00"]);
                    draw(`[data-add=${day}]`);
                    keep();
                  },
                },
              },
              icon("plus"),
            ),
            day === "mon"
              ? h(
                  "button",
                  {
                    class: "button plain small",
                    type: "button",
                    on: {
                      click: () => {
                        for (const other of DAYS.slice(1, 5)) byDay[other] = structuredClone(byDay.mon);
                        draw();
                        keep();
                      },
                    },
                  },
                  "Same to Friday",
                )
              : null,
          ),
        ),
      ),
    );
    if (focus) table.querySelector(focus)?.focus();
  };
  const span = (day, hours, index) =>
    h(
      "span",
      { class: "week-span" },
      time(`${NAMES[day]}, from`, hours[0], (value) => {
        hours[0] = value;
        keep();
      }),
      h("span", { class: "faint" }, "to"),
      time(`${NAMES[day]}, to`, hours[1], (value) => {
        hours[1] = value;
        keep();
      }),
      h(
        "button",
        {
          class: "button plain square small",
          type: "button",
          "aria-label": `Remove ${hours.join(" to ")} on ${NAMES[day]}`,
          on: {
            click: () => {
              byDay[day].splice(index, 1);
              draw(`[data-add=${day}]`);
              keep();
            },
          },
        },
        icon("close"),
      ),
    );
  draw();
  return table;
}

function time(label, value, onTime) {
  const input = h("input", {
    class: "input time",
    "aria-label": label,
    inputmode: "numeric",
    pattern: "[0-9]{1,2}:[0-9]{2}",
    maxlength: 5,
    value,
    on: {
      input: () => {
        if (/^\d{1,2}:\d{2}$/.test(input.value)) onTime(input.value);
      },
    },
  });
  return input;
}

/** "mon-fri" → five days, each with its spans as [from, to]. */
function spread(hours) {
  const byDay = Object.fromEntries(DAYS.map((day) => [day, []]));
  for (const [days, spans] of Object.entries(hours)) {
    const [first, last = first] = days.split("-").map((day) => DAYS.indexOf(day.trim()));
    for (let day = first; day >= 0; day = (day + 1) % 7) {
      byDay[DAYS[day]].push(...spans.map((span) => span.split("-").map((each) => each.trim())));
      if (day === last || last < 0) break;
    }
  }
  return byDay;
}

/** Days in a row that have the same hours are written as one range. */
function gathered(byDay) {
  const written = DAYS.map((day) => byDay[day].map((span) => span.join("-")));
  const hours = {};
  for (let first = 0; first < 7; first += 1) {
    if (!written[first].length) continue;
    let last = first;
    while (last < 6 && JSON.stringify(written[last + 1]) === JSON.stringify(written[first])) last += 1;
    hours[first === last ? DAYS[first] : `${DAYS[first]}-${DAYS[last]}`] = written[first];
    first = last;
  }
  return hours;
}

function holidays(step, key, changed) {
  const list = h("div", { class: "stack tight" });
  const days = Object.entries(step.holidays ?? {});
  const keep = () => {
    const kept = days.filter(([day]) => day);
    if (kept.length) step.holidays = Object.fromEntries(kept);
    else delete step.holidays;
    changed();
  };
  const draw = () =>
    fill(
      list,
      days.map((each, index) =>
        h(
          "div",
          { class: "holiday" },
          field({
            label: `Holiday ${index + 1}: day`,
            hideLabel: true,
            value: each[0],
            placeholder: "12-25 or 2027-03-26",
            onInput: (value) => {
              each[0] = value.trim();
              keep();
            },
          }),
          field({
            label: `Holiday ${index + 1}: name`,
            hideLabel: true,
            value: each[1],
            placeholder: "Christmas",
            onInput: (value) => {
              each[1] = value;
              keep();
            },
          }),
          h(
            "button",
            {
              class: "button plain square",
              type: "button",
              "aria-label": `Remove ${each[1] || "holiday"}`,
              on: {
                click: () => {
                  days.splice(index, 1);
                  draw();
                  keep();
                },
              },
            },
            icon("bin"),
          ),
        ),
      ),
      h(
        "div",
        {},
        h(
          "button",
          {
            class: "button",
            type: "button",
            on: {
              click: () => {
                days.push(["", ""]);
                draw();
                list.querySelectorAll("input")[days.length * 2 - 2]?.focus();
              },
            },
          },
          icon("plus"),
          "Add a holiday",
        ),
      ),
      place(`${key}.holidays`),
    );
  draw();
  return list;
}

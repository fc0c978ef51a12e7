// Numbers: where each leads.

import { service } from "../api.js";
import { fill, h } from "../dom.js";
import { titleOf } from "../editor/model.js";
import { empty, head, link, table } from "../parts/page.js";
import { joined } from "../words.js";

const STATES = {
  published: ["good", "published"],
  file: ["", "in the file"],
  own: ["", "own recipients"],
  missing: ["bad", "not published"],
};

export async function show({ place }) {
  const { numbers } = await service.numbers();
  fill(
    place,
    head({
      title: "Numbers",
      lead: "What can be called, and what becomes of it. Numbers stand in the configuration file; flows can be changed here.",
    }),
    h(
      "section",
      { class: "card" },
      numbers.length
        ? table("Numbers", [["Number"], ["Leads to"], ["Rings"], ["Today", "number"]], numbers.map(row))
        : empty({
            picture: "numbers",
            title: "No number yet",
            text: 'Add a table [numbers."+15550100"] with flow = "main" to the configuration, and reload it under Settings.',
            action: link("Call flows", "/flows"),
          }),
    ),
  );
}

function row(number) {
  const [tone, word] = STATES[number.flow_state] ?? ["", number.flow_state];
  const leads = number.flow
    ? h("a", { href: `/flows/${encodeURIComponent(number.flow)}` }, titleOf(number.flow))
    : "Its recipients";
  return [
    h(
      "div",
      {},
      h("strong", {}, number.name || number.dialled),
      number.name ? h("div", { class: "faint small" }, number.dialled) : null,
    ),
    h("span", { class: "row tight" }, leads, h("span", { class: `chip ${tone}` }, word)),
    joined(number.recipients ?? []) || "–",
    h("a", { href: `/calls?number=${encodeURIComponent(number.dialled)}` }, String(number.calls_today ?? 0)),
  ];
}

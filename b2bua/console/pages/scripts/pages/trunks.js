// Trunks, and how the parts of the service are.

import { service } from "../api.js";
import { fill, h } from "../dom.js";
import { live } from "../live.js";
import { card, empty, head, table } from "../parts/page.js";
import { remark } from "../parts/field.js";
import { joined, moment } from "../words.js";

export async function show({ place, isCurrent }) {
  const draw = async () => {
    const [{ trunks }, health] = await Promise.all([service.trunks(), service.health()]);
    if (!isCurrent()) return;
    fill(
      place,
      head({ title: "Trunks and health", lead: "Where calls come from and go to, and how the service is." }),
      parts(health),
      (health.warnings ?? []).map((each) => remark({ severity: "warning", text: each })),
      card(
        "Trunks",
        trunks.length
          ? table(
              "Trunks",
              [
                ["Trunk"],
                ["Calls come from"],
                ["Calls go to"],
                ["Caller ID"],
                ["May dial"],
                ["Running", "number"],
              ],
              trunks.map(row),
            )
          : empty({
              picture: "trunks",
              title: "No trunk",
              text: 'Without a trunk nobody can call. Add [trunks.carrier] with sources = ["192.0.2.0/24"] to the configuration.',
            }),
      ),
    );
  };
  await draw();
  let was = live.core.there;
  const stop = live.watch(({ core }) => {
    if (core.there !== was) {
      was = core.there;
      draw().catch(() => {});
    }
  });
  return { leave: stop };
}

function parts({ core, relay, database, console: own, listen }) {
  return h(
    "section",
    { class: "health", "aria-label": "Parts of the service" },
    part(
      "Calls",
      core.there,
      core.there
        ? [
            ["Running", core.calls],
            ["Since start", core.total],
            ["Listens on", joined(listen ?? [])],
            ["Refused", core.refused],
          ]
        : [],
      core.reason,
    ),
    part(
      "Audio relay",
      relay?.there,
      relay?.there
        ? [
            ["Form", relay.form],
            ["Ports", relay.ports ? relay.ports.join(" to ") : null],
          ]
        : [],
      relay?.reason ?? "The core says nothing of it.",
    ),
    part(
      "Records",
      database?.there ?? true,
      [["Waiting to be written", core.records_waiting]],
      database?.reason,
    ),
    part(
      "Console",
      !own?.configuration_problem,
      [
        ["Version", own?.version],
        ["Since", moment(own?.started_at)],
        ["Configuration", own?.configuration],
      ],
      own?.configuration_problem,
    ),
  );
}

function part(name, isWell, facts, reason) {
  const told = facts.filter(([, value]) => value !== undefined && value !== null && value !== "");
  return h(
    "section",
    { class: "card health-card" },
    h(
      "h2",
      {},
      h("span", { class: `lamp ${isWell ? "good" : "bad"}` }),
      name,
      h("span", { class: "hidden-but-read" }, isWell ? ", well" : ", away"),
    ),
    isWell ? null : h("p", { class: "remark error" }, reason || "Away."),
    h(
      "dl",
      { class: "facts small" },
      told.flatMap(([key, value]) => [
        h("dt", {}, key),
        h(
          "dd",
          {},
          typeof value === "object"
            ? joined(Object.entries(value).map(([each, number]) => `${each} ${number}`)) || "none"
            : String(value),
        ),
      ]),
    ),
  );
}

function row(trunk) {
  const of = (list) => joined(list ?? []) || "–";
  return [
    h("strong", {}, trunk.name),
    h("span", { class: "mono" }, of(trunk.sources)),
    h("span", { class: "mono" }, trunk.address || "–"),
    { "": "as it comes", caller: "caller's number", tracking: "number dialled" }[trunk.caller_id ?? ""] ??
      trunk.caller_id,
    trunk.sends_calls === false ? "no calls" : of(trunk.allowed_prefixes),
    trunk.running ?? "–",
  ];
}

// One call: who answered, what became of everybody, and the evidence.

import { calls } from "../api.js";
import { ladder } from "../call/ladder.js";
import { quality } from "../call/quality.js";
import { race } from "../call/race.js";
import { recipientsTable } from "../call/recipients.js";
import { calmed, fill, h } from "../dom.js";
import { titleOf } from "../editor/model.js";
import { icon } from "../icons.js";
import { live } from "../live.js";
import { confirm, copy, dialog, toast } from "../parts/dialog.js";
import { button, card, head, link } from "../parts/page.js";
import { STATUSES, initials, interval, rangUntil, statusOf, wholeMoment } from "../words.js";

export async function show({ place, parameters, user, isCurrent }) {
  let call = null;
  let isOver = false; // as its last event says, which may be told before its record is written
  const draw = async () => {
    call = await calls.one(parameters.id);
    if (!isCurrent() || call.outcome) stop();
    if (isCurrent()) fill(place, page(call, user));
    else return;
    if (isOver && !call.outcome) again();
  };
  const again = calmed(250, () => draw().catch((problem) => toast(problem.message, "bad")));
  // Watched before it is asked for, so that nothing is missed in between. Without an event, all may be otherwise.
  let isFirst = true;
  const stop = live.watch((_, event) => {
    if (isFirst || (event && call && event.call !== call.id)) return;
    isOver ||= event?.event === "call.ended" && event.call === (call?.id ?? parameters.id);
    again();
  });
  isFirst = false;
  try {
    await draw();
  } catch (problem) {
    stop();
    throw problem;
  }
  return { leave: stop };
}

function page(call, user) {
  const downloads = call.downloads ?? {};
  const messages = call.messages ?? [];
  return [
    head({
      title: `Call from ${call.caller_name || call.caller || "somebody anonymous"}`,
      back: ["/calls", "Calls"],
      actions: actions(call, downloads, user),
    }),
    verdict(call),
    downloads.recordings?.length ? recordings(downloads.recordings) : null,
    call.recipients?.length || !downloads.recordings?.length ? recipientsTable(call) : null,
    race(call),
    ladder(call, messages),
    quality(call),
    raw(call),
  ];
}

function actions(call, downloads, user) {
  const all = [];
  if (!call.outcome && user.may("editor"))
    all.push(button("Hang up", () => hangUp(call), { picture: "hang_up", kind: "danger" }));
  if (downloads.scenarios?.length)
    all.push(button("Copy as SIPp scenario", () => scenarios(downloads.scenarios), { picture: "copy" }));
  if (downloads.pcap) all.push(link("Download pcap", downloads.pcap, { picture: "download", download: "" }));
  return all;
}

async function hangUp(call) {
  const yes = await confirm({
    title: "Hang up this call?",
    text: "The caller and whoever talks to them are cut off at once.",
    yes: "Hang up",
    danger: true,
  });
  if (!yes) return;
  try {
    await calls.hangUp(call.id);
    toast("The call is being ended.");
  } catch (problem) {
    toast(problem.message, "bad");
  }
}

function verdict(call) {
  const status = statusOf(call);
  const [word, tone, meaning] = STATUSES[status];
  const face = call.answered_by
    ? h("span", { class: "face", "aria-hidden": "true" }, initials(call.answered_by))
    : null;
  const until = rangUntil(call);
  return h(
    "section",
    { class: "card verdict", "aria-label": "What happened" },
    h(
      "div",
      { class: "verdict-line" },
      face,
      h(
        "div",
        { class: "grow" },
        h(
          "p",
          { class: "row tight" },
          h("span", { class: `chip ${tone}`, title: meaning }, word),
          h("span", { class: "quiet small" }, wholeMoment(call.started_at)),
        ),
        h("p", { class: "sentence" }, `${call.sentence}.`.replace(/\.\.$/, ".")),
      ),
    ),
    h(
      "dl",
      { class: "facts" },
      fact("Caller", call.caller_name ? `${call.caller_name}, ${call.caller}` : call.caller || "Anonymous"),
      fact("Number", call.number_name ? `${call.number_name} (${call.dialled})` : call.dialled),
      call.flow && call.flow !== call.dialled
        ? fact(
            "Call flow",
            h(
              "a",
              { href: `/flows/${encodeURIComponent(call.flow)}` },
              call.flow_version ? `${call.flow}, version ${call.flow_version}` : call.flow,
            ),
          )
        : null,
      call.steps?.length ? fact("Steps", call.steps.map(titleOf).join(" → ")) : null,
      call.recipients?.length
        ? fact("Rang", until ? interval(until - call.started_at) : "still ringing")
        : null,
      call.answered_at
        ? fact("Talked", call.ended_at ? interval(call.ended_at - call.answered_at) : "still talking")
        : null,
      fact("Trunk", call.trunk || "none"),
      fact(
        "Caller was told",
        call.answered_at || call.status === 200
          ? "200 OK"
          : call.status
            ? `${call.status} ${call.reason}`.trim()
            : "nothing yet",
      ),
      fact("Call", h("span", { class: "mono" }, call.id.slice(0, 10))),
    ),
  );
}

const fact = (name, value) => h("div", {}, h("dt", {}, name), h("dd", {}, value));

function recordings(files) {
  return card(
    "Voicemail",
    h(
      "div",
      { class: "card-body stack" },
      files.map((file) =>
        h(
          "div",
          { class: "stack tight" },
          h(
            "div",
            { class: "row apart" },
            h("strong", {}, file.name),
            h("span", { class: "quiet small" }, file.seconds ? interval(file.seconds * 1e6) : ""),
          ),
          h("audio", {
            controls: true,
            preload: "none",
            src: file.url,
            "aria-label": `Message ${file.name}`,
          }),
          h("div", {}, link("Download", file.url, { picture: "download", kind: "small", download: "" })),
        ),
      ),
    ),
  );
}

function scenarios(list) {
  const take = async (each) => {
    try {
      await copy(await calls.text(each.url), `The ${each.name}'s side`);
    } catch (problem) {
      toast(problem.message, "bad");
    }
  };
  dialog({
    title: "Copy as SIPp scenario",
    body: h(
      "div",
      { class: "stack" },
      h(
        "p",
        { class: "quiet" },
        "Each side of this call as a file that SIPp plays again: the same messages, in the same order, with the same pauses.",
      ),
      h(
        "ul",
        { class: "stack tight" },
        list.map((each) =>
          h(
            "li",
            { class: "row apart" },
            h("strong", {}, each.name === "caller" ? "Caller" : each.name),
            h(
              "span",
              { class: "row tight" },
              button("Copy", () => take(each), {
                picture: "copy",
                kind: "small",
                "aria-label": `Copy the side of ${each.name}`,
              }),
              link("Download", each.url, {
                picture: "download",
                kind: "small",
                download: `${each.name}.xml`,
                "aria-label": `Download the side of ${each.name}`,
              }),
            ),
          ),
        ),
      ),
    ),
  });
}

function raw(call) {
  const text = () => JSON.stringify(call, null, 2);
  const body = h("div", { class: "card-body" });
  const details = h(
    "details",
    {
      class: "more",
      on: {
        toggle: () => {
          if (details.open && !body.hasChildNodes())
            fill(body, h("pre", { class: "raw", tabindex: "0" }, text()));
        },
      },
    },
    h("summary", {}, icon("chevron"), "Raw events as JSON"),
    body,
  );
  return h(
    "section",
    { class: "card" },
    h(
      "div",
      { class: "card-head" },
      details,
      button("Copy JSON", () => copy(text(), "The call"), { picture: "copy", kind: "small" }),
    ),
  );
}

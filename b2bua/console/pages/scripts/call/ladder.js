// The SIP ladder: every message of all legs, in order of time. One opens beside it when it is chosen.

import { fill, h, s } from "../dom.js";
import { icon } from "../icons.js";
import { copy } from "../parts/dialog.js";
import { button, card } from "../parts/page.js";
import { interval, offset } from "../words.js";

const LEFT = 96;
const NARROWEST = 112; // of a column
const WIDEST = 230;
const ROW = 30;
const TOP = 14;
const PAUSE = 1_000_000;

export function ladder(call, messages) {
  if (!messages.length)
    return card(
      "SIP ladder",
      h(
        "p",
        { class: "card-body quiet" },
        "No messages were kept of this call. The setting records.trace says whether they are.",
      ),
    );
  const parties = partiesOf(call, messages);
  const message = h("aside", { class: "message", "aria-label": "Message", hidden: true });
  const whole = h("div", { class: "ladder-with-message" });
  const open = (each, arrow) => {
    for (const other of whole.querySelectorAll(".arrow"))
      other.setAttribute("aria-pressed", String(other === arrow));
    whole.classList.add("open");
    message.hidden = false;
    fill(
      message,
      text(each, call, parties, () => {
        message.hidden = true;
        whole.classList.remove("open");
        const own = whole.querySelector(".arrow[aria-pressed=true]");
        own?.setAttribute("aria-pressed", "false");
        own?.focus();
      }),
    );
  };
  const body = h("div", { class: "ladder-body", tabindex: "-1" });
  let drawn = 0;
  const draw = () => {
    const column = Math.min(
      WIDEST,
      Math.max(NARROWEST, Math.floor((body.clientWidth - LEFT - 8) / parties.length)),
    );
    if (column === drawn || !body.clientWidth) return;
    drawn = column;
    const before = body.querySelector(".arrow[tabindex='0']")?.dataset.index ?? "0";
    const pressed = body.querySelector(".arrow[aria-pressed=true]")?.dataset.index;
    const isFocused = body.contains(document.activeElement);
    fill(body, picture(call, messages, parties, open, column));
    const arrow = body.querySelector(`[data-index="${before}"]`);
    arrow.setAttribute("tabindex", "0");
    if (pressed) body.querySelector(`[data-index="${pressed}"]`).setAttribute("aria-pressed", "true");
    if (isFocused) arrow.focus();
  };
  new ResizeObserver(draw).observe(body);
  fill(whole, h("div", { class: "ladder" }, body), message);
  return card("SIP ladder", whole, [
    h("span", { class: "quiet small" }, `${messages.length} messages; choose one to read it`),
  ]);
}

/** Columns from left to right: the caller, this service, every leg that has messages. */
function partiesOf(call, messages) {
  const legs = [...new Set(messages.map((each) => each.leg))]
    .filter((leg) => leg > 0)
    .sort((one, other) => one - other);
  const name = (leg) => call.recipients?.find((each) => each.leg === leg)?.name ?? `Leg ${leg}`;
  return [
    { leg: 0, name: call.caller_name || call.caller || "Caller" },
    { leg: null, name: "Multiring" },
    ...legs.map((leg) => ({ leg, name: name(leg) })),
  ];
}

function picture(call, messages, parties, open, column) {
  const x = (index) => LEFT + column / 2 + index * column;
  const width = LEFT + column * parties.length;
  const rows = [];
  let y = TOP + 46;
  let before = messages[0].at;
  messages.forEach((each, index) => {
    if (each.at - before > PAUSE) {
      rows.push(
        s("text", { class: "pause", x: 8, y: y + 4 }, `${interval(each.at - before)} later`),
        s("line", {
          x1: LEFT - 8,
          x2: width - 8,
          y1: y,
          y2: y,
          stroke: "var(--line)",
          "stroke-dasharray": "2 5",
        }),
      );
      y += ROW - 4;
    }
    before = each.at;
    rows.push(arrow(each, index, y, x, parties, call, open, column));
    y += ROW;
  });
  const height = y + 6;
  const lives = parties.map((_, index) =>
    s("line", { class: "life", x1: x(index), x2: x(index), y1: TOP + 22, y2: height - 8 }),
  );
  const names = parties.map((party, index) =>
    s("text", { class: "party", x: x(index), y: TOP + 8 }, cut(party.name, Math.floor(column / 8))),
  );
  const svg = s(
    "svg",
    {
      width,
      height,
      viewBox: `0 0 ${width} ${height}`,
      role: "group",
      "aria-label": `Ladder of ${messages.length} messages. Arrow keys go from one to the next.`,
    },
    lives,
    names,
    rows,
  );
  svg.addEventListener("keydown", (event) => move(event, svg));
  return svg;
}

function arrow(message, index, y, x, parties, call, open, column) {
  const service = 1;
  const party = Math.max(
    0,
    parties.findIndex((each) => each.leg === message.leg),
  );
  const [from, to] = message.received ? [party, service] : [service, party];
  const toRight = to > from;
  const end = x(to) + (toRight ? -2 : 2);
  const label = `${message.name}${message.has_sdp ? " + SDP" : ""}${message.is_again ? " (again)" : ""}`;
  const middle = x(party) + (party > service ? -column / 2 : column / 2);
  const words = `${offset(message.at, call.started_at)}: ${parties[from].name} to ${parties[to].name}: ${label}`;
  const element = s(
    "g",
    {
      class: `arrow ${kind(message)}`,
      role: "button",
      tabindex: "-1",
      "aria-pressed": "false",
      "aria-label": words,
    },
    s("rect", { x: 2, y: y - 20, width: LEFT + column * parties.length - 4, height: ROW - 2, rx: 5 }),
    s(
      "text",
      { class: "time", x: 8, y: y + 1, style: { "text-anchor": "start", "font-weight": "400" } },
      offset(message.at, call.started_at),
    ),
    s("line", { x1: x(from), x2: end, y1: y, y2: y }),
    s("path", { d: toRight ? `M${end} ${y}l-8 -4.5v9z` : `M${end} ${y}l8 -4.5v9z` }),
    s("text", { x: middle, y: y - 6 }, cut(label, 27)),
    s("title", {}, [label, message.reason, message.cseq].filter(Boolean).join(" · ")),
  );
  const choose = () => {
    for (const each of element.parentElement.querySelectorAll(".arrow"))
      each.setAttribute("tabindex", each === element ? "0" : "-1");
    open(message, element);
  };
  element.addEventListener("click", choose);
  element.addEventListener("keydown", (event) => {
    if (event.key === "Enter" || event.key === " ") {
      event.preventDefault();
      choose();
    }
  });
  element.dataset.index = index;
  return element;
}

function kind(message) {
  const again = message.is_again ? " again" : "";
  if (!message.is_response) return `request${again}`;
  const status = Number(message.name.slice(0, 3));
  return `${status >= 400 ? "bad" : status >= 200 ? "good" : ""}${again}`;
}

function move(event, svg) {
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (!step) return;
  const arrows = [...svg.querySelectorAll(".arrow")];
  const next = arrows[arrows.indexOf(document.activeElement) + step];
  if (!next) return;
  event.preventDefault();
  for (const each of arrows) each.setAttribute("tabindex", each === next ? "0" : "-1");
  next.focus();
  if (svg.closest(".open")) next.dispatchEvent(new MouseEvent("click"));
}

function text(message, call, parties, shut) {
  const other = parties.find((each) => each.leg === message.leg)?.name ?? "";
  const way = message.received ? `from ${other}` : `to ${other}`;
  const body = message.text
    ? h("pre", { tabindex: "0", "aria-label": "Text of the message" }, marked(message.text))
    : h(
        "p",
        { class: "quiet" },
        "Only editors and owners see the text of messages: numbers and addresses stand in it.",
      );
  return h(
    "div",
    { class: "message-in" },
    h(
      "div",
      { class: "row apart top" },
      h(
        "div",
        {},
        h("h3", {}, message.name),
        h("p", { class: "quiet small" }, `${way} at ${offset(message.at, call.started_at)}`),
      ),
      h(
        "button",
        {
          class: "button plain square small",
          type: "button",
          "aria-label": "Close the message",
          on: { click: shut },
        },
        icon("close"),
      ),
    ),
    h(
      "dl",
      { class: "facts small" },
      h("dt", {}, "Way"),
      h(
        "dd",
        { class: "mono" },
        `${message.transport} ${message.received ? `${message.remote} → ${message.local}` : `${message.local} → ${message.remote}`}`,
      ),
      h("dt", {}, "CSeq"),
      h("dd", { class: "mono" }, message.cseq),
    ),
    body,
    message.text
      ? h(
          "div",
          {},
          button("Copy", () => copy(message.text, "The message"), { picture: "copy", kind: "small" }),
        )
      : null,
  );
}

/** Names of headers stand out. */
function marked(message) {
  const [start, ...lines] = message.replaceAll("\r\n", "\n").split("\n");
  let inHeaders = true;
  return [
    h("b", {}, start),
    "\n",
    ...lines.flatMap((line) => {
      if (line === "") inHeaders = false;
      const colon = line.indexOf(":");
      return inHeaders && colon > 0
        ? [h("b", {}, line.slice(0, colon)), line.slice(colon), "\n"]
        : [line, "\n"];
    }),
  ];
}

const cut = (text_, length) => (text_.length > length ? `${text_.slice(0, length - 1)}…` : text_);

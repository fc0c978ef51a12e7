// Numbers: where each leads, and for who may: adding, changing and removing those of the database.

import { flows, numbers as kept, service } from "../api.js";
import { fill, h } from "../dom.js";
import { titleOf } from "../editor/model.js";
import { icon } from "../icons.js";
import { confirm, toast } from "../parts/dialog.js";
import { numberDialog } from "../parts/number_dialog.js";
import { button, empty, head, link, table } from "../parts/page.js";
import { joined } from "../words.js";

const STATES = {
  published: ["good", "published"],
  file: ["", "in the file"],
  own: ["", "own recipients"],
  missing: ["bad", "not published"],
};

export async function show({ place, user }) {
  const mayEdit = user.may("editor");
  const again = async () => {
    await show({ place, user });
    place.querySelector("h1").focus({ preventScroll: true }); // what had the focus is drawn anew
  };
  const { numbers, overruled, file } = await service.numbers();
  const hasFlows = !mayEdit || (await flowsThereAre());
  const adding = () =>
    button("Add a number", () => attempt(() => numberDialog({ again })), { kind: "main", picture: "plus" });
  const columns = [["Number"], ["Leads to"], ["Rings"], ["Today", "number"]];
  fill(
    place,
    head({
      title: "Numbers",
      lead: "What can be called, and which call flow its calls go through.",
      actions: mayEdit && hasFlows && numbers.length ? [adding()] : [],
    }),
    numbers.length && !hasFlows ? noFlowNote() : null,
    overruled.map((each) => overruledNote(each, file, mayEdit, again)),
    h(
      "section",
      { class: "card" },
      numbers.length
        ? table(
            "Numbers",
            mayEdit && !isNarrow() ? [...columns, [""]] : columns,
            numbers.map((each) => row(each, mayEdit, file, again)),
          )
        : nothing(mayEdit, hasFlows, adding),
    ),
    numbers.some((each) => each.in_file) ? fileNote(file, user.may("owner")) : null,
  );
}

// A column on the right would be out of sight there, so what can be done stands below the number.
const isNarrow = () => matchMedia("(max-width: 900px)").matches;

const flowsThereAre = async () => (await flows.list()).flows.length > 0;

function nothing(mayEdit, hasFlows, adding) {
  if (!mayEdit)
    return empty({
      picture: "numbers",
      title: "No number yet",
      text: "An editor or owner adds numbers, and chooses the call flow that each leads to.",
    });
  return hasFlows
    ? empty({
        picture: "numbers",
        title: "No number yet",
        text: "Add the number that your trunk sends, and choose the call flow that its calls go through.",
        action: adding(),
      })
    : empty({
        picture: "numbers",
        title: "First a call flow",
        text: "A number leads to a call flow, which says who rings. Make one; then add the number here.",
        action: link("Call flows", "/flows", { kind: "main" }),
      });
}

function row(number, mayEdit, file, again) {
  const doing = mayEdit ? (number.in_file ? inFile(file) : actions(number, again)) : null;
  const cells = [
    h(
      "div",
      {},
      h(
        "span",
        { class: "row tight" },
        h("strong", {}, number.name || number.dialled),
        number.is_on ? null : h("span", { class: "chip wait", title: "Calls to it are refused" }, "off"),
      ),
      number.name ? h("div", { class: "faint small" }, number.dialled) : null,
      isNarrow() ? doing : null,
    ),
    leadsTo(number),
    joined(number.recipients ?? []) || "–",
    h("a", { href: `/calls?number=${encodeURIComponent(number.dialled)}` }, String(number.calls_today ?? 0)),
  ];
  return doing && !isNarrow() ? [...cells, doing] : cells;
}

function leadsTo(number) {
  const [tone, word] = STATES[number.flow_state] ?? ["", number.flow_state];
  const leads = number.flow
    ? h("a", { href: `/flows/${encodeURIComponent(number.flow)}` }, titleOf(number.flow))
    : "Its recipients";
  return h(
    "div",
    {},
    h("span", { class: "row tight" }, leads, h("span", { class: `chip ${tone}` }, word)),
    number.trunks.length ? h("div", { class: "faint small" }, `from ${joined(number.trunks)} only`) : null,
  );
}

const inFile = (file) => h("span", { class: "faint small", title: `Change it in ${file}` }, "in the file");

function actions(number, again) {
  const what = number.name || number.dialled;
  return h(
    "div",
    { class: "row tight nowrap" },
    button("Change", () => attempt(() => numberDialog({ number, again })), {
      kind: "small",
      "aria-label": `Change ${what}`,
    }),
    isNarrow()
      ? null // it is in the window of “Change”
      : button(number.is_on ? "Switch off" : "Switch on", () => toggleOn(number, again), {
          kind: "small",
          "aria-label": `Switch ${number.is_on ? "off" : "on"} ${what}`,
        }),
    button("", () => leave(number, what, again), {
      kind: "plain square small",
      picture: "bin",
      "aria-label": `Remove ${what}`,
    }),
  );
}

async function toggleOn(number, again) {
  if (number.is_on) {
    const isMeant = await confirm({
      title: `Switch ${number.dialled} off?`,
      text: "New calls to it are refused until it is switched on again. Calls that run go on.",
      yes: "Switch off",
      danger: true,
    });
    if (!isMeant) return;
  }
  const { is_on: wasOn, revision } = number;
  await change(
    () => kept.change(number.dialled, { is_on: !wasOn, revision }),
    `${number.dialled} is ${wasOn ? "off" : "on"}.`,
    again,
  );
}

async function leave(number, what, again) {
  const isMeant = await confirm({
    title: `Remove ${what}?`,
    text: `New calls to ${number.dialled} are refused. Its calls stay in the log, and its flow stays as it is.`,
    yes: "Remove",
    danger: true,
  });
  if (isMeant) await change(() => kept.remove(number.dialled), `${number.dialled} is removed.`, again);
}

/** Does it, says so, and draws the page anew. */
async function change(action, done, again) {
  await attempt(async () => {
    const { taken, reason } = await action();
    toast(taken ? done : reason, taken ? "good" : "bad");
  });
  await attempt(again);
}

async function attempt(action) {
  try {
    await action();
  } catch (problem) {
    toast(problem.message, "bad");
  }
}

const noFlowNote = () =>
  h(
    "p",
    { class: "remark note" },
    icon("note"),
    h(
      "span",
      {},
      "A number that is added here leads to a call flow. There is none yet: ",
      h("a", { href: "/flows" }, "make one first."),
    ),
  );

function overruledNote(number, file, mayEdit, again) {
  return h(
    "p",
    { class: "remark warning" },
    icon("warning"),
    h(
      "span",
      {},
      `${number.dialled} stands in ${file} and here, leading to ${titleOf(number.flow)}. The file's counts. `,
      mayEdit
        ? button(
            "Remove it here",
            () => change(() => kept.remove(number.dialled), `${number.dialled} is removed here.`, again),
            { kind: "small" },
          )
        : null,
    ),
  );
}

function fileNote(file, isOwner) {
  return h(
    "p",
    { class: "remark note" },
    icon("note"),
    h(
      "span",
      {},
      "Numbers “in the file” stand in ",
      h("code", {}, file),
      " and are changed there; ",
      isOwner
        ? h("a", { href: "/settings" }, "Settings makes the service read it again.")
        : "an owner makes the service read it again.",
    ),
  );
}

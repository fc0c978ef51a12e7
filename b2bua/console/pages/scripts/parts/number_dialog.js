// The windows of the numbers: one number with what it leads to; and which number leads to a flow.

import { flows, numbers, service } from "../api.js";
import { fill, h } from "../dom.js";
import { titleOf } from "../editor/model.js";
import { dialog, toast } from "./dialog.js";
import { field, place, remark, select, toggle } from "./field.js";

const FRESH = { dialled: "", name: "", flow: "", trunks: [], is_on: true };

/** A number as it is written, or a new one. again: called when it is kept. */
export async function numberDialog({ number = null, again }) {
  const [{ flows: known }, trunks] = await Promise.all([flows.list(), callingTrunks()]);
  const wanted = { ...FRESH, ...number, flow: number?.flow ?? known[0]?.name ?? "" };
  const body = h(
    "form",
    { class: "stack" },
    number ? null : dialledField(wanted),
    nameField(wanted),
    select({
      label: "Leads to",
      key: "flow",
      value: wanted.flow,
      options: flowOptions(known, wanted.flow),
      hint: "What becomes of its calls, and who rings, is written in the call flow.",
      onChange: (value) => {
        wanted.flow = value;
      },
    }),
    trunks.length > 1 || wanted.trunks.length ? trunkField(trunks, wanted) : null,
    toggle({
      label: "Calls to it are taken",
      value: wanted.is_on,
      hint: "Off, callers are told that there is no such number. It keeps its place here.",
      onChange: (value) => {
        wanted.is_on = value;
      },
    }),
    place(""),
    h("button", { class: "button main" }, number ? "Save" : "Add"),
  );
  const title = number ? `Number ${number.dialled}` : "Add a number";
  const send = () =>
    number ? numbers.change(number.dialled, changesOf(wanted)) : numbers.add(wanted);
  open({ title, body, send, again, known });
}

/** Which number leads to this flow: one that is there, or a new one. */
export async function leadingDialog({ flow, again }) {
  const there = (await service.numbers()).numbers.filter((each) => !each.in_file);
  const fresh = { ...FRESH, flow };
  let chosen = ""; // a new one
  const writing = h("div", { class: "stack" }, dialledField(fresh), nameField(fresh));
  const body = h(
    "form",
    { class: "stack" },
    there.length
      ? select({
          label: "One that there is, or a new one",
          value: chosen,
          options: [["", "A new number"], ...there.map((each) => [each.dialled, nowLeading(each)])],
          hint: "A number leads to one flow: it leaves the one that it leads to now.",
          onChange: (value) => {
            chosen = value;
            writing.hidden = Boolean(value);
            for (const input of writing.querySelectorAll("input")) input.disabled = Boolean(value);
          },
        })
      : null,
    writing,
    h("div", {}, place("flow"), place("")),
    h("button", { class: "button main" }, "Lead it here"),
  );
  const send = () => (chosen ? numbers.change(chosen, { flow }) : numbers.add(fresh));
  open({ title: "Which number leads here?", body, send, again, known: (await flows.list()).flows });
}

function open({ title, body, send, again, known = [] }) {
  body.addEventListener("submit", async (event) => {
    event.preventDefault();
    let kept;
    try {
      kept = await send();
    } catch (refused) {
      showRefusal(body, refused);
      return;
    }
    box.shut();
    toast(kept.taken ? inUse(kept, known) : kept.reason, kept.taken ? "good" : "bad");
    await again().catch((problem) => toast(problem.message, "bad"));
  });
  const box = dialog({ title, size: "narrow", body });
  box.querySelector("form input, form select")?.focus();
}

/** What the server refused, beside the field that is to blame; below the form when there is none. */
function showRefusal(body, refused) {
  const places = new Map(
    [...body.querySelectorAll("[data-remarks]")].map((each) => [each.dataset.remarks, each]),
  );
  for (const each of places.values()) {
    fill(each);
    each.markedInput?.removeAttribute("aria-invalid");
  }
  const wrong = refused.fields?.length ? refused.fields : [{ field: "", reason: refused.message }];
  for (const { field: key, reason } of wrong) {
    const found = places.get(key.split(".")[0]) ?? places.get("");
    found.append(remark({ severity: "error", text: reason }));
    found.markedInput?.setAttribute("aria-invalid", "true");
    found.markedInput?.focus();
  }
}

const dialledField = (wanted) =>
  field({
    label: "Number",
    key: "dialled",
    required: true,
    maxlength: 40,
    inputmode: "tel",
    autocomplete: "off",
    placeholder: "+1 555 0100",
    hint: "As your trunk sends it, with + and country code as a rule.",
    onInput: (value) => {
      wanted.dialled = value;
    },
  });

const nameField = (wanted) =>
  field({
    label: "Name",
    key: "name",
    maxlength: 64,
    autocomplete: "off",
    value: wanted.name,
    placeholder: "Spring campaign",
    hint: "What it is for. The call log shows it, and {source} in a prompt says it.",
    onInput: (value) => {
      wanted.name = value;
    },
  });

function trunkField(trunks, wanted) {
  const all = [...new Set([...trunks, ...wanted.trunks])];
  return h(
    "fieldset",
    { class: "field" },
    h("legend", { class: "label" }, "Trunks that may dial it"),
    h("p", { class: "hint" }, "None chosen: all of them."),
    all.map((name) =>
      toggle({
        label: name,
        value: wanted.trunks.includes(name),
        onChange: (isChosen) => {
          wanted.trunks = isChosen ? [...wanted.trunks, name] : wanted.trunks.filter((each) => each !== name);
        },
      }),
    ),
    place("trunks"),
  );
}

const callingTrunks = async () =>
  (await service.trunks()).trunks.filter((each) => each.sends_calls).map((each) => each.name);

function flowOptions(known, current) {
  const options = known.map((each) => [
    each.name,
    titleOf(each.name) + (isLive(each) ? "" : " (not published yet)"),
  ]);
  return current && !known.some((each) => each.name === current)
    ? [[current, `${titleOf(current)} (is not there)`], ...options]
    : options;
}

/** What has come of it for whoever calls. */
function inUse(kept, known) {
  const flow = titleOf(kept.flow);
  if (!kept.is_on) return `${kept.dialled} is kept, and off: calls to it are refused.`;
  const isReady = known.some((each) => each.name === kept.flow && isLive(each));
  return isReady
    ? `${kept.dialled} leads to ${flow}. The next call goes by it.`
    : `${kept.dialled} leads to ${flow}, as soon as that is published.`;
}

const isLive = (flow) => flow.in_file || flow.version;
const changesOf = ({ name, flow, trunks, is_on, revision }) => ({ name, flow, trunks, is_on, revision });
const nowLeading = (number) =>
  `${[number.dialled, number.name].filter(Boolean).join(" ")}: leads to ${titleOf(number.flow)} now`;

// All call flows: what each does, what uses it, and whether a draft waits.

import { flows } from "../api.js";
import { fill, h } from "../dom.js";
import { nameOf, titleOf } from "../editor/model.js";
import { icon } from "../icons.js";
import { dialog, toast } from "../parts/dialog.js";
import { area, field } from "../parts/field.js";
import { button, empty, head } from "../parts/page.js";
import { initials, joined, moment } from "../words.js";

export async function show({ place, user, go }) {
  const { flows: known } = await flows.list();
  const mayEdit = user.may("editor");
  const actions = mayEdit
    ? [
        button("Import", () => take(go), { picture: "download" }),
        button("New call flow", () => create(known, go), { kind: "main", picture: "plus" }),
      ]
    : [];
  fill(
    place,
    head({
      title: "Call flows",
      lead: "What becomes of the calls to a number, step by step: who rings, for how long, and what comes if nobody answers.",
      actions,
    }),
    known.length
      ? h("ul", { class: "flow-cards" }, known.map(flowCard))
      : h(
          "section",
          { class: "card" },
          empty({
            picture: "flows",
            title: "No call flow yet",
            text: "A call flow says who rings when a number is called. Begin with the people who should ring; hours, menus and voicemail can come later.",
            action: mayEdit
              ? button("New call flow", () => create(known, go), { kind: "main", picture: "plus" })
              : null,
          }),
        ),
  );
}

function flowCard(flow) {
  const numbers = flow.numbers.length
    ? joined(flow.numbers.map((each) => each.name || each.dialled))
    : "No number uses it";
  return h(
    "li",
    { class: "card flow-card" },
    h(
      "div",
      { class: "row apart top" },
      h("h2", {}, h("a", { href: `/flows/${encodeURIComponent(flow.name)}` }, titleOf(flow.name))),
      h(
        "span",
        { class: "row tight" },
        flow.in_file
          ? h("span", { class: "chip" }, "in the file")
          : flow.version
            ? h("span", { class: "chip good" }, `version ${flow.version} live`)
            : h("span", { class: "chip" }, "not published"),
        flow.has_draft && flow.version ? h("span", { class: "chip wait" }, "draft") : null,
      ),
    ),
    h("p", { class: "quiet" }, capital(flow.summary || "Nothing yet.")),
    h("p", { class: "row tight small" }, icon("numbers"), h("span", {}, numbers)),
    h(
      "div",
      { class: "row apart" },
      flow.recipients.length
        ? h(
            "span",
            { class: "faces", role: "img", "aria-label": `Rings ${joined(flow.recipients)}` },
            flow.recipients
              .slice(0, 6)
              .map((name) => h("span", { class: "face", title: name }, initials(name))),
            flow.recipients.length > 6
              ? h("span", { class: "face" }, `+${flow.recipients.length - 6}`)
              : null,
          )
        : h("span", {}),
      h(
        "span",
        { class: "faint small" },
        flow.published_at
          ? `published ${moment(flow.published_at)}`
          : flow.draft_at
            ? `changed ${moment(flow.draft_at)}`
            : "",
      ),
    ),
  );
}

function create(known, go) {
  const problem = h("div", { class: "remarks" });
  const name = field({
    label: "Name",
    name: "title",
    required: true,
    maxlength: 32,
    placeholder: "Main line",
    hint: "How people here speak of it.",
  });
  const send = (event) => {
    event.preventDefault();
    const wanted = nameOf(name.querySelector("input").value);
    if (!wanted) {
      fill(problem, h("p", { class: "remark error" }, "Write a name with at least one letter or digit."));
      return;
    }
    if (known.some((each) => each.name === wanted)) {
      fill(
        problem,
        h("p", { class: "remark error" }, "There is a flow of that name already. Write another one."),
      );
      return;
    }
    box.shut();
    go(`/flows/${wanted}?new`);
  };
  const box = dialog({
    title: "New call flow",
    size: "narrow",
    body: h(
      "form",
      { class: "stack", on: { submit: send } },
      name,
      problem,
      h("button", { class: "button main" }, "Begin"),
    ),
  });
  name.querySelector("input").focus();
}

function take(go) {
  const problem = h("div", { class: "remarks" });
  let toml = "";
  const text = area({
    label: "TOML",
    hint: "As `b2bua flow export` writes it, or the [flows…] tables of a configuration.",
    rows: 10,
    class: "textarea mono",
    onInput: (value) => {
      toml = value;
    },
  });
  const send = async (event) => {
    event.preventDefault();
    try {
      const { flows: taken } = await flows.take(toml, "imported");
      box.shut();
      toast(`${joined(taken.map((each) => titleOf(each.name)))}: kept as the draft.`);
      go(taken.length === 1 ? `/flows/${encodeURIComponent(taken[0].name)}` : "/flows");
    } catch (refused) {
      fill(problem, h("p", { class: "remark error" }, refused.message));
    }
  };
  const box = dialog({
    title: "Import call flows",
    body: h(
      "form",
      { class: "stack", on: { submit: send } },
      text,
      problem,
      h("button", { class: "button main" }, "Import as draft"),
    ),
  });
}

const capital = (words) => words.charAt(0).toUpperCase() + words.slice(1);

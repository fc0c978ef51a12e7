// The editor of a call flow. What is changed is kept as a draft by itself; calls hear of it when it is published.

import { flows, prompts, service } from "../api.js";
import { fill, freshId, h, say } from "../dom.js";
import { dialStep } from "../editor/dial.js";
import { Draft } from "../editor/draft.js";
import { exits } from "../editor/exits.js";
import { flowMap } from "../editor/map.js";
import {
  KINDS,
  add,
  keyOf,
  kindOf,
  namesOf,
  remove,
  rename,
  starter,
  stepOf,
  titleOf,
} from "../editor/model.js";
import { hangUpStep, menuStep, playStep, voicemailStep } from "../editor/others.js";
import { publishDialog, remarksDialog, versionsDialog } from "../editor/publish.js";
import { showRemarks } from "../editor/remarks.js";
import { scheduleStep } from "../editor/schedule.js";
import { simulateDialog } from "../editor/simulate.js";
import { icon } from "../icons.js";
import { confirm } from "../parts/dialog.js";
import { place } from "../parts/field.js";
import { leadingDialog } from "../parts/number_dialog.js";
import { button } from "../parts/page.js";

const STEPS = {
  dial: dialStep,
  play: playStep,
  menu: menuStep,
  schedule: scheduleStep,
  voicemail: voicemailStep,
  hang_up: hangUpStep,
};

export async function show({ place: place_, parameters, query, user }) {
  const [words, kept] = await Promise.all([vocabulary(), begun(parameters.name, query.new !== undefined, user)]);
  const isKept = kept.revision || kept.published_version || kept.in_file;
  if (!isKept) rings(kept.flow, "ring", words);
  const editor = new Editor(kept, words, user, place_);
  editor.draw();
  if (isKept) editor.showRemarks(); // what the server has is checked already
  else editor.lint();
  const narrow = matchMedia("(max-width: 900px)");
  const redraw = () => editor.drawMap();
  narrow.addEventListener("change", redraw);
  const warn = (event) => {
    if (editor.isUnsaved) event.preventDefault();
  };
  window.addEventListener("beforeunload", warn);
  return {
    leave: () => {
      narrow.removeEventListener("change", redraw);
      window.removeEventListener("beforeunload", warn);
    },
    mayLeave: () => editor.mayLeave(),
  };
}

/** The flow as it is kept, or one that begins now. */
async function begun(name, mayBeNew, user) {
  const isNew = mayBeNew && !(await flows.list()).flows.some((each) => each.name === name);
  if (isNew) return { ...fresh(name), numbers: await leadingTo(name) };
  return flows.one(name).catch((problem) => toBegin(name, user, problem));
}

/** A new dial step rings for as long as the owner of this console has set. */
function rings(flow, name, { ring_time }) {
  if (ring_time && ring_time !== 30) stepOf(flow, name).ring_time = ring_time;
}

const fresh = (name) => ({
  name,
  flow: starter(),
  version: 0,
  is_draft: true,
  published_version: null,
  revision: null,
  numbers: [],
  versions: [],
  remarks: [],
  steps: [],
  problem: "",
});

async function leadingTo(name) {
  return (await service.numbers()).numbers.filter((each) => each.flow === name);
}

/** A flow that is not there, and that a number leads to all the same, waits for somebody to make it. */
async function toBegin(name, user, problem) {
  const numbers = problem.status === 404 && user.may("editor") ? await leadingTo(name) : [];
  if (!numbers.length) throw problem;
  return { ...fresh(name), numbers };
}

async function vocabulary() {
  const [words, recipients, files] = await Promise.all([
    service.vocabulary(),
    service.recipients().catch(() => ({ recipients: [] })),
    prompts.list().catch(() => ({ prompts: [] })),
  ]);
  return {
    ...words,
    // Those that take calls first: a phone is reached by one of them, and by the first if nothing is said.
    trunks: words.trunks.toSorted((one, other) => other.takes_calls - one.takes_calls).map((each) => each.name),
    recipients: recipients.recipients,
    prompts: files.prompts,
  };
}

class Editor extends Draft {
  constructor(kept, words, user, place_) {
    super(kept);
    this.words = words;
    this.user = user;
    this.place = place_;
    this.selected = this.firstDial() ?? this.flow.first;
  }

  get mayEdit() {
    return this.user.may("editor") && !this.inFile;
  }

  firstDial() {
    return namesOf(this.flow).find((name) => kindOf(this.flow, name) === "dial");
  }

  // Drawing

  draw() {
    if (!stepOf(this.flow, this.selected)) this.selected = this.firstDial() ?? this.flow.first;
    this.mapPlace = h("section", { class: "card path-card", "aria-label": "Path of a call" });
    this.stepPlace = h("section", { class: "card", "aria-label": "Step" });
    this.state = h("div", { class: "flow-state", role: "status" });
    this.checks = h("button", {
      class: "filter",
      type: "button",
      on: { click: () => remarksDialog(this.remarks, (step) => this.choose(step, true)) },
    });
    this.publishButton = button("Publish", () => this.publish(), { kind: "main" });
    const bar = h(
      "header",
      { class: "flow-bar" },
      h(
        "div",
        {},
        h("a", { class: "crumb", href: "/flows" }, icon("left"), "Call flows"),
        h("h1", { tabindex: "-1" }, titleOf(this.name)),
        this.state,
      ),
      h(
        "div",
        { class: "row tight" },
        this.checks,
        button("Versions", () => versionsDialog(this), { picture: "history" }),
        button("Simulate", () => simulateDialog(this), { picture: "start" }),
        this.mayEdit ? this.publishButton : null,
      ),
    );
    fill(
      this.place,
      bar,
      this.inFile
        ? h(
            "p",
            { class: "remark note" },
            icon("note"),
            h(
              "span",
              {},
              "This flow stands in the configuration file, and is changed there. You can look at it and simulate it here.",
            ),
          )
        : null,
      this.problem ? h("p", { class: "remark error" }, icon("error"), h("span", {}, this.problem)) : null,
      place(""),
      this.mapPlace,
      this.stepPlace,
    );
    this.drawMap();
    this.drawStep();
    this.drawState();
  }

  drawMap() {
    const focused = document.activeElement?.dataset?.step;
    const counts = new Map();
    for (const each of this.remarks) {
      if (!counts.has(each.step)) counts.set(each.step, { error: 0, warning: 0 });
      counts.get(each.step)[each.severity] += 1;
    }
    const said = new Map(
      [...this.said]
        .filter(([name, each]) => stepOf(this.flow, name) && each.kind === kindOf(this.flow, name))
        .map(([name, each]) => [name, capital(each.does)]),
    );
    const scrolled = this.mapPlace.firstElementChild?.scrollLeft ?? 0;
    fill(
      this.mapPlace,
      flowMap({
        flow: this.flow,
        selected: this.selected,
        said,
        counts,
        choose: (name) => this.choose(name, false),
        numbers: this.numbers,
      }),
    );
    this.mapPlace.firstElementChild.scrollLeft = scrolled;
    if (focused) this.mapPlace.querySelector(`[data-step="${CSS.escape(focused)}"]`)?.focus();
  }

  /** Draws the step again, with the focus on what `focus` selects. */
  drawStep(focus = null) {
    const name = this.selected;
    const step = stepOf(this.flow, name);
    if (!step) {
      fill(this.stepPlace, h("p", { class: "card-body quiet" }, "Choose a step above."));
      return;
    }
    const kind = kindOf(this.flow, name);
    const key = keyOf(this.flow, name);
    const redraw = (where) => this.drawStep(where);
    const body = h(
      "fieldset",
      { class: "step-body", disabled: !this.mayEdit },
      place(key),
      STEPS[kind]({
        step,
        key,
        words: this.words,
        changed: () => this.changed(),
        user: this.user,
        now: this.said.get(name)?.now,
        redraw,
      }),
      exits({
        flow: this.flow,
        name,
        lead: (exit, to, fresh) => this.lead(exit, to, fresh),
        goTo: (next) => this.choose(next, true),
      }),
    );
    fill(this.stepPlace, this.stepHead(name, kind), body);
    this.showRemarks();
    if (focus) this.stepPlace.querySelector(focus)?.focus();
  }

  stepHead(name, kind) {
    const id = freshId("step");
    const input = h("input", {
      class: "input step-name",
      id,
      value: titleOf(name),
      disabled: !this.mayEdit,
      maxlength: 32,
      on: { change: () => this.rename(input.value) },
    });
    const isFirst = this.flow.first === name;
    return h(
      "header",
      { class: `step-head node ${kind} flat-node` },
      h("span", { class: "node-picture" }, icon(KINDS[kind].picture)),
      h(
        "div",
        { class: "field" },
        h("label", { for: id, class: "faint small" }, `${KINDS[kind].title} · name of the step`),
        input,
      ),
      this.mayEdit
        ? h(
            "div",
            { class: "row tight push" },
            isFirst
              ? h("span", { class: "chip accent" }, "Calls begin here")
              : button(
                  "Begin here",
                  () => {
                    this.flow.first = name;
                    this.changed();
                    this.drawStep();
                  },
                  { kind: "small", title: "Calls begin with this step" },
                ),
            h(
              "button",
              {
                class: "button plain square",
                type: "button",
                "aria-label": `Remove the step ${titleOf(name)}`,
                title: "Remove this step",
                disabled: namesOf(this.flow).length < 2,
                on: { click: () => this.remove(name) },
              },
              icon("bin"),
            ),
          )
        : null,
    );
  }

  showRemarks() {
    // Of a recipient who is yet to be written nothing is said: everybody sees that.
    const isEmpty = (each) => {
      const [kind, step, , index] = (each.field ?? "").split(".");
      const recipient =
        kind === "dial" && index !== undefined ? this.flow.dial?.[step]?.recipients?.[Number(index)] : null;
      return recipient && !recipient.name && !recipient.destination;
    };
    showRemarks(
      this.place,
      this.remarks.filter((each) => !isEmpty(each)),
      this.selected,
      (each, change) => this.mend(each, change),
    );
    const errors = this.remarks.filter((each) => each.severity === "error").length;
    const warnings = this.remarks.length - errors;
    fill(
      this.checks,
      icon(errors ? "error" : warnings ? "warning" : "check"),
      errors ? plural(errors, "error") : warnings ? plural(warnings, "warning") : "No remarks",
    );
    this.checks.dataset.tone = errors ? "bad" : warnings ? "wait" : "good";
    this.checks.disabled = !this.remarks.length;
    this.publishButton.disabled = errors > 0 || (!this.isDraft && !this.isUnsaved);
    this.publishButton.title = errors ? "Mend the errors first" : "";
  }

  drawState(saving = "") {
    const live = this.inFile
      ? "in the configuration file"
      : this.version
        ? `Version ${this.version} is live`
        : "Nothing is published yet";
    const draft =
      saving ||
      (this.isDraft && this.revision ? (this.version ? "the draft differs and is saved" : "the draft is saved") : "");
    const numbers = this.numbers.length ? null : this.noNumber();
    fill(
      this.state,
      h("span", { class: `chip ${this.version ? "good" : ""}` }, live),
      draft ? h("span", {}, draft) : null,
      numbers,
    );
    fill(this.publishButton, `Publish ${this.version ? `version ${this.version + 1}` : ""}`.trim());
  }

  /** That no call can come here yet; for who may change it, with the way to lead a number here. */
  noNumber() {
    const isKept = this.inFile || this.version || this.revision;
    return [
      h("span", { class: "chip wait" }, "no number uses it yet"),
      isKept && this.user.may("editor")
        ? button("Which number leads here?", () => this.lookForNumber(), { kind: "small", picture: "numbers" })
        : null,
    ];
  }

  async lookForNumber() {
    await leadingDialog({
      flow: this.name,
      again: async () => {
        this.numbers = await leadingTo(this.name);
        this.drawState();
        this.drawMap();
      },
    });
  }

  // Changing

  changed() {
    if (!this.mayEdit) return;
    this.note();
    this.drawState("changed …");
  }

  choose(name, scroll) {
    this.selected = name;
    this.drawMap();
    this.drawStep();
    if (scroll || matchMedia("(max-width: 900px)").matches)
      this.stepPlace.scrollIntoView({
        block: "start",
        behavior: matchMedia("(prefers-reduced-motion: reduce)").matches ? "auto" : "smooth",
      });
    say(`${titleOf(name)} is open below.`);
  }

  lead(exit, to, fresh) {
    const made = fresh && add(this.flow, fresh, Intl.DateTimeFormat().resolvedOptions().timeZone ?? "UTC");
    if (fresh === "dial") rings(this.flow, made, this.words);
    exit.lead(made || to);
    this.changed();
    this.drawMap();
    this.drawStep(`[data-exit="${CSS.escape(exit.exit)}"]`);
  }

  rename(title) {
    this.selected = rename(this.flow, this.selected, title);
    this.changed();
    this.drawMap();
    this.drawStep(".step-name");
  }

  async remove(name) {
    const yes = await confirm({
      title: `Remove “${titleOf(name)}”?`,
      text: "What leads to it leads nowhere then, until you choose another step. Calls hear of it only when you publish.",
      yes: "Remove",
      danger: true,
    });
    if (!yes) return;
    remove(this.flow, name);
    this.selected = this.flow.first;
    this.changed();
    this.drawMap();
    this.drawStep();
  }

  mend(each, change) {
    const found = each.field.match(/^dial\.([^.]+)\.recipients\.(\d+)/);
    if (!found) return;
    Object.assign(this.flow.dial[found[1]].recipients[Number(found[2])], change);
    this.changed();
    this.drawStep();
  }

  async publish() {
    if (await this.keep()) publishDialog(this);
  }
}

const plural = (number, word) => `${number} ${word}${number === 1 ? "" : "s"}`;
const capital = (text) => (text ? text.charAt(0).toUpperCase() + text.slice(1) : text);

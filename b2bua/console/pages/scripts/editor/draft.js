// The draft of a flow between this page and the server: checked and kept as it is written, one save after the other.

import { flows } from "../api.js";
import { calmed, say } from "../dom.js";
import { confirm, toast } from "../parts/dialog.js";

/** A remark for who does not see beside which field it stands: "Recipient 2, destination: is empty." */
function spoken({ field, text, remedy }) {
  const parts = (field ?? "").split(".").slice(2);
  const name = parts.at(-1)?.replaceAll("_", " ") ?? "";
  const row = parts[0] === "recipients" && parts.length > 1 ? `Recipient ${Number(parts[1]) + 1}` : "";
  const place = [row, Number.isNaN(Number(name)) ? name : ""].filter(Boolean).join(", ");
  return `${place ? `${place}: ` : ""}${text} ${remedy}`;
}

const LINT_AFTER = 250; // milliseconds without a change
const SAVE_AFTER = 700;

/** What extends it shows it: draw() all, drawMap(), showRemarks(), drawState(words). */
export class Draft {
  constructor(kept) {
    this.take(kept);
    this.changes = 0; // how many there were; and how many of them the server has
    this.saved = 0;
    this.saving = Promise.resolve(true);
    this.turn = 0; // of the last check that was asked for
    this.check = calmed(LINT_AFTER, () => this.lint());
    this.save = calmed(SAVE_AFTER, () => this.keep());
  }

  take(kept) {
    Object.assign(this, {
      name: kept.name,
      flow: kept.flow,
      revision: kept.revision,
      version: kept.published_version,
      isDraft: kept.is_draft,
      inFile: kept.in_file,
      problem: kept.problem,
      numbers: kept.numbers ?? [],
      versions: kept.versions ?? [],
      remarks: kept.remarks ?? [],
    });
    this.said = new Map((kept.steps ?? []).map((each) => [each.name, each]));
  }

  get isUnsaved() {
    return this.saved !== this.changes;
  }

  /** Something was written: it is checked and kept as soon as nothing more is. */
  note() {
    this.changes += 1;
    this.check();
    this.save();
  }

  async lint() {
    const mine = ++this.turn;
    try {
      const { remarks, steps } = await flows.lint(this.name, this.flow);
      if (mine !== this.turn) return;
      const before = this.remarks.length;
      this.remarks = remarks;
      if (steps?.length) this.said = new Map(steps.map((each) => [each.name, each]));
      this.drawMap();
      this.showRemarks();
      if (before && !remarks.length) say("No remarks any more.");
      else if (remarks.length > before) say(spoken(remarks.at(-1)));
    } catch (problem) {
      toast(problem.message, "bad");
    }
  }

  /** Saves what is not saved, one after the other; true when the server has everything. */
  keep() {
    this.saving = this.saving.then(() => this.send());
    return this.saving;
  }

  async send() {
    if (!this.isUnsaved) return true;
    if (
      Object.values(this.flow.dial ?? {}).some((step) =>
        step.recipients.some((each) => !each.name || !each.destination),
      )
    ) {
      this.drawState("not saved yet: a recipient has no name or destination");
      return false;
    }
    this.drawState("saving …");
    const upTo = this.changes; // more may come while this is on its way
    try {
      const answer = await flows.save(this.name, this.flow, this.revision);
      Object.assign(this, { revision: answer.revision, isDraft: true, saved: upTo });
      if (!this.isUnsaved) this.drawState();
      this.showRemarks();
      if (location.search) history.replaceState({}, "", location.pathname); // it is there now
      return true;
    } catch (problem) {
      if (problem.status === 409) {
        this.drawState("not saved");
        await this.conflict(problem);
        return false;
      }
      this.drawState(
        problem.status === 422 ? "not saved yet: something is missing" : `not saved: ${problem.message}`,
      );
      return false;
    }
  }

  async conflict(problem) {
    const yes = await confirm({
      title: "Somebody else changed this draft",
      text: `${problem.message} Load what they saved? What you changed since is lost.`,
      yes: "Load it",
    });
    if (yes) await this.reload();
  }

  async reload() {
    this.take(await flows.one(this.name));
    this.saved = this.changes;
    this.draw();
    await this.lint();
  }

  async mayLeave() {
    if (!this.isUnsaved || (await this.keep())) return true;
    return confirm({
      title: "Leave without saving?",
      text: "The draft cannot be saved as it is; what you changed last would be lost.",
      yes: "Leave",
      danger: true,
    });
  }
}

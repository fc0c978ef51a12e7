// From the draft to a version that calls use, and back: differences, publishing, restoring.

import { flows } from "../api.js";
import { fill, h } from "../dom.js";
import { confirm, dialog, toast } from "../parts/dialog.js";
import { button, link } from "../parts/page.js";
import { field, remark } from "../parts/field.js";
import { count, moment } from "../words.js";
import { titleOf } from "./model.js";
import { inOurWords } from "./remarks.js";

/** All remarks in one place; one that is chosen leads to its step. */
export function remarksDialog(remarks, goTo) {
  const box = dialog({
    title: "What the check says",
    body: h(
      "ul",
      { class: "stack tight" },
      remarks.map((each) =>
        h(
          "li",
          {},
          each.step
            ? h(
                "button",
                {
                  class: "button plain small",
                  type: "button",
                  on: {
                    click: () => {
                      box.shut();
                      goTo(each.step);
                    },
                  },
                },
                titleOf(each.step),
              )
            : null,
          remark(inOurWords(each)),
        ),
      ),
    ),
  });
}

const lines = (changes) =>
  changes.length
    ? h(
        "ul",
        { class: "changes" },
        changes.map((line) => h("li", {}, line)),
      )
    : h("p", { class: "quiet" }, "Nothing differs.");

export async function publishDialog(editor) {
  const next = (editor.version ?? 0) + 1;
  const place = h("div", { class: "stack" }, h("p", { class: "quiet" }, "Comparing …"));
  const problem = h("div", { class: "remarks" });
  const warnings = editor.remarks.filter((each) => each.severity === "warning");
  const note = field({
    label: "Note for the others (optional)",
    placeholder: "On duty in the evening",
    maxlength: 200,
  });
  const send = async () => {
    publish.disabled = true;
    try {
      const words = note.querySelector("input").value.trim();
      if (words)
        editor.revision = (await flows.save(editor.name, editor.flow, editor.revision, words)).revision;
      const { version, taken, reason } = await flows.publish(editor.name, editor.revision);
      box.shut();
      await editor.reload();
      if (taken)
        toast(
          `Version ${version} is live. Calls that run keep the version they began with. Now place a test call.`,
        );
      else toast(`Version ${version} is published, but calls do not use it yet: ${reason}`, "bad");
    } catch (refused) {
      publish.disabled = false;
      fill(problem, h("p", { class: "remark error" }, refused.message));
    }
  };
  const publish = button(`Publish version ${next}`, send, { kind: "main" });
  const box = dialog({
    title: `Publish version ${next} of ${titleOf(editor.name)}`,
    foot: [
      h("button", { class: "button", type: "button", on: { click: () => box.shut() } }, "Not yet"),
      publish,
    ],
    body: h(
      "div",
      { class: "stack" },
      h(
        "p",
        {},
        "New calls use it from this moment on. Calls that run now keep the version they began with.",
      ),
      h("h3", {}, editor.version ? `What changes from version ${editor.version}` : "What is published"),
      place,
      warnings.length
        ? h(
            "div",
            {},
            h(
              "h3",
              {},
              `${count(warnings.length, "warning")}, which do${warnings.length === 1 ? "es" : ""} not keep you from it`,
            ),
            warnings.map((each) => remark(inOurWords(each))),
          )
        : null,
      note,
      problem,
    ),
  });
  if (!editor.version) {
    fill(place, h("p", { class: "quiet" }, "The first version of this flow."));
    return;
  }
  try {
    fill(place, lines((await flows.diff(editor.name)).lines));
  } catch (refused) {
    fill(place, h("p", { class: "remark error" }, refused.message));
  }
}

export function versionsDialog(editor) {
  const detail = h("div", { class: "stack tight" });
  const compare = async (version, button_) => {
    try {
      const { lines: changes } = await flows.diff(
        editor.name,
        version.version,
        editor.isDraft ? "draft" : editor.version,
      );
      fill(
        detail,
        h(
          "h3",
          {},
          `From version ${version.version} to ${editor.isDraft ? "the draft" : `version ${editor.version}`}`,
        ),
        lines(changes),
      );
      button_.setAttribute("aria-expanded", "true");
    } catch (problem) {
      fill(detail, h("p", { class: "remark error" }, problem.message));
    }
  };
  const restore = async (version) => {
    const yes = await confirm({
      title: `Publish version ${version.version} again?`,
      text: `New calls go through it at once, as version ${editor.versions.reduce((last, each) => Math.max(last, each.version), 0) + 1}. Calls that run keep what they began with.${editor.isDraft ? " The draft stays as it is." : ""}`,
      yes: "Publish it again",
    });
    if (!yes) return;
    try {
      const { version: number, taken, reason } = await flows.restore(editor.name, version.version);
      box.shut();
      await editor.reload();
      if (taken) toast(`Version ${version.version} is back, as version ${number}.`);
      else toast(`Version ${number} is published, but calls do not use it yet: ${reason}`, "bad");
    } catch (problem) {
      toast(problem.message, "bad");
    }
  };
  const drop = async () => {
    try {
      await flows.dropDraft(editor.name);
      box.shut();
      await editor.reload();
      toast("The draft is dropped.");
    } catch (problem) {
      toast(problem.message, "bad");
    }
  };
  const row = (version) => {
    const isDraft = version.version === 0;
    const isLive = version.version === editor.version;
    const compareButton =
      isDraft || (isLive && !editor.isDraft)
        ? null
        : button("Compare", (event) => compare(version, event.currentTarget), {
            kind: "small",
            "aria-label": `Compare version ${version.version} with ${editor.isDraft ? "the draft" : "what is live"}`,
          });
    return h(
      "li",
      { class: "version" },
      h("strong", {}, isDraft ? "Draft" : `Version ${version.version}`),
      h(
        "div",
        {},
        isLive ? h("span", { class: "chip good" }, "live") : null,
        h(
          "span",
          { class: "quiet small" },
          ` ${moment(version.published_at ?? version.made_at)} by ${version.published_by || version.made_by}`,
        ),
        version.note ? h("p", { class: "small" }, version.note) : null,
      ),
      h(
        "div",
        { class: "row tight" },
        compareButton,
        isDraft && editor.mayEdit && editor.version ? button("Drop", drop, { kind: "small danger" }) : null,
        !isDraft && !isLive && editor.mayEdit
          ? button("Restore", () => restore(version), {
              kind: "small",
              "aria-label": `Restore version ${version.version}`,
            })
          : null,
      ),
    );
  };
  const box = dialog({
    title: `Versions of ${titleOf(editor.name)}`,
    body: h(
      "div",
      { class: "stack" },
      editor.versions.length
        ? h("ul", {}, editor.versions.map(row))
        : h("p", { class: "quiet" }, "Nothing is saved yet. Versions stand here once you publish."),
      detail,
    ),
    foot: [
      link("Export as TOML", flows.toml(editor.name), {
        picture: "download",
        download: `${editor.name}.toml`,
      }),
    ],
  });
}

// Settings that are safe to change while calls run, and reading the configuration file again.

import { service } from "../api.js";
import { fill, h } from "../dom.js";
import { icon } from "../icons.js";
import { confirm, toast } from "../parts/dialog.js";
import { field, toggle } from "../parts/field.js";
import { button, card, head } from "../parts/page.js";

const TITLES = {
  mask_for_viewers: "Mask numbers for viewers",
  learn_days: "Days to learn from",
  ring_time: "Ring time of new steps",
  title: "Name of this console",
};
const COUNTS = {
  reload: "from the next reading of the file",
  start: "from the next start",
};

export async function show({ place, user }) {
  const [{ settings }, file] = await Promise.all([
    service.settings(),
    user.may("editor") ? service.fileSettings() : null,
  ]);
  const mayChange = user.may("owner");
  const values = Object.fromEntries(settings.map((each) => [each.name, each.value]));
  const problem = h("div", { class: "remarks" });
  const save = button(
    "Save",
    async () => {
      fill(problem);
      try {
        await service.saveSettings(values);
        toast("Settings are saved, and in use.");
      } catch (refused) {
        fill(problem, h("p", { class: "remark error" }, refused.message));
      }
    },
    { kind: "main" },
  );
  fill(
    place,
    head({
      title: "Settings",
      lead: mayChange
        ? "What can be changed while calls run. Everything else stands in the configuration file."
        : "Only owners change settings; you can read them.",
    }),
    card(
      "Console",
      h(
        "fieldset",
        { disabled: !mayChange },
        settings.map((each) => row(each, values)),
        mayChange ? h("div", { class: "card-body stack tight" }, problem, h("div", {}, save)) : null,
      ),
    ),
    mayChange
      ? card(
          "Configuration file",
          h(
            "div",
            { class: "card-body stack" },
            h(
              "p",
              {},
              "Trunks and addresses stand in the file, and whatever numbers and flows you keep there. After it was changed, let the service read it again. A file with a mistake changes nothing, and calls that run keep what they began with.",
            ),
            h("div", {}, button("Read it again", reload, { picture: "history" })),
          ),
        )
      : null,
    file ? fileCard(file) : null,
  );
}

/** What cannot be changed here, since a slip in it cuts somebody off: what it is, and from when on a change counts. */
function fileCard({ file, tables }) {
  return card(
    "What stands in the file",
    h(
      "div",
      { class: "card-body stack" },
      h(
        "p",
        { class: "quiet" },
        "To look at. A slip in one of these cuts callers off, or you from this page, so they are changed in ",
        h("code", {}, file),
        ", where ",
        h("code", {}, "b2bua check"),
        " tells mistakes before they count.",
      ),
      tables.map(({ table, title, settings }) =>
        h(
          "details",
          { class: "more" },
          h("summary", {}, icon("chevron"), `${title} `, h("span", { class: "faint small" }, `[${table}]`)),
          h(
            "dl",
            { class: "file-settings" },
            settings.map((each) =>
              h(
                "div",
                {},
                h("dt", {}, each.name),
                h("dd", {}, h("strong", {}, each.value)),
                h("dd", { class: "quiet small" }, `${each.explained} A change counts ${COUNTS[each.counts]}.`),
              ),
            ),
          ),
        ),
      ),
    ),
  );
}

function row(setting, values) {
  const title =
    TITLES[setting.name] ?? setting.name.replaceAll("_", " ").replace(/^./, (letter) => letter.toUpperCase());
  const input =
    setting.type === "boolean"
      ? toggle({
          label: title,
          hideLabel: true,
          value: setting.value,
          onChange: (value) => {
            values[setting.name] = value;
          },
        })
      : field({
          label: title,
          hideLabel: true,
          type: setting.type === "number" ? "number" : "text",
          value: setting.value,
          placeholder: setting.name === "time_zone" ? "The machine's" : "",
          onInput: (value) => {
            values[setting.name] = setting.type === "number" ? Number(value) : value;
          },
        });
  return h(
    "div",
    { class: "setting" },
    h("div", {}, h("h3", {}, title), h("p", { class: "quiet small" }, setting.explained)),
    input,
  );
}

async function reload() {
  const yes = await confirm({
    title: "Read the configuration again?",
    text: "New calls use it at once. Calls that run keep what they began with.",
    yes: "Read it again",
  });
  if (!yes) return;
  try {
    const { configuration } = await service.reload();
    toast(`The configuration is in use${configuration ? ` (${configuration})` : ""}.`);
  } catch (problem) {
    toast(problem.message, "bad");
  }
}

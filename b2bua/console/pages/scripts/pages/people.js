// Who may log in, tokens for programs, and the log of what was changed by whom.

import { people } from "../api.js";
import { fill, h } from "../dom.js";
import { confirm, copy, dialog, toast } from "../parts/dialog.js";
import { field, select } from "../parts/field.js";
import { button, card, empty, head, table } from "../parts/page.js";
import { initials, moment, wholeMoment } from "../words.js";

const ROLES = [
  ["viewer", "Viewer: sees calls, numbers masked"],
  ["editor", "Editor: changes flows, hears and reads calls"],
  ["owner", "Owner: everything, people and settings too"],
];

export async function show({ place, user }) {
  if (!user.may("owner")) {
    fill(
      place,
      head({ title: "People" }),
      h(
        "section",
        { class: "card" },
        empty({
          picture: "people",
          title: "Only owners see this",
          text: `You are ${user.name}, ${user.role}. An owner lets people in and changes what they may do.`,
        }),
      ),
    );
    return;
  }
  const users = h("div");
  const tokens = h("div");
  const audit = h("div");
  const drawUsers = async () => fill(users, userTable((await people.users()).users, user, drawUsers));
  const drawTokens = async () => fill(tokens, tokenTable((await people.tokens()).tokens, drawTokens));
  fill(
    place,
    head({ title: "People", lead: "Who may log in, which programs may ask, and what was changed by whom." }),
    card("People", users, [
      button("Add a person", () => addUser(drawUsers), { kind: "small", picture: "plus" }),
    ]),
    card("Tokens for programs", tokens, [
      button("New token", () => addToken(drawTokens), { kind: "small", picture: "plus" }),
    ]),
    card("Audit log", audit),
  );
  await Promise.all([drawUsers(), drawTokens(), drawAudit(audit)]);
}

async function attempt(action, done, again) {
  try {
    await action();
    toast(done);
    await again();
  } catch (problem) {
    toast(problem.message, "bad");
    await again();
  }
}

function userTable(users, self, again) {
  return table(
    "People",
    [["Name"], ["Role"], ["Last seen"], ["Since"], [""]],
    users.map((each) => {
      const role = select({
        label: `Role of ${each.name}`,
        hideLabel: true,
        value: each.role,
        options: ROLES.map(([value]) => [value, value]),
        onChange: (value) =>
          attempt(
            () => people.changeUser(each.name, { role: value }),
            `${each.name} is ${value} now.`,
            again,
          ),
      });
      const leave = async () => {
        if (
          await confirm({
            title: `Remove ${each.name}?`,
            text: "Their sessions end at once. What they changed stays in the audit log.",
            yes: "Remove",
            danger: true,
          })
        )
          await attempt(() => people.removeUser(each.name), `${each.name} is removed.`, again);
      };
      return [
        h(
          "div",
          { class: "row tight" },
          h("span", { class: "face", "aria-hidden": "true" }, initials(each.name)),
          h("strong", {}, each.name),
          each.is_on ? null : h("span", { class: "chip" }, "off"),
          each.name === self.name ? h("span", { class: "chip accent" }, "you") : null,
        ),
        role,
        each.seen_at ? moment(each.seen_at) : "never",
        h("span", {}, moment(each.made_at), each.made_by ? ` by ${each.made_by}` : ""),
        h(
          "div",
          { class: "row tight nowrap" },
          button(
            each.is_on ? "Lock out" : "Let in",
            () =>
              attempt(
                () => people.changeUser(each.name, { is_on: !each.is_on }),
                each.is_on ? `${each.name} is locked out.` : `${each.name} may log in again.`,
                again,
              ),
            { kind: "small", disabled: each.name === self.name },
          ),
          button("", leave, {
            kind: "plain square small",
            picture: "bin",
            "aria-label": `Remove ${each.name}`,
            disabled: each.name === self.name,
          }),
        ),
      ];
    }),
  );
}

function form(title, fields, action, send) {
  const problem = h("div", { class: "remarks" });
  const submit = async (event) => {
    event.preventDefault();
    try {
      await send(Object.fromEntries(new FormData(event.target)), box);
    } catch (refused) {
      fill(problem, h("p", { class: "remark error" }, refused.message));
    }
  };
  const box = dialog({
    title,
    size: "narrow",
    body: h(
      "form",
      { class: "stack", on: { submit } },
      fields,
      problem,
      h("button", { class: "button main" }, action),
    ),
  });
  box.querySelector("form input")?.focus();
}

function addUser(again) {
  form(
    "Add a person",
    [
      field({ label: "Name", name: "name", required: true, autocomplete: "off", autocapitalize: "none" }),
      select({ label: "Role", name: "role", value: "viewer", options: ROLES }),
      field({
        label: "First password",
        name: "password",
        type: "password",
        required: true,
        minlength: 10,
        autocomplete: "new-password",
        hint: "Ten characters at least. They can change it after logging in.",
      }),
    ],
    "Add",
    async (values, box) => {
      await people.addUser(values);
      box.shut();
      toast(`${values.name} may log in.`);
      await again();
    },
  );
}

function tokenTable(tokens, again) {
  if (!tokens.length)
    return empty({
      picture: "settings",
      title: "No tokens",
      text: "A program that uses the API sends a token with each request. It may do what its role may, and can be withdrawn at any time.",
    });
  return table(
    "Tokens",
    [["Name"], ["Role"], ["Made"], ["Last used"], ["Ends"], [""]],
    tokens.map((each) => [
      h("strong", {}, each.name),
      each.role,
      h("span", {}, moment(each.made_at), ` by ${each.made_by}`),
      each.used_at ? moment(each.used_at) : "never",
      each.ends_at ? moment(each.ends_at) : "never",
      button(
        "Withdraw",
        () => attempt(() => people.removeToken(each.number), `${each.name} is withdrawn.`, again),
        { kind: "small danger" },
      ),
    ]),
  );
}

function addToken(again) {
  form(
    "New token",
    [
      field({ label: "What is it for?", name: "name", required: true, placeholder: "report at night" }),
      select({ label: "Role", name: "role", value: "viewer", options: ROLES }),
      field({
        label: "Ends after",
        name: "days",
        type: "number",
        min: 1,
        unit: "days",
        class: "brief",
        placeholder: "never",
      }),
    ],
    "Make token",
    async (values, box) => {
      const made = await people.addToken({
        name: values.name,
        role: values.role,
        ...(values.days && { days: Number(values.days) }),
      });
      box.shut();
      await again();
      dialog({
        title: "Copy the token now",
        size: "narrow",
        body: h(
          "div",
          { class: "stack" },
          h("p", {}, "It is shown this once, and cannot be looked up later."),
          h(
            "div",
            { class: "once" },
            field({ label: "Token", hideLabel: true, value: made.token, readonly: true, class: "mono" }),
            button("Copy", () => copy(made.token, "The token"), { picture: "copy", kind: "main" }),
          ),
          h("p", { class: "quiet small" }, "Send it with each request: Authorization: Bearer mrt_…"),
        ),
      });
    },
  );
}

async function drawAudit(place) {
  const list = h("tbody");
  const foot = h("div", { class: "card-body", hidden: true });
  const more = async (cursor) => {
    const { entries, next } = await people.audit(cursor);
    list.append(...entries.map(entryRow));
    foot.hidden = !next;
    fill(
      foot,
      next
        ? button("Show older entries", () => more(next).catch((problem) => toast(problem.message, "bad")))
        : null,
    );
    return entries.length;
  };
  const found = await more();
  fill(
    place,
    found
      ? h(
          "div",
          { class: "scroll", tabindex: "0", role: "region", "aria-label": "Audit log" },
          h(
            "table",
            { class: "table" },
            h("caption", { class: "hidden-but-read" }, "Audit log"),
            h(
              "thead",
              {},
              h(
                "tr",
                {},
                ["When", "Who", "What", "Change"].map((text) => h("th", { scope: "col" }, text)),
              ),
            ),
            list,
          ),
        )
      : empty({
          picture: "history",
          title: "Nothing was changed yet",
          text: "Every change is noted here: who, when, from where, before and after.",
        }),
    foot,
  );
}

function entryRow(entry) {
  const short = (value) =>
    value === null || value === undefined ? "" : typeof value === "string" ? value : JSON.stringify(value);
  const change = [short(entry.before), short(entry.after)].filter(Boolean).join(" → ");
  return h(
    "tr",
    {},
    h("td", { class: "nowrap", title: wholeMoment(entry.at) }, moment(entry.at)),
    h(
      "td",
      {},
      h("strong", {}, entry.who),
      h("div", { class: "faint small" }, [entry.via, entry.address].filter(Boolean).join(", ")),
    ),
    h("td", {}, `${entry.action} ${entry.subject ?? ""}`.trim()),
    h(
      "td",
      {},
      h("div", { class: "audit-change" }, change.length > 160 ? `${change.slice(0, 159)}…` : change),
    ),
  );
}

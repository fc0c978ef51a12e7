// Before anybody is there: logging in, and on the first start of all making the first owner.

import { session } from "./api.js";
import { field } from "./parts/field.js";
import { fill, h, say } from "./dom.js";

const gate = document.getElementById("gate");

/** Where to go on; only within this console, whatever the address says. */
function following() {
  try {
    // As the browser itself reads it, which leaves out TAB and line breaks and takes \ for /; and whole, since a path
    // may begin with // as well.
    const wanted = new URL(new URLSearchParams(location.search).get("next") ?? "/", location.origin);
    return wanted.origin === location.origin ? wanted.href : "/";
  } catch {
    return "/"; // no address at all
  }
}

function form({ title, lead, fields, action, submit }) {
  const problem = h("div", { class: "remarks" });
  const button = h("button", { class: "button main wide", type: "submit" }, action);
  const send = async (event) => {
    event.preventDefault();
    button.disabled = true;
    fill(problem);
    try {
      await submit(Object.fromEntries(new FormData(event.target)));
      location.replace(following());
    } catch (refused) {
      button.disabled = false;
      fill(problem, h("p", { class: "remark error" }, refused.message));
      say(refused.message, true);
      event.target.querySelector("input[type=password]")?.select();
    }
  };
  const brand = h(
    "span",
    { class: "brand" },
    h("img", { src: "/style/mark.svg", alt: "" }),
    h("span", {}, "Multiring"),
  );
  fill(
    gate,
    h(
      "form",
      { class: "card gate-card", on: { submit: send }, "aria-labelledby": "title" },
      brand,
      h("div", { class: "stack tight" }, h("h1", { id: "title" }, title), h("p", { class: "quiet" }, lead)),
      h("div", { class: "stack" }, fields),
      problem,
      button,
    ),
  );
  document.title = `${title} · Multiring`;
  gate.querySelector("input:not([readonly])").focus();
}

const name = (autocomplete, hint) =>
  field({
    label: "Name",
    name: "name",
    required: true,
    autocomplete,
    hint,
    autocapitalize: "none",
    spellcheck: "false",
  });

function logIn() {
  form({
    title: "Log in",
    lead: "See every call, change every flow.",
    action: "Log in",
    fields: [
      name("username"),
      field({
        label: "Password",
        name: "password",
        type: "password",
        required: true,
        autocomplete: "current-password",
      }),
    ],
    submit: (values) => session.begin(values.name, values.password),
  });
}

function setUp() {
  const code = new URLSearchParams(location.hash.slice(1)).get("code") ?? "";
  form({
    title: "Make the first owner",
    lead: "Nobody can log in yet. The owner may do everything, and lets others in.",
    action: "Make owner and log in",
    fields: [
      field({
        label: "Code",
        name: "code",
        required: true,
        value: code,
        autocomplete: "off",
        hint: "Printed in the log of the service when it started, so that only who can read it may do this.",
      }),
      name("username", 'What you will log in with: "ana".'),
      field({
        label: "Password",
        name: "password",
        type: "password",
        required: true,
        minlength: 10,
        autocomplete: "new-password",
        hint: "Ten characters at least; several words are good.",
      }),
    ],
    submit: (values) => session.setup(values.code, values.name, values.password),
  });
}

try {
  const { needed } = await session.needsSetup();
  if (needed) {
    setUp();
    // The link of the log, in a window that has this page already, changes nothing but what is after the #.
    addEventListener("hashchange", setUp);
  }
  else logIn();
} catch (problem) {
  fill(
    gate,
    h(
      "div",
      { class: "card gate-card" },
      h("h1", {}, "The console does not answer"),
      h("p", { class: "quiet" }, problem.message),
      h("button", { class: "button", on: { click: () => location.reload() } }, "Try again"),
    ),
  );
}

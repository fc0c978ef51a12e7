// Around every page: places to go, the state of the service, who is there.

import { session, useToken } from "./api.js";
import { fill, h, painted } from "./dom.js";
import { icon } from "./icons.js";
import { live } from "./live.js";
import { dialog, toast } from "./parts/dialog.js";
import { field } from "./parts/field.js";
import { initials } from "./words.js";

const PLACES = [
  ["/calls", "calls", "Calls"],
  ["/live", "live", "Live"],
  ["/flows", "flows", "Call flows"],
  ["/statistics", "statistics", "Statistics"],
];
const SET_UP = [
  ["/numbers", "numbers", "Numbers"],
  ["/trunks", "trunks", "Trunks and health"],
  ["/people", "people", "People"],
  ["/settings", "settings", "Settings"],
];

function place([path, picture, name], isBelow = false) {
  const tally =
    path === "/live" ? h("span", { class: "tally", data: { tally: "ringing" }, hidden: true }) : null;
  return h(
    "a",
    { class: "place", href: path, title: name, data: { place: path } },
    icon(picture),
    h("span", { class: "place-name" }, isBelow ? name.replace("Call flows", "Flows") : name),
    tally,
  );
}

/** Marks the place that is on show. */
export function mark(path) {
  for (const each of document.querySelectorAll("[data-place]")) {
    const isHere = path === each.dataset.place || path.startsWith(`${each.dataset.place}/`);
    if (isHere) each.setAttribute("aria-current", "page");
    else each.removeAttribute("aria-current");
  }
}

function schemeButton() {
  const button = h("button", { class: "button plain square small", type: "button" });
  const draw = () => {
    const isDark = document.documentElement.dataset.scheme === "dark";
    fill(button, icon(isDark ? "sun" : "moon"));
    button.setAttribute("aria-label", isDark ? "Light colours" : "Dark colours");
    button.title = isDark ? "Light colours" : "Dark colours";
  };
  button.addEventListener("click", () => {
    localStorage.setItem("scheme", document.documentElement.dataset.scheme === "dark" ? "light" : "dark");
    window.dispatchEvent(new Event("scheme"));
  });
  new MutationObserver(draw).observe(document.documentElement, { attributeFilter: ["data-scheme"] });
  draw();
  return button;
}

async function logOut() {
  try {
    await session.end();
  } catch {
    /* It has ended already, or will with the cookie: either way there is nobody here. */
  }
  location.assign("/login");
}

function changePassword() {
  const problem = h("div", { class: "remarks" });
  const send = async (event) => {
    event.preventDefault();
    const values = Object.fromEntries(new FormData(event.target));
    try {
      useToken((await session.password(values.old, values.fresh)).csrf);
      box.shut();
      toast("Your password is changed.");
    } catch (refused) {
      fill(problem, h("p", { class: "remark error" }, refused.message));
    }
  };
  const box = dialog({
    title: "Change your password",
    size: "narrow",
    body: h(
      "form",
      { class: "stack", on: { submit: send } },
      field({
        label: "Password until now",
        name: "old",
        type: "password",
        required: true,
        autocomplete: "current-password",
      }),
      field({
        label: "New password",
        name: "fresh",
        type: "password",
        required: true,
        minlength: 10,
        autocomplete: "new-password",
        hint: "Ten characters at least.",
      }),
      problem,
      h("button", { class: "button main" }, "Change password"),
    ),
  });
}

function who(user) {
  return h(
    "div",
    { class: "who" },
    h("span", { class: "face", "aria-hidden": "true" }, initials(user.name)),
    h(
      "div",
      { class: "who-text grow" },
      h("div", { class: "who-name cut" }, user.name),
      h("div", { class: "faint small" }, user.role),
    ),
    h(
      "button",
      {
        class: "button plain square small",
        type: "button",
        "aria-label": "Log out",
        title: "Log out",
        on: { click: logOut },
      },
      icon("leave"),
    ),
  );
}

function serviceState() {
  const lamp = h("span", { class: "lamp" });
  const words = h("span", {}, "Connecting …");
  const whole = h("div", { class: "service-state", role: "status" }, lamp, words);
  live.watch(({ core }) => {
    lamp.className = `lamp ${core.there ? "good" : "bad"}`;
    words.textContent = core.there ? "Service is running" : "Service is away";
    whole.title = core.there ? "Calls are handled." : core.reason;
  });
  return whole;
}

function more(user, go) {
  const go_ = (path) => {
    box.shut();
    go(path);
  };
  const box = dialog({
    title: "More",
    body: h(
      "div",
      { class: "stack" },
      h(
        "nav",
        { class: "places", "aria-label": "More places" },
        SET_UP.map(([path, picture, name]) =>
          h(
            "button",
            { class: "place button plain wide", type: "button", on: { click: () => go_(path) } },
            icon(picture),
            name,
          ),
        ),
      ),
      h(
        "div",
        { class: "row apart" },
        h("span", { class: "quiet" }, `${user.name}, ${user.role}`),
        h(
          "div",
          { class: "row tight" },
          schemeButton(),
          h("button", { class: "button small", type: "button", on: { click: changePassword } }, "Password"),
          h("button", { class: "button small", type: "button", on: { click: logOut } }, "Log out"),
        ),
      ),
    ),
  });
}

/** Everything around pages, with an empty <main>. */
export function shell(user, go, title) {
  const tell = painted(() => {
    const ringing = [...live.calls.values()].filter((call) => !call.answered_at).length;
    for (const tally of document.querySelectorAll("[data-tally=ringing]")) {
      tally.hidden = !ringing;
      tally.textContent = ringing;
      tally.setAttribute("aria-label", `${ringing} ringing`);
    }
  });
  live.watch(tell);
  return h(
    "div",
    { class: "shell" },
    h(
      "div",
      { class: "side" },
      h(
        "a",
        { class: "brand", href: "/calls" },
        h("img", { src: new URL("../style/mark.svg", import.meta.url), alt: "" }),
        h("span", { class: "cut" }, title),
      ),
      h(
        "nav",
        { "aria-label": "Places" },
        h(
          "div",
          { class: "places" },
          PLACES.map((each) => place(each)),
        ),
        h("p", { class: "places-title" }, "Set-up"),
        h(
          "div",
          { class: "places" },
          SET_UP.map((each) => place(each)),
        ),
      ),
      h(
        "div",
        { class: "side-foot" },
        serviceState(),
        h(
          "div",
          { class: "row tight" },
          schemeButton(),
          h(
            "button",
            {
              class: "button plain square small",
              type: "button",
              title: "Change your password",
              "aria-label": "Change your password",
              on: { click: changePassword },
            },
            icon("key"),
          ),
        ),
        who(user),
      ),
    ),
    h("main", { class: "page", id: "main", tabindex: "-1" }),
    h(
      "nav",
      { class: "tabs-below", "aria-label": "Places" },
      PLACES.map((each) => place(each, true)),
      h(
        "button",
        { class: "place", type: "button", on: { click: () => more(user, go) } },
        icon("more"),
        h("span", { class: "place-name" }, "More"),
      ),
    ),
  );
}

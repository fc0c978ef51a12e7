// Who is here, then the page that the address names. Pages are loaded when they are first wanted.

import { useToken, whenSignedOut } from "./api.js";
import { fill, h, say } from "./dom.js";
import { failed, loading } from "./parts/page.js";
import { mark, shell } from "./shell.js";

const ROUTES = [
  [/^\/$/, () => import("./pages/calls.js")],
  [/^\/calls$/, () => import("./pages/calls.js")],
  [/^\/calls\/(?<id>[^/]+)$/, () => import("./pages/call.js")],
  [/^\/flows$/, () => import("./pages/flows.js")],
  [/^\/flows\/(?<name>[^/]+)$/, () => import("./pages/flow.js")],
  [/^\/live$/, () => import("./pages/live.js")],
  [/^\/statistics$/, () => import("./pages/statistics.js")],
  [/^\/numbers$/, () => import("./pages/numbers.js")],
  [/^\/trunks$/, () => import("./pages/trunks.js")],
  [/^\/settings$/, () => import("./pages/settings.js")],
  [/^\/people$/, () => import("./pages/people.js")],
];

let leave = () => {}; // what the page on show wants done before it goes
let mayLeave = () => true;
let turn = 0;

function toLogIn() {
  location.replace(`/login?next=${encodeURIComponent(location.pathname + location.search)}`);
}

/** Goes to another page of the console. */
async function go(path, { replace = false } = {}) {
  if (!(await mayLeave())) return;
  history[replace ? "replaceState" : "pushState"]({}, "", path);
  await show();
}

async function show() {
  const mine = ++turn;
  leave();
  leave = () => {};
  mayLeave = () => true;
  const main = document.getElementById("main");
  mark(location.pathname);
  const place = h("div", { class: "page-in" }, loading());
  fill(main, place);
  window.scrollTo(0, 0);
  for (const [pattern, load] of ROUTES) {
    const found = location.pathname.match(pattern);
    if (!found) continue;
    const parameters = Object.fromEntries(
      Object.entries(found.groups ?? {}).map(([key, value]) => [key, decodeURIComponent(value)]),
    );
    try {
      const page = await load();
      if (mine !== turn) return;
      const query = Object.fromEntries(new URLSearchParams(location.search));
      const shown = await page.show({ place, parameters, query, user, go, isCurrent: () => mine === turn });
      if (mine !== turn) {
        shown?.leave?.();
        return;
      }
      leave = shown?.leave ?? leave;
      mayLeave = shown?.mayLeave ?? mayLeave;
    } catch (problem) {
      if (mine !== turn) return;
      if (!problem.status && problem.status !== 0) console.error(problem);
      fill(place, failed(problem, show));
    }
    settle(place);
    return;
  }
  fill(
    place,
    failed(new Error(`There is no page ${location.pathname} here.`), () => go("/calls")),
  );
}

/** Title of the window, focus on the heading, so that readers of the screen know where they are. */
function settle(place) {
  const heading = place.querySelector("h1");
  if (!heading) return;
  document.title = `${heading.textContent} · ${title}`;
  if (settle.before) heading.focus({ preventScroll: true });
  if (settle.before) say(heading.textContent);
  settle.before = true;
}

function follow(event) {
  const anchor = event.target.closest?.("a[href]");
  const isOurs =
    anchor &&
    anchor.origin === location.origin &&
    !anchor.target &&
    !anchor.hasAttribute("download") &&
    !anchor.pathname.startsWith("/api");
  if (
    !isOurs ||
    event.button ||
    event.ctrlKey ||
    event.metaKey ||
    event.shiftKey ||
    event.altKey ||
    event.defaultPrevented
  )
    return;
  if (anchor.hash && anchor.pathname === location.pathname) return;
  event.preventDefault();
  go(anchor.pathname + anchor.search);
}

let user = null;
let title = ""; // as the owner calls this console

async function begin() {
  whenSignedOut(toLogIn);
  const there = JSON.parse(document.querySelector("meta[name=who]").content);
  useToken(there.csrf);
  title = there.title;
  user = there.user;
  user.may = (role) =>
    ["viewer", "editor", "owner"].indexOf(user.role) >= ["viewer", "editor", "owner"].indexOf(role);
  fill(document.getElementById("app"), shell(user, go, title));
  document.addEventListener("click", follow);
  window.addEventListener("popstate", show);
  if (location.pathname === "/") await go("/calls", { replace: true });
  else await show();
}

await begin();

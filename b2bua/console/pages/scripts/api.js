// The console's API, as the pages use it: every path stands here and nowhere else.

/** What the server refused, or why it could not be asked (status 0). message says what happened and what to do;
 *  fields has each problem: {field, reason}, field "" for none in particular. */
export class ApiError extends Error {
  constructor(status, message, fields = []) {
    super(message);
    this.status = status;
    this.fields = fields;
  }
}

let token = "";
let signedOut = () => {};

/** The token against forged requests, which every change carries. */
export function useToken(csrf) {
  token = csrf ?? "";
}

/** Whom to tell when the session has ended. */
export function whenSignedOut(listener) {
  signedOut = listener;
}

async function ask(method, path, { body, query, form, signal } = {}) {
  const headers = { Accept: "application/json" };
  if (method !== "GET") headers["X-CSRF-Token"] = token;
  if (body !== undefined) headers["Content-Type"] = "application/json";
  let answer;
  try {
    const content = form ?? (body === undefined ? undefined : JSON.stringify(body));
    answer = await fetch(path + written(query), {
      method,
      headers,
      body: content,
      credentials: "same-origin",
      signal,
    });
  } catch (problem) {
    if (problem.name === "AbortError") throw problem;
    throw new ApiError(
      0,
      "The console does not answer. Calls go on without it. Is its service running, and this machine on the network?",
    );
  }
  if (answer.status === 204) return null;
  const isJson = (answer.headers.get("content-type") ?? "").includes("json");
  const said = isJson ? await answer.json() : await answer.text();
  if (!answer.ok) throw refused(answer, said, path);
  return said;
}

function refused(answer, said, path) {
  if (answer.status === 401 && !path.startsWith("/api/session")) signedOut();
  const fields = said?.errors ?? [];
  const again = answer.headers.get("retry-after");
  const text = fields.map((each) => (each.field ? `${each.field}: ${each.reason}` : each.reason)).join(" ");
  const fallback =
    answer.status === 429
      ? `Too many tries. Wait ${again ?? "some"} seconds.`
      : `The console could not do that (${answer.status}). Its log says why.`;
  return new ApiError(answer.status, text || fallback, fields);
}

function written(query) {
  const pairs = Object.entries(query ?? {}).filter(
    ([, value]) => value !== "" && value !== null && value !== undefined,
  );
  return pairs.length ? `?${new URLSearchParams(pairs)}` : "";
}

const part = encodeURIComponent;
const get = (path, query, signal) => ask("GET", path, { query, signal });
const post = (path, body) => ask("POST", path, { body: body ?? {} });
const put = (path, body) => ask("PUT", path, { body });
const remove = (path) => ask("DELETE", path);
const change = (path, body) => ask("PATCH", path, { body });

export const session = {
  get: () => get("/api/session"),
  begin: (name, password) => post("/api/session", { name, password }),
  end: () => remove("/api/session"),
  password: (old, fresh) => put("/api/session/password", { old, new: fresh }),
  setup: (code, name, password) => post("/api/setup", { code, name, password }),
  needsSetup: () => get("/api/setup"),
};

export const calls = {
  list: (query, signal) => get("/api/calls", query, signal),
  csv: (query) => `/api/calls.csv${written(query)}`,
  one: (id) => get(`/api/calls/${part(id)}`),
  hangUp: (id) => post(`/api/live/${part(id)}/hangup`),
  summary: (since) => get("/api/summary", { since }),
  text: (url) => get(url),
};

export const flows = {
  list: () => get("/api/flows"),
  one: (name, version) => get(`/api/flows/${part(name)}`, { version }),
  lint: (name, flow) => post(`/api/flows/${part(name)}/lint`, { flow }),
  save: (name, flow, revision, note = "") => put(`/api/flows/${part(name)}/draft`, { flow, revision, note }),
  dropDraft: (name) => remove(`/api/flows/${part(name)}/draft`),
  publish: (name, revision) => post(`/api/flows/${part(name)}/publish`, { revision }),
  restore: (name, version) => post(`/api/flows/${part(name)}/restore`, { version }),
  diff: (name, older, newer) => get(`/api/flows/${part(name)}/diff`, { old: older, new: newer }),
  toml: (name, version) => `/api/flows/${part(name)}/toml${written({ version })}`,
  take: (toml, note) => post("/api/flows/import", { toml, note }),
  simulate: (name, scene) => post(`/api/flows/${part(name)}/simulate`, scene),
};

export const prompts = {
  list: () => get("/api/prompts"),
  upload: (file) => {
    const form = new FormData();
    form.append("file", file);
    return ask("POST", "/api/prompts", { form });
  },
  speech: (text, voice) => `/api/speech${written({ text, voice })}`,
};

export const service = {
  vocabulary: () => get("/api/vocabulary"),
  numbers: () => get("/api/numbers"),
  recipients: () => get("/api/recipients"),
  statistics: (query) => get("/api/statistics", query),
  trunks: () => get("/api/trunks"),
  health: () => get("/api/health"),
  settings: () => get("/api/settings"),
  fileSettings: () => get("/api/settings/file"),
  saveSettings: (values) => put("/api/settings", values),
  reload: () => post("/api/reload"),
  ringTest: (recipient) => post("/api/ring-test", { recipient }),
  ringTested: (call) => get(`/api/ring-test/${part(call)}`),
};

/** Numbers of the database; service.numbers lists them with those of the file. */
export const numbers = {
  add: ({ dialled, name, flow, trunks, is_on }) => post("/api/numbers", { dialled, name, flow, trunks, is_on }),
  change: (dialled, values) => put(`/api/numbers/${part(dialled)}`, values),
  remove: (dialled) => remove(`/api/numbers/${part(dialled)}`),
};

export const people = {
  users: () => get("/api/users"),
  addUser: (user) => post("/api/users", user),
  changeUser: (name, values) => change(`/api/users/${part(name)}`, values),
  removeUser: (name) => remove(`/api/users/${part(name)}`),
  tokens: () => get("/api/tokens"),
  addToken: (values) => post("/api/tokens", values),
  removeToken: (number) => remove(`/api/tokens/${part(number)}`),
  audit: (cursor) => get("/api/audit", { cursor, limit: 50 }),
};

// A call flow as the editor changes it: the table [flows.NAME] of the configuration, as JSON. Nothing of a page is here.

export const KINDS = {
  dial: { title: "Ring recipients", picture: "dial", does: "Rings one, everyone at once, or in turns" },
  play: { title: "Play something", picture: "play", does: "Says or plays something to the caller" },
  menu: { title: "Menu", picture: "menu", does: "Lets the caller choose by a digit" },
  schedule: { title: "Opening hours", picture: "schedule", does: "Goes by the clock and by holidays" },
  voicemail: { title: "Voicemail", picture: "voicemail", does: "Records a message" },
  hang_up: { title: "Hang up", picture: "hang_up", does: "Ends the call" },
};

/** What a person reads for a step: "ring-the-team" is "Ring the team". */
export function titleOf(name) {
  const words = name.replace(/[-_]+/g, " ").trim();
  return words.charAt(0).toUpperCase() + words.slice(1);
}

/** The name that a step is kept under, of what a person wrote. */
export function nameOf(title) {
  return title
    .normalize("NFKD")
    .replace(/[\u0300-\u036f]/g, "")
    .toLowerCase()
    .replace(/[^a-z0-9_]+/g, "-")
    .replace(/^-+|-+$/g, "")
    .slice(0, 32);
}

export function kindOf(flow, name) {
  return Object.keys(KINDS).find((kind) => flow[kind]?.[name]);
}

export const stepOf = (flow, name) => flow[kindOf(flow, name)]?.[name];
export const namesOf = (flow) => Object.keys(KINDS).flatMap((kind) => Object.keys(flow[kind] ?? {}));
export const keyOf = (flow, name) => `${kindOf(flow, name)}.${name}`;

/** The exits of a step, in the order in which people think of them: what they are called, the setting that says where
 *  they lead (beneath the step), where that is, and what happens where nothing is written. */
export function exitsOf(flow, name) {
  const step = stepOf(flow, name);
  const plain = (exit, title, otherwise = "") => ({
    exit,
    title,
    setting: exit,
    to: step[exit] ?? "",
    otherwise,
    lead: (to) => lead(step, exit, to, otherwise),
  });
  switch (kindOf(flow, name)) {
    case "dial":
      return [
        plain("nobody_answered", "Nobody answered"),
        plain("all_busy_or_declined", "All busy or declined", "as when nobody answered"),
        plain("answered", "Answered, then the recipient hangs up", "the call ends"),
      ];
    case "play":
      return [plain("played", "Then")];
    case "menu":
      return [
        ...Object.keys(step.choices ?? {})
          .sort()
          .map((digit) => ({
            exit: digit,
            title: `Pressed ${digit}`,
            digit,
            setting: `choices.${digit}`,
            to: step.choices[digit],
            otherwise: "",
            lead: (to) => {
              step.choices[digit] = to;
            },
          })),
        plain("no_choice", "Pressed nothing on offer"),
      ];
    case "schedule":
      return [
        ...(step.branches ?? []).map((branch, index) => ({
          exit: branch.name,
          title: branch.name || `Hours ${index + 1}`,
          setting: `branches.${index}.then`,
          to: branch.then ?? "",
          otherwise: "",
          lead: (to) => {
            branch.then = to;
          },
        })),
        plain("holiday", "On a holiday", "as at any other time"),
        plain("otherwise", "At any other time"),
      ];
    case "voicemail":
      return [plain("recorded", "After the message", "the call ends")];
    default:
      return [];
  }
}

function lead(step, exit, to, otherwise) {
  if (!to && otherwise) delete step[exit];
  else step[exit] = to;
}

/** Where an exit leads to in the end: the step, or "" where the call ends (or nowhere, if it must be written). */
export function following(flow, name, exit) {
  if (exit.to) return exit.to;
  const step = stepOf(flow, name);
  if (exit.exit === "all_busy_or_declined") return step.nobody_answered ?? "";
  if (exit.exit === "holiday") return step.otherwise ?? "";
  return "";
}

/** Steps by the longest way to them: [name, column] in the order of the path; those no call comes to, last, with -1. */
export function path(flow) {
  const columns = new Map();
  const visit = (name, column, way) => {
    if (!stepOf(flow, name) || way.includes(name) || columns.get(name) >= column) return;
    columns.set(name, column);
    for (const exit of exitsOf(flow, name)) visit(following(flow, name, exit), column + 1, [...way, name]);
  };
  visit(flow.first, 0, []);
  const alone = namesOf(flow).filter((name) => !columns.has(name));
  return [...[...columns].sort((one, other) => one[1] - other[1]), ...alone.map((name) => [name, -1])];
}

const STARTS = {
  dial: () => ({ mode: "everyone", recipients: [freshRecipient()], nobody_answered: "" }),
  play: () => ({ prompt: { say: "Thank you for calling." }, played: "" }),
  menu: () => ({ prompt: { say: "For sales, press 1." }, choices: { 1: "" }, no_choice: "" }),
  schedule: (zone) => ({
    time_zone: zone,
    branches: [{ name: "open", hours: { "mon-fri": ["9:00-17:00"] }, then: "" }],
    otherwise: "",
  }),
  voicemail: () => ({
    mailbox: "main",
    greeting: { say: "Nobody can take your call now. Please leave a message after the tone." },
  }),
  hang_up: () => ({}),
};

const NAMES = {
  dial: "ring",
  play: "message",
  menu: "menu",
  schedule: "hours",
  voicemail: "voicemail",
  hang_up: "end",
};

export const freshRecipient = (trunk = "") => ({
  name: "",
  type: "sip",
  destination: "",
  ...(trunk && { trunk }),
});

/** Adds a step of a kind; gives its name. zone: the time zone of a schedule. */
export function add(flow, kind, zone = "UTC") {
  const name = unused(flow, NAMES[kind]);
  flow[kind] = { ...flow[kind], [name]: STARTS[kind](zone) };
  return name;
}

function unused(flow, wanted) {
  const taken = new Set(namesOf(flow));
  if (!taken.has(wanted)) return wanted;
  let number = 2;
  while (taken.has(`${wanted}-${number}`)) number += 1;
  return `${wanted}-${number}`;
}

/** Gives a step another name, everywhere. Gives the name that it has now: the old one if the new one cannot be used. */
export function rename(flow, name, title) {
  const wanted = nameOf(title);
  if (!wanted || wanted === name || namesOf(flow).includes(wanted)) return name;
  const kind = kindOf(flow, name);
  flow[kind] = Object.fromEntries(
    Object.entries(flow[kind]).map(([key, step]) => [key === name ? wanted : key, step]),
  );
  redirect(flow, name, wanted);
  return wanted;
}

/** Takes a step away; what led to it leads nowhere, which the check says. */
export function remove(flow, name) {
  delete flow[kindOf(flow, name)][name];
  redirect(flow, name, "");
}

function redirect(flow, from, to) {
  if (flow.first === from) flow.first = to || namesOf(flow)[0] || "";
  for (const each of namesOf(flow))
    for (const exit of exitsOf(flow, each)) if (exit.to === from) exit.lead(to);
}

/** A flow to begin with: ring somebody, then hang up. */
export function starter() {
  return {
    first: "ring",
    dial: { ring: { ...STARTS.dial(), nobody_answered: "end" } },
    hang_up: { end: {} },
  };
}

/** What a step does, in a few words, until the server has said it. */
export function does(flow, name) {
  const step = stepOf(flow, name);
  switch (kindOf(flow, name)) {
    case "dial": {
      const people = (step.recipients ?? []).filter((each) => each.enabled !== false).length;
      const way = { one: "one recipient", everyone: `${people} at once`, turns: `${people} in turns` }[
        step.mode ?? "everyone"
      ];
      return `Rings ${way}, ${step.ring_time ?? 30} s`;
    }
    case "play":
      return heard(step.prompt);
    case "menu":
      return `Offers ${
        Object.keys(step.choices ?? {})
          .sort()
          .join(", ") || "no digit yet"
      }`;
    case "schedule":
      return (step.branches ?? []).map((branch) => branch.name).join(", ");
    case "voicemail":
      return `Records for ${step.mailbox || "…"}`;
    default:
      return step.status ? `With ${step.status}` : "Ends the call";
  }
}

export function heard(prompt) {
  if (prompt?.say) return `“${prompt.say}”`;
  if (prompt?.play) return prompt.play.split("/").at(-1);
  return prompt?.tone ? `Ringing of ${prompt.tone.toUpperCase()}` : "Nothing yet";
}

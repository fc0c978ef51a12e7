// The small steps: play, menu, voicemail, hang up.

import { fill, h } from "../dom.js";
import { icon } from "../icons.js";
import { field, place, seconds, select } from "../parts/field.js";
import { question } from "./dial.js";
import { promptEditor } from "./prompt.js";

export const playStep = ({ step, key, words, changed }) => [
  question(
    "What does the caller hear?",
    "Heard once; it answers the call.",
    promptEditor({
      label: "Prompt",
      owner: step,
      setting: "prompt",
      key: `${key}.prompt`,
      absent: "",
      kinds: ["say", "play", "tone"],
      words,
      changed,
      suggestion: "Thank you for calling.",
    }),
  ),
];

export function menuStep({ step, key, words, changed, redraw }) {
  step.choices ??= {};
  const free = [..."1234567890*#"].filter((digit) => !(digit in step.choices));
  const digits = h("div", { class: "row tight" });
  fill(
    digits,
    Object.keys(step.choices)
      .sort()
      .map((digit) =>
        h(
          "span",
          { class: "digit" },
          h("kbd", {}, digit),
          h(
            "button",
            {
              class: "button plain square small",
              type: "button",
              "aria-label": `Take ${digit} off the menu`,
              on: {
                click: () => {
                  delete step.choices[digit];
                  redraw();
                  changed();
                },
              },
            },
            icon("close"),
          ),
        ),
      ),
    h(
      "button",
      {
        class: "button small",
        type: "button",
        disabled: !free.length,
        on: {
          click: () => {
            step.choices[free[0]] = "";
            redraw();
            changed();
          },
        },
      },
      icon("plus"),
      `Add digit ${free[0] ?? ""}`,
    ),
  );
  return [
    question(
      "What offers the choice?",
      null,
      promptEditor({
        label: "Prompt",
        owner: step,
        setting: "prompt",
        key: `${key}.prompt`,
        absent: "",
        words,
        changed,
        suggestion: "For sales, press 1. For support, press 2.",
      }),
    ),
    question(
      "Which digits?",
      "Where each leads is below, with the exits.",
      digits,
      place(`${key}.choices`),
      h(
        "div",
        { class: "row top" },
        seconds({
          label: "Wait for a digit",
          key: `${key}.timeout`,
          value: step.timeout ?? 5,
          absent: null,
          placeholder: "5",
          min: 1,
          max: 60,
          onSeconds: (value) => {
            step.timeout = value ?? 5;
            changed();
          },
        }),
        field({
          label: "Heard at most",
          key: `${key}.tries`,
          type: "number",
          min: 1,
          max: 10,
          unit: "×",
          class: "brief",
          value: step.tries ?? 3,
          onInput: (value) => {
            step.tries = Number(value) || 3;
            changed();
          },
        }),
      ),
    ),
  ];
}

export const voicemailStep = ({ step, key, words, changed }) => [
  question(
    "What does the caller hear first?",
    null,
    promptEditor({
      label: "Greeting",
      owner: step,
      setting: "greeting",
      key: `${key}.greeting`,
      words,
      changed,
      suggestion: "Nobody can take your call now. Please leave a message after the tone.",
    }),
  ),
  question(
    "How is the message kept?",
    null,
    field({
      label: "Mailbox",
      key: `${key}.mailbox`,
      value: step.mailbox ?? "",
      onInput: (value) => {
        step.mailbox = value.trim();
        changed();
      },
      hint: "The name that messages are kept under: letters, digits, _ and -.",
    }),
    h(
      "div",
      { class: "row top" },
      seconds({
        label: "Longest message",
        key: `${key}.longest`,
        value: step.longest ?? 120,
        absent: null,
        placeholder: "120",
        min: 1,
        onSeconds: (value) => {
          step.longest = value ?? 120;
          changed();
        },
      }),
      seconds({
        label: "Ends after silence of",
        key: `${key}.silence_end`,
        value: step.silence_end ?? 5,
        absent: null,
        placeholder: "5",
        onSeconds: (value) => {
          step.silence_end = value ?? 5;
          changed();
        },
      }),
    ),
  ),
];

const STATUSES = [
  ["0", "As the last step came out"],
  ["480", "480 Temporarily unavailable"],
  ["486", "486 Busy"],
  ["408", "408 Timeout"],
  ["404", "404 Not found"],
];

export const hangUpStep = ({ step, key, changed }) => [
  question(
    "What is the caller told?",
    "Only of a call that nobody has answered.",
    select({
      label: "Status",
      key: `${key}.status`,
      options: STATUSES,
      value: String(step.status ?? 0),
      onChange: (value) => {
        if (value === "0") delete step.status;
        else step.status = Number(value);
        changed();
      },
    }),
  ),
];

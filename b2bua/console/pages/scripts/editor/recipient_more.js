// What is seldom wanted of a recipient: when to start and to stop, press 1, trunk, on or off, the ring test.

import { h } from "../dom.js";
import { icon } from "../icons.js";
import { field, seconds, select, toggle } from "../parts/field.js";
import { ringTest } from "./ring_test.js";

/** set: called with (setting, value, value that is not written); moved: with (from, to). */
export function recipientMore({ recipient, index, own, step, words, user, set, moved, redraw, isOpen }) {
  const pressOne = recipient.press_one === undefined ? "" : String(recipient.press_one);
  const isPhone = recipient.type === "phone";
  return h(
    "div",
    { class: "recipient-more", hidden: !isOpen },
    seconds({
      label: "Start after",
      key: `${own}.start_after`,
      value: recipient.start_after ?? 0,
      placeholder: "0",
      onSeconds: (value) => set("start_after", value, 0),
      hint: "Joins later than the others.",
    }),
    seconds({
      label: "Stop after",
      key: `${own}.stop_after`,
      value: recipient.stop_after ?? 0,
      placeholder: "end",
      onSeconds: (value) => set("stop_after", value, 0),
      hint: "Empty rings to the end.",
    }),
    select({
      label: "Press 1",
      key: `${own}.press_one`,
      value: pressOne,
      options: [
        ["", `As the step (${step.press_one ? "on" : "off"})`],
        ["true", "Must press 1"],
        ["false", "Need not"],
      ],
      onChange: (value) => set("press_one", value === "" ? undefined : value === "true", undefined),
      hint: "Keeps voicemail from answering.",
    }),
    seconds({
      label: "Own voicemail answers at",
      key: `${own}.voicemail_after`,
      value: recipient.voicemail_after ?? 0,
      placeholder: "not known",
      onSeconds: (value) => set("voicemail_after", value, 0),
      hint: "Only the check looks at it.",
    }),
    isPhone || recipient.trunk
      ? select({
          label: "Trunk",
          key: `${own}.trunk`,
          value: recipient.trunk ?? "",
          options: [["", "None"], ...words.trunks.map((each) => [each, each])],
          onChange: (value) => set("trunk", value, ""),
        })
      : null,
    seconds({
      label: "Give up without a reply",
      key: `${own}.unreachable_after`,
      value: recipient.unreachable_after ?? 4,
      absent: null,
      placeholder: "4",
      onSeconds: (value) => set("unreachable_after", value ?? 4, 4),
    }),
    step.mode === "turns"
      ? field({
          label: "Share of first turns",
          key: `${own}.weight`,
          type: "number",
          min: 1,
          max: 100,
          unit: "×",
          class: "brief",
          placeholder: "1",
          value: recipient.weight ?? "",
          onInput: (value) => set("weight", Number(value) || 1, 1),
          hint: "2 is asked first twice as often as 1.",
        })
      : null,
    h(
      "div",
      { class: "row tight wide-cell" },
      toggle({
        label: "On: rings with the others",
        value: recipient.enabled !== false,
        onChange: (value) => {
          set("enabled", value, true);
          redraw(`[data-row="${index}"] [role=switch]`);
        },
      }),
      user.may("editor")
        ? h(
            "button",
            { class: "button small", type: "button", on: { click: () => ringTest(recipient) } },
            icon("ring"),
            "Ring test",
          )
        : null,
      h(
        "span",
        { class: "row tight" },
        h(
          "button",
          {
            class: "button plain square small",
            type: "button",
            disabled: index === 0,
            "aria-label": "Move up",
            title: "Move up",
            on: { click: () => moved(index, index - 1) },
          },
          icon("up"),
        ),
        h(
          "button",
          {
            class: "button plain square small",
            type: "button",
            disabled: index === step.recipients.length - 1,
            "aria-label": "Move down",
            title: "Move down",
            on: { click: () => moved(index, index + 1) },
          },
          icon("down"),
        ),
      ),
    ),
  );
}

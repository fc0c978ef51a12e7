// The ring test: one recipient rings now, hears a voice, and presses 1.

import { service } from "../api.js";
import { fill, h } from "../dom.js";
import { dialog } from "../parts/dialog.js";

/** Rings one recipient now, and says what came of it once it is over. */
export async function ringTest(recipient) {
  const body = h(
    "div",
    { class: "stack", "aria-live": "polite" },
    h(
      "p",
      {},
      `${recipient.name || recipient.destination} rings now. Answer the phone, and press 1 if you can hear the voice.`,
    ),
  );
  let isOpen = true;
  dialog({
    title: `Ring test: ${recipient.name || recipient.destination}`,
    size: "narrow",
    body,
    onClose: () => {
      isOpen = false;
    },
  });
  try {
    const { call } = await service.ringTest(recipient);
    let report = await service.ringTested(call);
    while (isOpen && !report.outcome) {
      await new Promise((resume) => {
        setTimeout(resume, RING_TEST_LOOK);
      });
      report = await service.ringTested(call);
    }
    fill(
      body,
      h("p", { class: "sentence" }, report.sentence),
      h(
        "dl",
        { class: "facts" },
        REPORT.flatMap(([key, name, told]) =>
          report[key] === null || report[key] === undefined || report[key] === ""
            ? []
            : [h("dt", {}, name), h("dd", {}, told(report[key]))],
        ),
      ),
      h("p", {}, h("a", { href: `/calls/${encodeURIComponent(call)}` }, "See the whole call")),
    );
  } catch (problem) {
    fill(body, h("p", { class: "remark error" }, problem.message));
  }
}

const RING_TEST_LOOK = 700; // milliseconds between two looks at how far it is
const milliseconds = (value) => `after ${value.toLocaleString()} ms`;
const REPORT = [
  ["rang_after", "Rang", milliseconds],
  ["answered_after", "Answered", milliseconds],
  ["pressed_after", "Pressed 1", milliseconds],
  ["codec", "Codec", String],
  ["shown", "Number shown", String],
  ["asserted", "Number asserted", String],
  ["keys", "Digits come as", String],
];

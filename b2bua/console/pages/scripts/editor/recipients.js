// "Who should receive the call?": rows in order, moved by dragging or with the arrow keys.

import { fill, freshId, h, say } from "../dom.js";
import { icon } from "../icons.js";
import { toast } from "../parts/dialog.js";
import { field, place, select } from "../parts/field.js";
import { freshRecipient } from "./model.js";
import { recipientMore } from "./recipient_more.js";

const opened = new WeakSet(); // recipients whose "More" is open, over all drawings

/** key: of the list, "dial.team.recipients". */
export function recipientRows({ step, key, words, changed, user }) {
  const list = h("ol", { class: "rows" });
  const draw = (focus) => {
    fill(
      list,
      step.recipients.map((each, index) => row(each, index)),
    );
    if (focus) list.querySelector(focus)?.focus();
  };
  const moved = (from, to) => {
    if (to < 0 || to >= step.recipients.length || from === to) return;
    step.recipients.splice(to, 0, ...step.recipients.splice(from, 1));
    draw(`[data-grip="${to}"]`);
    say(`${step.recipients[to].name || "Recipient"} is now ${to + 1} of ${step.recipients.length}.`);
    changed();
  };
  const add = () => {
    step.recipients.push(freshRecipient());
    draw(`[data-row="${step.recipients.length - 1}"] input`);
    changed();
  };
  const drop = (index) => {
    const [gone] = step.recipients.splice(index, 1);
    draw(`[data-row="${Math.min(index, step.recipients.length - 1)}"] input`);
    toast(`${gone.name || "The recipient"} is taken off the list.`);
    changed();
  };

  function row(recipient, index) {
    const own = `${key}.${index}`;
    const element = h("li", {
      class: `recipient ${recipient.enabled === false ? "is-off" : ""}`,
      data: { row: index },
    });
    const names = freshId("known");
    const noted = h("div", { class: "recipient-notes" });
    const set = (setting, value, absent) => {
      if (value === absent) delete recipient[setting];
      else recipient[setting] = value;
      fill(noted, notes(recipient, figures));
      changed();
    };
    const who = `recipient ${index + 1}`;
    const destination = field({
      label: `Destination of ${who}`,
      hideLabel: true,
      key: `${own}.destination`,
      value: recipient.destination,
      placeholder: recipient.type === "phone" ? "+1 555 0102" : "sip:ana@192.0.2.7",
      inputmode: recipient.type === "phone" ? "tel" : "text",
      autocapitalize: "none",
      spellcheck: "false",
      onInput: (value) => {
        recipient.destination = value;
        if (recipient.type === "phone" && /^sips?:/i.test(value)) {
          recipient.type = "sip"; // as one who was known by a phone number is given an address
          delete recipient.trunk;
          element.querySelector("select").value = "sip";
        }
        changed();
      },
    });
    const name = field({
      label: `Name of ${who}`,
      hideLabel: true,
      key: `${own}.name`,
      value: recipient.name,
      placeholder: "Name",
      list: names,
      autocomplete: "off",
      onInput: (value) => {
        recipient.name = value;
        known(value);
        call();
        changed();
      },
    });
    const known = (value) => {
      const found = words.recipients.find((each) => each.name === value);
      if (!found || recipient.destination) return;
      for (const setting of ["type", "destination", "trunk", "extension"])
        if (found[setting]) recipient[setting] = found[setting];
      draw(`[data-row="${index}"] [data-more]`);
    };
    const type = select({
      label: `Type of ${who}`,
      hideLabel: true,
      key: `${own}.type`,
      value: recipient.type ?? "sip",
      options: [
        ["sip", "SIP"],
        ["phone", "Phone"],
      ],
      onChange: (value) => {
        recipient.type = value;
        if (value === "phone" && !recipient.trunk && words.trunks.length) recipient.trunk = words.trunks[0];
        if (value === "sip") delete recipient.trunk;
        draw(`[data-row="${index}"] select`);
        changed();
      },
    });
    const extension = field({
      label: `Extension of ${who}`,
      hideLabel: true,
      key: `${own}.extension`,
      value: recipient.extension ?? "",
      placeholder: "Ext.",
      title: "Digits sent once the line has answered; each w waits for half a second",
      onInput: (value) => set("extension", value, ""),
    });
    /** Buttons are called by the name that the recipient has now. */
    const call = () => {
      for (const each of element.querySelectorAll("[data-called]"))
        each.setAttribute("aria-label", each.dataset.called.replace("…", recipient.name || who));
    };
    const figures = words.recipients.find(
      (each) => each.destination && each.destination === recipient.destination,
    )?.figures;
    fill(noted, notes(recipient, figures));
    fill(
      element,
      h(
        "button",
        {
          class: "grip",
          type: "button",
          data: { grip: index, called: "Move …: arrow keys up and down" },
          title: "Drag, or press the arrow keys",
          on: { keydown: (event) => byKey(event, index), pointerdown: (event) => drag(event, element) },
        },
        icon("grip"),
      ),
      h(
        "div",
        { class: "cell-name" },
        name,
        h(
          "datalist",
          { id: names },
          words.recipients.map((each) => h("option", { value: each.name })),
        ),
      ),
      h("div", { class: "cell-type" }, type),
      h("div", { class: "cell-destination" }, destination),
      h("div", { class: "cell-extension" }, extension),
      h(
        "div",
        { class: "cell-tools" },
        moreButton(recipient, element),
        h(
          "button",
          {
            class: "button plain square small",
            type: "button",
            disabled: step.recipients.length < 2,
            data: { called: "Take … off the list" },
            title: "Take off the list",
            on: { click: () => drop(index) },
          },
          icon("bin"),
        ),
      ),
      h("div", { class: "cell-notes" }, noted, place(own)),
      recipientMore({
        recipient,
        index,
        own,
        step,
        words,
        user,
        set,
        moved,
        redraw: draw,
        isOpen: opened.has(recipient),
      }),
    );
    call();
    return element;
  }

  function moreButton(recipient, element) {
    const button = h(
      "button",
      {
        class: "button small",
        type: "button",
        data: { more: "", called: "More about …" },
        "aria-expanded": String(opened.has(recipient)),
        on: {
          click: () => {
            const isOpen = !opened.has(recipient);
            if (isOpen) opened.add(recipient);
            else opened.delete(recipient);
            element.querySelector(".recipient-more").hidden = !isOpen;
            button.setAttribute("aria-expanded", String(isOpen));
          },
        },
      },
      "More",
      icon("chevron"),
    );
    return button;
  }

  function byKey(event, index) {
    const way = { ArrowUp: -1, ArrowDown: 1 }[event.key];
    if (!way) return;
    event.preventDefault();
    moved(index, index + way);
  }

  /** The row follows the pointer among its neighbours; the list is changed when it is let go. */
  function drag(event, element) {
    if (event.button) return;
    event.preventDefault();
    event.currentTarget.focus();
    element.classList.add("is-dragged");
    const from = [...list.children].indexOf(element);
    const move = ({ clientY }) => {
      const after = [...list.children]
        .filter((each) => each !== element)
        .find((each) => {
          const box = each.getBoundingClientRect();
          return clientY < box.top + box.height / 2;
        });
      if (after !== element.nextElementSibling) list.insertBefore(element, after ?? null);
    };
    const end = () => {
      // The row is taken out and put in again as it moves, which ends any capture: so the window listens.
      for (const [name, listener] of [
        ["pointermove", move],
        ["pointerup", end],
        ["pointercancel", end],
      ])
        window.removeEventListener(name, listener);
      element.classList.remove("is-dragged");
      moved(from, [...list.children].indexOf(element));
    };
    for (const [name, listener] of [
      ["pointermove", move],
      ["pointerup", end],
      ["pointercancel", end],
    ])
      window.addEventListener(name, listener);
  }

  draw();
  return {
    redraw: draw,
    element: h(
      "div",
      { class: "stack tight" },
      h(
        "div",
        { class: "recipient recipient-headings", "aria-hidden": "true" },
        ["", "Name", "Type", "Destination", "Extension", ""].map((text) => h("span", {}, text)),
      ),
      list,
      place(key),
      h(
        "div",
        {},
        h(
          "button",
          { class: "button", type: "button", data: { add: "recipient" }, on: { click: add } },
          icon("plus"),
          "Add recipient",
        ),
      ),
    ),
  };
}

function notes(recipient, figures) {
  const words = [];
  if (recipient.enabled === false) words.push(h("span", { class: "chip" }, "Off"));
  if (recipient.start_after) words.push(h("span", { class: "chip" }, `starts at ${recipient.start_after} s`));
  if (recipient.stop_after) words.push(h("span", { class: "chip" }, `stops at ${recipient.stop_after} s`));
  if (recipient.press_one) words.push(h("span", { class: "chip" }, "must press 1"));
  if (recipient.type === "phone" && recipient.trunk)
    words.push(h("span", { class: "chip" }, `through ${recipient.trunk}`));
  const suspicion = figures?.probably_voicemail;
  if (suspicion)
    words.push(
      h(
        "span",
        {
          class: "chip wait",
          title: `${suspicion.answers} of ${suspicion.of} answers came after the same interval`,
        },
        icon("voicemail"),
        `probably voicemail (${suspicion.after < 1_500_000 ? "at once" : `${Math.round(suspicion.after / 1e6)} s`})`,
      ),
    );
  else if (figures?.offered)
    words.push(h("span", { class: "chip" }, `answered ${figures.answered} of ${figures.offered} in 30 days`));
  return words.length ? h("div", { class: "row tight" }, words) : null;
}

// Windows over the page, and short news at its corner.

import { fill, freshId, h, say } from "../dom.js";
import { icon } from "../icons.js";

/** Opens a window; gives it, with `.shut()`. foot: buttons. It is gone once closed, and focus is where it was. */
export function dialog({ title, body, foot = [], size = "", onClose }) {
  const id = freshId("title");
  const window_ = h("dialog", { class: size, "aria-labelledby": id });
  window_.shut = () => window_.close();
  fill(
    window_,
    h(
      "header",
      { class: "dialog-head" },
      h("h2", { id }, title),
      h(
        "button",
        {
          class: "button plain square small",
          type: "button",
          "aria-label": "Close",
          on: { click: window_.shut },
        },
        icon("close"),
      ),
    ),
    h("div", { class: "dialog-body" }, body),
    foot.length ? h("footer", { class: "dialog-foot" }, foot) : null,
  );
  const before = document.activeElement;
  window_.addEventListener("close", () => {
    window_.remove();
    onClose?.();
    if (before?.isConnected) before.focus();
  });
  document.body.append(window_);
  window_.showModal();
  return window_;
}

/** Asks; true if the person says yes. */
export function confirm({ title, text, yes, danger = false }) {
  return new Promise((resolve) => {
    let answer = false;
    const box = dialog({
      title,
      size: "narrow",
      body: h("p", {}, text),
      onClose: () => resolve(answer),
      foot: [
        h("button", { class: "button", type: "button", on: { click: () => box.shut() } }, "Cancel"),
        h(
          "button",
          {
            class: `button ${danger ? "danger" : "main"}`,
            type: "button",
            on: {
              click: () => {
                answer = true;
                box.shut();
              },
            },
          },
          yes,
        ),
      ],
    });
  });
}

/** News that goes by itself: what was done, or what could not be. */
export function toast(text, tone = "good") {
  const news = h("div", { class: "toast" }, icon(tone === "good" ? "check" : "warning"), h("span", {}, text));
  document.getElementById("toasts").append(news);
  say(text, tone !== "good");
  setTimeout(() => news.remove(), tone === "good" ? 4000 : 9000);
}

/** Copies a text, and says so. */
export async function copy(text, what) {
  try {
    await navigator.clipboard.writeText(text);
    toast(`${what} copied.`);
  } catch {
    toast("The browser does not let this page copy: select the text and copy it yourself.", "bad");
  }
}

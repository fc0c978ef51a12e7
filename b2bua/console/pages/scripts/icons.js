// Pictures of 20 by 20, drawn with lines in the colour of the text. They say nothing that a text beside them does not.

import { s } from "./dom.js";

const PATHS = {
  flows: "M5 3.5v4a2.5 2.5 0 0 0 2.5 2.5h5A2.5 2.5 0 0 1 15 12.5v4M5 10v6.5M3 5.5l2-2 2 2M13 14.5l2 2 2-2",
  calls: "M3.5 5.2c0 6.2 5.1 11.3 11.3 11.3l1.7-3.2-3.6-2-1.6 1.6c-1.7-.8-3.4-2.5-4.2-4.2l1.6-1.6-2-3.6z",
  live: "M10 8.2a1.8 1.8 0 1 0 0 3.6 1.8 1.8 0 0 0 0-3.6M6.4 13.6a5.1 5.1 0 0 1 0-7.2M13.6 6.4a5.1 5.1 0 0 1 0 7.2M4 16a8.5 8.5 0 0 1 0-12M16 4a8.5 8.5 0 0 1 0 12",
  statistics: "M3.5 16.5h13M6 13.5v-4M10 13.5v-8M14 13.5v-6",
  trunks: "M3.5 6.5h13M3.5 13.5h13M6.5 4v5M13.5 11v5",
  numbers: "M7.5 3.5l-1.5 13M14 3.5l-1.5 13M4 7.5h13M3 12.5h13",
  settings:
    "M10 7.4a2.6 2.6 0 1 0 0 5.2 2.6 2.6 0 0 0 0-5.2M10 2.8v2M10 15.2v2M2.8 10h2M15.2 10h2M4.9 4.9l1.4 1.4M13.7 13.7l1.4 1.4M4.9 15.1l1.4-1.4M13.7 6.3l1.4-1.4",
  people:
    "M7.5 9.5a3 3 0 1 0 0-6 3 3 0 0 0 0 6M2.5 16.5a5 5 0 0 1 10 0M13 4a2.8 2.8 0 0 1 0 5.2M14.5 11.8a5 5 0 0 1 3 4.7",
  more: "M4 6h12M4 10h12M4 14h12",
  plus: "M10 4v12M4 10h12",
  close: "M5 5l10 10M15 5L5 15",
  check: "M4 10.5l4 4 8-9",
  warning: "M10 3.2l7.3 13H2.7zM10 8.2v3.6M10 14v.2",
  error: "M10 2.8a7.2 7.2 0 1 0 0 14.4 7.2 7.2 0 0 0 0-14.4M10 6.4v4.4M10 13.4v.2",
  note: "M10 2.8a7.2 7.2 0 1 0 0 14.4 7.2 7.2 0 0 0 0-14.4M10 9.2v4.4M10 6.4v.2",
  grip: "M7.5 5v.1M7.5 10v.1M7.5 15v.1M12.5 5v.1M12.5 10v.1M12.5 15v.1",
  up: "M10 16V4M5 9l5-5 5 5",
  down: "M10 4v12M5 11l5 5 5-5",
  right: "M4 10h12M11 5l5 5-5 5",
  left: "M16 10H4M9 5l-5 5 5 5",
  chevron: "M6 8l4 4 4-4",
  dial: "M3.5 5.2c0 6.2 5.1 11.3 11.3 11.3l1.7-3.2-3.6-2-1.6 1.6c-1.7-.8-3.4-2.5-4.2-4.2l1.6-1.6-2-3.6zM12 3.4a5 5 0 0 1 4.6 4.6M12 6.2a2.4 2.4 0 0 1 1.8 1.8",
  play: "M4 8v4h2.8L11 15.5v-11L6.8 8zM13.5 7.5a3.5 3.5 0 0 1 0 5M15.6 5.4a6.5 6.5 0 0 1 0 9.2",
  menu: "M4 4h3v3H4zM8.5 4h3v3h-3zM13 4h3v3h-3zM4 8.5h3v3H4zM8.5 8.5h3v3h-3zM13 8.5h3v3h-3zM8.5 13h3v3h-3z",
  schedule: "M10 2.8a7.2 7.2 0 1 0 0 14.4 7.2 7.2 0 0 0 0-14.4M10 6v4.2l2.8 1.8",
  voicemail: "M6 7a3 3 0 1 0 0 6 3 3 0 0 0 0-6M14 7a3 3 0 1 0 0 6 3 3 0 0 0 0-6M6 13h8",
  hang_up: "M2.8 12.2c4-4.2 10.4-4.2 14.4 0l-1.6 2.4-3-1v-2.2c-1.7-.6-3.5-.6-5.2 0v2.2l-3 1z",
  start: "M10 3.5a6.5 6.5 0 1 0 0 13 6.5 6.5 0 0 0 0-13M8.5 7.2l4.2 2.8-4.2 2.8z",
  search: "M9 3.5a5.5 5.5 0 1 0 0 11 5.5 5.5 0 0 0 0-11M13.2 13.2l3.5 3.5",
  download: "M10 3.5v9M6 9l4 4 4-4M4 16.5h12",
  copy: "M7 7h9v9.5H7zM4 13V3.5h9",
  full: "M3.5 7.5v-4h4M12.5 3.5h4v4M16.5 12.5v4h-4M7.5 16.5h-4v-4",
  sun: "M10 6.8a3.2 3.2 0 1 0 0 6.4 3.2 3.2 0 0 0 0-6.4M10 2.5v1.6M10 15.9v1.6M2.5 10h1.6M15.9 10h1.6M4.7 4.7l1.1 1.1M14.2 14.2l1.1 1.1M4.7 15.3l1.1-1.1M14.2 5.8l1.1-1.1",
  moon: "M16.5 11.8A7 7 0 0 1 8.2 3.5a7 7 0 1 0 8.3 8.3z",
  leave: "M8 4H4.5v12H8M12.5 6.5L16 10l-3.5 3.5M16 10H8",
  bin: "M4 6h12M8 6V4h4v2M5.5 6l.8 10.5h7.4L14.5 6M8.5 9v4.5M11.5 9v4.5",
  pencil: "M4 16l.8-3.2L13.6 4 16 6.4l-8.8 8.8zM12 5.6L14.4 8",
  history: "M3.5 10a6.5 6.5 0 1 0 2-4.7L3.5 7M3.5 3.5V7H7M10 6.5V10l2.5 1.8",
  key: "M7 10a3 3 0 1 0 0 6 3 3 0 0 0 0-6M9.2 10.8L16 4M13.2 6.8l2.4 2.4M10.8 9.2l1.7 1.7",
  ring: "M5 14.5h10l-1.2-2V9a3.8 3.8 0 0 0-7.6 0v3.5zM8.6 16.8h2.8",
};

/** A picture by its name, hidden from screen readers. */
export function icon(name, label = "") {
  const heavy = name === "grip";
  const picture = s(
    "svg",
    {
      class: "icon",
      viewBox: "0 0 20 20",
      width: 20,
      height: 20,
      fill: "none",
      stroke: "currentColor",
      "stroke-width": heavy ? 2.6 : 1.6,
      "stroke-linecap": "round",
      "stroke-linejoin": "round",
      "aria-hidden": label ? null : "true",
      role: label ? "img" : null,
      "aria-label": label || null,
      focusable: "false",
    },
    s("path", { d: PATHS[name] ?? PATHS.note }),
  );
  return picture;
}

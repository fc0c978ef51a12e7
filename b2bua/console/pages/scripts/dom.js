// Elements from plain values: h("p", { class: "quiet" }, "text", child). Text is always text, never markup.

const SVG = "http://www.w3.org/2000/svg";

/** An HTML element. Properties: class, on (event → listener), style (property → value), data (name → value); the
 *  rest are attributes, with true for one without a value, and false or null for none. */
export function h(tag, properties, ...children) {
  return filled(document.createElement(tag), properties, children);
}

/** An SVG element, as h. */
export function s(tag, properties, ...children) {
  return filled(document.createElementNS(SVG, tag), properties, children);
}

function filled(element, properties, children) {
  if (properties) for (const [name, value] of Object.entries(properties)) set(element, name, value);
  element.append(...nodes(children));
  return element;
}

function set(element, name, value) {
  if (value === null || value === undefined || value === false) return;
  if (name === "on")
    for (const [event, listener] of Object.entries(value)) element.addEventListener(event, listener);
  // Through the object model, since the page's policy forbids style attributes.
  else if (name === "style")
    for (const [key, each] of Object.entries(value)) element.style.setProperty(key, each);
  else if (name === "data") Object.assign(element.dataset, value);
  else if (name === "value" && element.tagName !== "LI") element.value = value;
  else element.setAttribute(name, value === true ? "" : String(value));
}

function* nodes(children) {
  for (const child of children) {
    if (Array.isArray(child)) yield* nodes(child);
    else if (child !== null && child !== undefined && child !== false && child !== "")
      yield child instanceof Node ? child : String(child);
  }
}

/** Puts other children in place of those that an element has. */
export function fill(element, ...children) {
  element.replaceChildren(...nodes(children));
  return element;
}

/** Reads a sentence to those who do not see the screen; at once, if it is urgent. */
export function say(sentence, urgent = false) {
  const place = document.getElementById(urgent ? "alarm" : "said");
  place.textContent = "";
  // A region is read again only when its text has been another one for a moment.
  setTimeout(() => {
    place.textContent = sentence;
  }, 30);
}

/** Does something once before the next picture is painted, however often it is asked to until then. */
export function painted(action) {
  let isDue = false;
  return () => {
    if (isDue) return;
    isDue = true;
    requestAnimationFrame(() => {
      isDue = false;
      action();
    });
  };
}

let last = 0;

/** An id that no other element has. */
export function freshId(prefix = "e") {
  last += 1;
  return `${prefix}-${last}`;
}

/** Calls the last call after `interval` milliseconds without another; `.now()` calls at once what is waiting. */
export function calmed(interval, action) {
  let timer = 0;
  let waiting = null;
  const run = () => {
    clearTimeout(timer);
    const values = waiting;
    waiting = null;
    return values ? action(...values) : undefined;
  };
  const calm = (...values) => {
    waiting = values;
    clearTimeout(timer);
    timer = setTimeout(run, interval);
  };
  calm.now = run;
  return calm;
}

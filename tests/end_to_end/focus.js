// What has the focus now: [its name, its place in the document, whether one sees that it has the focus].
() => {
  const element = document.activeElement;
  const label =
    element.getAttribute("aria-label") ??
    [...(element.labels ?? [])].map((each) => each.textContent).join(" ");
  const name = (label || element.textContent || element.title || element.tagName).trim().replace(/\s+/g, " ");
  const place = [...document.querySelectorAll("*")].indexOf(element);
  const isDrawn = (style) =>
    (style.outlineStyle !== "none" && parseFloat(style.outlineWidth) > 0) ||
    (style.boxShadow !== "none" && style.boxShadow !== "") ||
    parseFloat(style.strokeWidth) >= 2;
  const around = [
    element,
    element.parentElement,
    element.nextElementSibling,
    element.firstElementChild,
  ].filter(Boolean);
  const isSeen =
    around.some((each) => isDrawn(getComputedStyle(each))) || isDrawn(getComputedStyle(element, "::after"));
  return [name, place, isSeen];
};

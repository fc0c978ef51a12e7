// What is wrong with the page on show for whoever cannot see it well, or has no mouse: a list of sentences.
() => {
  const found = [];
  const isVisible = (element) => {
    const box = element.getBoundingClientRect();
    return (
      box.width > 0 &&
      box.height > 0 &&
      getComputedStyle(element).visibility !== "hidden" &&
      !element.closest("[hidden], .hidden-but-read, dialog:not([open])")
    );
  };
  const shown = (element) =>
    `<${element.tagName.toLowerCase()} class="${element.getAttribute("class") ?? ""}"> ${(element.getAttribute("aria-label") ?? element.textContent).trim().slice(0, 40)}`;
  const texts = (ids) =>
    (ids ?? "")
      .split(/\s+/)
      .filter(Boolean)
      .map((id) => document.getElementById(id)?.textContent ?? "")
      .join(" ");
  const nameOf = (element) =>
    [
      element.getAttribute("aria-label"),
      texts(element.getAttribute("aria-labelledby")),
      ...[...(element.labels ?? [])].map((label) => label.textContent),
      element.alt,
      ["BUTTON", "A", "SUMMARY"].includes(element.tagName) ? element.textContent : "",
      element.title,
    ]
      .map((text) => (text ?? "").trim())
      .find(Boolean) ?? "";

  // Names, references, headings.
  for (const element of document.querySelectorAll(
    "a[href], button, input, select, textarea, summary, audio, [role=button], [role=img], [role=region]",
  )) {
    if (isVisible(element) && !nameOf(element)) found.push(`no name: ${shown(element)}`);
  }
  const ids = [...document.querySelectorAll("[id]")].map((element) => element.id);
  for (const id of new Set(ids.filter((id, index) => ids.indexOf(id) !== index)))
    found.push(`id is there twice: ${id}`);
  for (const attribute of ["aria-describedby", "aria-labelledby", "for"]) {
    for (const element of document.querySelectorAll(`[${attribute}]`)) {
      for (const id of element.getAttribute(attribute).split(/\s+/))
        if (!document.getElementById(id))
          found.push(`${attribute} of ${shown(element)} names ${id}, which is not there`);
    }
  }
  const levels = [...document.querySelectorAll("h1, h2, h3, h4")]
    .filter(isVisible)
    .map((heading) => Number(heading.tagName[1]));
  if (levels.filter((level) => level === 1).length !== 1)
    found.push(`${levels.filter((level) => level === 1).length} headings of the first level`);
  levels.forEach((level, index) => {
    if (index && level > levels[index - 1] + 1)
      found.push(`a heading of level ${level} follows one of level ${levels[index - 1]}`);
  });
  for (const image of document.querySelectorAll("img:not([alt])")) found.push(`no alt: ${image.src}`);
  for (const element of document.querySelectorAll("[tabindex]"))
    if (element.tabIndex > 0) found.push(`tabindex ${element.tabIndex}: ${shown(element)}`);
  if (!document.documentElement.lang) found.push("the page has no language");
  for (const table of document.querySelectorAll("table"))
    if (!table.caption || !table.querySelector("th[scope]"))
      found.push(`a table without caption or headings: ${shown(table)}`);

  // Room: nothing wider than the screen, nothing too small for a finger.
  for (const body of document.querySelectorAll(".dialog-body"))
    if (body.scrollWidth > body.clientWidth)
      found.push(`a window holds ${body.scrollWidth} in ${body.clientWidth} pixels`);
  if (document.documentElement.scrollWidth > innerWidth)
    found.push(`${document.documentElement.scrollWidth} wide on a screen of ${innerWidth}`);
  for (const element of document.querySelectorAll(
    "button, select, input:not([type=checkbox], [type=radio], [type=file]), summary",
  )) {
    const box = element.getBoundingClientRect();
    if (isVisible(element) && (box.width < 24 || box.height < 24))
      found.push(`${Math.round(box.width)} by ${Math.round(box.height)} pixels: ${shown(element)}`);
  }

  // Contrast of every text on what is behind it.
  const numbers = (colour) => {
    const values = colour.match(/-?[\d.]+(e-?\d+)?/g).map(Number);
    return colour.startsWith("color(")
      ? [values[0] * 255, values[1] * 255, values[2] * 255, values[3] ?? 1]
      : [values[0], values[1], values[2], values[3] ?? 1];
  };
  const over = ([r, g, b, a], [r2, g2, b2]) => [
    r * a + r2 * (1 - a),
    g * a + g2 * (1 - a),
    b * a + b2 * (1 - a),
    1,
  ];
  const groundOf = (element) => {
    const layers = [];
    for (let each = element; each; each = each.parentElement) {
      const colour = numbers(getComputedStyle(each).backgroundColor);
      layers.push(colour);
      if (colour[3] === 1) break;
    }
    return layers.reverse().reduce((below, layer) => over(layer, below), [255, 255, 255, 1]);
  };
  const light = (colour) => {
    const [r, g, b] = colour
      .slice(0, 3)
      .map((value) => value / 255)
      .map((value) => (value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const told = new Set();
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const element = node.parentElement;
    if (
      !node.data.trim() ||
      !isVisible(element) ||
      element.closest("title, script, noscript, option, :disabled, [aria-disabled=true], .skip")
    )
      continue;
    const style = getComputedStyle(element);
    const isDrawn = element.namespaceURI.endsWith("svg");
    const ground = groundOf(element);
    const ink = over(numbers(isDrawn ? style.fill : style.color), ground);
    const [one, other] = [light(ink), light(ground)].sort((a, b) => b - a);
    const ratio = (one + 0.05) / (other + 0.05);
    const size = parseFloat(style.fontSize);
    const wanted = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700) ? 3 : 4.5;
    const key = `${style.color} ${ground}`;
    if (ratio < wanted && !told.has(key)) {
      told.add(key);
      found.push(`contrast ${ratio.toFixed(2)}: ${shown(element)} "${node.data.trim().slice(0, 30)}"`);
    }
  }
  return found;
};

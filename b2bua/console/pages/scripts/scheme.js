// Light or dark, before anything is painted: what this person chose, or else what the machine prefers.
// Not a module, since modules come after the first paint.
(() => {
  const dark = matchMedia("(prefers-color-scheme: dark)");

  const apply = () => {
    const chosen = localStorage.getItem("scheme");
    const scheme = chosen === "light" || chosen === "dark" ? chosen : dark.matches ? "dark" : "light";
    document.documentElement.dataset.scheme = scheme;
  };

  dark.addEventListener("change", apply);
  window.addEventListener("scheme", apply);
  window.addEventListener("storage", apply);
  apply();
})();

// Runs before the page is drawn, so that nothing flashes or moves.
"use strict";

// The path in the keys keeps books on one host apart.
const choices = {
  key(name) {
    const { root } = document.documentElement.dataset;
    return `${name} ${new URL(root, document.baseURI).pathname}`;
  },
  recall(name, storage) {
    try {
      return window[storage].getItem(choices.key(name));
    } catch {
      return null; // browsers may refuse to store anything
    }
  },
  remember(name, value, storage) {
    try {
      window[storage].setItem(choices.key(name), value);
    } catch {
      // see above
    }
  },
};

(() => {
  const root = document.documentElement;
  const names = root.dataset.frameworks.split(" ");
  const asked = new URLSearchParams(window.location.search).get("framework");
  // An address counts for the visit, a click for longer.
  if (names.includes(asked)) choices.remember("framework", asked, "sessionStorage");
  root.dataset.framework = [
    asked,
    choices.recall("framework", "sessionStorage"),
    choices.recall("framework", "localStorage"),
    names[0],
  ].find((name) => names.includes(name));
  const theme = choices.recall("theme", "localStorage");
  if (theme === "light" || theme === "dark") root.dataset.theme = theme;
  root.classList.add("scripts");

  // Load fonts before the styles ask for them. Files have them at once anyway.
  if (window.location.protocol !== "file:") {
    const fonts = ["stix-two-text-latin-400-normal"];
    if ("math" in root.dataset) fonts.push("math");
    for (const font of fonts) {
      const link = document.createElement("link");
      link.rel = "preload";
      link.as = "font";
      link.type = "font/woff2";
      link.crossOrigin = "";
      link.href = `${root.dataset.root}_static/fonts/${font}.woff2`;
      document.head.append(link);
    }
  }

  // These rules hide what belongs to other frameworks until book.js does.
  const sheet = new CSSStyleSheet();
  for (const name of names) {
    sheet.insertRule(
      `.scripts[data-framework="${name}"] ` +
        `:is(.tab, .value):not([data-framework="${name}"]) { display: none; }`
    );
  }
  document.adoptedStyleSheets = [sheet];
})();

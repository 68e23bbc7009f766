// Run before the page is drawn, so that nothing flashes or moves.
"use strict";

// The keys contain the path, so that several books on one host do not interfere.
const choices = {
  key(name) {
    const { root } = document.documentElement.dataset;
    return `${name} ${new URL(root, document.baseURI).pathname}`;
  },
  recall(name, storage) {
    try {
      return window[storage].getItem(choices.key(name));
    } catch {
      return null; // some browsers refuse to store anything
    }
  },
  remember(name, value, storage) {
    try {
      window[storage].setItem(choices.key(name), value);
    } catch {
      // see above
    }
  },
  frameworks(storage) {
    return (choices.recall("framework", storage) ?? "").split(" ");
  },
  // The choice before this one is kept, too, for pages that lack the new one.
  rememberFramework(name, storage) {
    const [last] = choices.frameworks(storage).filter((other) => other !== name);
    choices.remember("framework", `${name} ${last ?? ""}`.trim(), storage);
  },
};

(() => {
  const root = document.documentElement;
  const names = root.dataset.frameworks.split(" ");
  const asked = new URLSearchParams(window.location.search).get("framework");
  const isKnown = root.dataset.allFrameworks.split(" ").includes(asked);
  // An address from the history may be older than the last choice.
  const [way] = performance.getEntriesByType("navigation");
  const isNew = !/reload|back/.test(way?.type) || !choices.frameworks("sessionStorage")[0];
  // A framework in the address is kept for this visit, and a chosen one for longer.
  if (isKnown && isNew) choices.rememberFramework(asked, "sessionStorage");
  root.dataset.framework = [
    isNew ? asked : null,
    ...choices.frameworks("sessionStorage"),
    ...choices.frameworks("localStorage"),
    root.dataset.framework, // the initial one
  ].find((name) => names.includes(name));
  const theme = choices.recall("theme", "localStorage");
  if (theme === "light" || theme === "dark") root.dataset.theme = theme;
  root.classList.add("scripts");
  if (/^(Mac|iP)/.test(navigator.platform)) root.classList.add("apple"); // has a ⌘ key

  // Load the fonts before the styles request them, except for local files, where fonts
  // load immediately anyway.
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

  // Hide what belongs to other frameworks until book.js does so.
  const sheet = new CSSStyleSheet();
  for (const name of names) {
    sheet.insertRule(
      `.scripts[data-framework="${name}"] ` +
        ":is(.tab, .value, .downloads [data-framework])" +
        `:not([data-framework="${name}"]) { display: none; }`
    );
  }
  document.adoptedStyleSheets = [sheet];
})();

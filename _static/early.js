// Before the page is drawn: the reader's colors and framework, so that nothing
// flashes and nothing moves. What is here runs before the body is read.
"use strict";

(() => {
  const root = document.documentElement;
  const names = root.dataset.frameworks.split(" ");
  const remembered = (key) => {
    try {
      return window.localStorage.getItem(key);
    } catch {
      return null; // a browser may refuse to store anything
    }
  };
  const asked = new URLSearchParams(window.location.search).get("framework");
  const wishes = [asked, remembered("framework"), names[0]];
  root.dataset.framework = wishes.find((name) => names.includes(name));
  const theme = remembered("theme");
  if (theme === "light" || theme === "dark") root.dataset.theme = theme;
  root.classList.add("scripts");

  // The page's fonts, before the styles ask for them. A page that was opened
  // from a file may not ask so, and has them at once anyway.
  if (window.location.protocol !== "file:") {
    const names = ["stix-two-text-latin-400-normal"];
    if ("math" in root.dataset) names.push("math");
    for (const name of names) {
      const link = document.createElement("link");
      link.rel = "preload";
      link.as = "font";
      link.type = "font/woff2";
      link.crossOrigin = "";
      link.href = `${root.dataset.root}_static/fonts/${name}.woff2`;
      document.head.append(link);
    }
  }

  // Until book.js has hidden the other frameworks' panels, these rules do.
  const sheet = new CSSStyleSheet();
  for (const name of names) {
    sheet.insertRule(
      `.scripts[data-framework="${name}"] ` +
        `.tab:not([data-framework="${name}"]) { display: none; }`
    );
  }
  document.adoptedStyleSheets = [sheet];
})();

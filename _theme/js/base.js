// What the other files share. theme.toml joins them to book.js, this one first.
// Without book.js all frameworks' cells are shown under their names, and every
// link works.
"use strict";

const root = document.documentElement;
const frameworks = root.dataset.frameworks.split(" ");
const all = (selector, inside = document) => [
  ...inside.querySelectorAll(selector),
];

function load(name) {
  return new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = `${root.dataset.root}_static/${name}`;
    script.onload = resolve;
    script.onerror = () => reject(new Error(`cannot load ${name}`));
    document.head.append(script);
  });
}

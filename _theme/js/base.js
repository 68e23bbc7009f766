// Functions that the other files share. theme.toml joins all files into book.js,
// starting with this one. Without book.js, the cells of all frameworks are shown under
// their names, and every link works.
"use strict";

const root = document.documentElement;
const frameworks = root.dataset.frameworks.split(" ");
const all = (selector, inside = document) => [
  ...inside.querySelectorAll(selector),
];

// Decode a part of an address. Readers may have typed it.
function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function replaceAddress(address) {
  try {
    window.history.replaceState(window.history.state, "", address);
  } catch {
    // A browser cannot change the address of a local file.
  }
}

// Scroll a list, and not the page, so that one of its items is in sight.
function showInList(item, list) {
  const outside = item.getBoundingClientRect();
  const inside = list.getBoundingClientRect();
  if (outside.top >= inside.top && outside.bottom <= inside.bottom) return;
  list.scrollTop += outside.top - inside.top - list.clientHeight / 2;
}

function load(name) {
  return new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = `${root.dataset.root}_static/${name}`;
    script.onload = resolve;
    script.onerror = () => reject(new Error(`The script ${name} could not be loaded.`));
    document.head.append(script);
  });
}

// What the pages do once they are read. Without this file, every framework's
// cells are shown under its name, and every link works.
"use strict";

const root = document.documentElement;
const frameworks = root.dataset.frameworks.split(" ");
const all = (selector, inside = document) => [
  ...inside.querySelectorAll(selector),
];

let drawn = false; // with its fonts: before, no box has its size

function remember(key, value) {
  try {
    window.localStorage.setItem(key, value);
  } catch {
    // A browser may refuse to store anything; the choice then ends with it.
  }
}

function load(name) {
  return new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = `${root.dataset.root}_static/${name}`;
    script.onload = resolve;
    script.onerror = () => reject(new Error(`cannot load ${name}`));
    document.head.append(script);
  });
}

// Frameworks: one choice for the whole book.

function showFramework() {
  const chosen = root.dataset.framework;
  for (const panel of all(".tab")) {
    if (panel.dataset.framework === chosen) panel.removeAttribute("hidden");
    else panel.setAttribute("hidden", "until-found"); // for search in the page
  }
  for (const tab of all("[role=tab]")) {
    const selected = tab.dataset.framework === chosen;
    tab.setAttribute("aria-selected", String(selected));
    tab.tabIndex = selected ? 0 : -1;
  }
  for (const list of all(".launch-menu [data-framework]")) {
    list.hidden = list.dataset.framework !== chosen;
  }
  for (const select of all(".choose-framework")) select.value = chosen;
  document.adoptedStyleSheets = []; // early.js has done its part
  if (drawn) markWide();
}

// What the reader looks at stays where it is while the page changes around it.
function keepingInPlace(element, change) {
  const before = element?.getBoundingClientRect().top;
  change();
  if (!element) return;
  const moved = element.getBoundingClientRect().top - before;
  if (moved) window.scrollBy({ top: moved, behavior: "instant" });
}

function inSight() {
  const bar = document.querySelector(".bar").getBoundingClientRect().bottom;
  const blocks = "article p, article h1, article h2, article h3, article li," +
    " article .tab-list, article .cell, article .math, article table";
  return all(blocks).find((block) => {
    if (block.closest(".tab")) return false; // it may be the one that goes
    const box = block.getBoundingClientRect();
    return box.height > 0 && box.top >= bar;
  });
}

function chooseFramework(name, element = inSight()) {
  if (!frameworks.includes(name)) return;
  root.dataset.framework = name;
  remember("framework", name);
  keepingInPlace(element, showFramework);
  try {
    const address = new URL(window.location);
    address.searchParams.set("framework", name);
    window.history.replaceState(window.history.state, "", address);
  } catch {
    // The address of a file cannot be changed.
  }
}

function tabs() {
  document.addEventListener("click", ({ target }) => {
    const tab = target.closest?.("[role=tab]");
    if (tab) chooseFramework(tab.dataset.framework, tab);
  });
  document.addEventListener("keydown", (event) => {
    const tab = event.target.closest?.("[role=tab]");
    if (!tab) return;
    const list = all("[role=tab]", tab.parentElement);
    const here = list.indexOf(tab);
    const to = {
      ArrowRight: (here + 1) % list.length,
      ArrowLeft: (here + list.length - 1) % list.length,
      Home: 0,
      End: list.length - 1,
    }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    list[to].focus({ preventScroll: true });
    chooseFramework(list[to].dataset.framework, list[to]);
  });
  // The browser found text, or an address leads, into a hidden panel.
  document.addEventListener("beforematch", ({ target }) => {
    const panel = target.closest(".tab");
    if (panel) chooseFramework(panel.dataset.framework, panel);
  });
  for (const select of all(".choose-framework")) {
    select.hidden = false;
    select.addEventListener("change", () => chooseFramework(select.value));
  }
  window.addEventListener("storage", ({ key, newValue }) => {
    if (key !== "framework" || !frameworks.includes(newValue)) return;
    root.dataset.framework = newValue;
    keepingInPlace(inSight(), showFramework);
  });
}

// An address may lead into another framework's panel, or into a fold.
function openTarget() {
  const name = decodeURIComponent(window.location.hash.slice(1));
  const target = name && document.getElementById(name);
  if (!target) return;
  const panel = target.closest(".tab");
  const folds = all("details").filter((fold) => fold.contains(target));
  if (!folds.length && (!panel || !panel.hidden)) return;
  for (const fold of folds) fold.open = true;
  if (panel) {
    root.dataset.framework = panel.dataset.framework;
    showFramework();
  }
  target.scrollIntoView();
}

// The page for missing addresses has a <base>, which "#main" would follow away
// from the address that the reader asked for.
function skipLink() {
  const skip = document.querySelector(".skip");
  skip.addEventListener("click", () => {
    skip.href = `${window.location.href.split("#")[0]}#main`;
  });
}

// Colors: as the system says, light, or dark.

function theme() {
  const button = document.querySelector(".theme-button");
  const words = { auto: "as the system", light: "light", dark: "dark" };
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  const say = () => {
    const now = root.dataset.theme ?? "auto";
    button.setAttribute("aria-label", `Colors: ${words[now]}. Change`);
    button.title = `Colors: ${words[now]}`;
    const night = now === "dark" || (now === "auto" && dark.matches);
    const color = document.querySelector("meta[name=theme-color]");
    color.content = night ? "#16191d" : "#ffffff";
  };
  button.hidden = false;
  button.addEventListener("click", () => {
    const order = dark.matches
      ? ["auto", "light", "dark"]
      : ["auto", "dark", "light"];
    const now = root.dataset.theme ?? "auto";
    const next = order[(order.indexOf(now) + 1) % 3];
    if (next === "auto") delete root.dataset.theme;
    else root.dataset.theme = next;
    remember("theme", next);
    say();
  });
  dark.addEventListener("change", say);
  say();
}

// Boxes that scroll sideways can be scrolled by the keyboard, too.

// First all is read, then all is written, or the browser would lay the page out
// again for each box; and nothing is read of what is not shown, or it would lay
// out each hidden panel to answer.
const HIDDEN = ".tab[hidden], details:not([open]) > :not(summary)";

function markWide() {
  const formulas = all("article span.math").map((formula) => {
    const place = formula.closest("p, li, dt, dd, td, th, figcaption");
    if (!place || formula.closest(HIDDEN)) return [formula, null];
    const drawn = formula.querySelector("semantics");
    return [formula, drawn.getBoundingClientRect().width > place.clientWidth];
  });
  for (const [formula, long] of formulas) {
    if (long !== null && long !== formula.classList.contains("long")) {
      formula.classList.toggle("long", long);
    }
  }
  const selector =
    "article pre, article .wide, article .formula, article .math.long";
  const boxes = all(selector).map((box) => [
    box,
    box.closest(HIDDEN) ? null : box.scrollWidth > box.clientWidth,
  ]);
  for (const [box, wide] of boxes) {
    if (wide) box.tabIndex = 0;
    else if (wide === false) box.removeAttribute("tabindex");
  }
}

// Menus close as menus do.

function menus() {
  for (const menu of all("details.menu")) {
    document.addEventListener("click", ({ target }) => {
      if (!menu.contains(target)) menu.open = false;
    });
    menu.addEventListener("focusout", ({ relatedTarget }) => {
      if (relatedTarget && !menu.contains(relatedTarget)) menu.open = false;
    });
    menu.addEventListener("keydown", ({ key }) => {
      if (key !== "Escape" || !menu.open) return;
      menu.open = false;
      menu.querySelector("summary").focus();
    });
  }
}

// Copying: the code of a cell by a button, and formulas as TeX.

const COPY_ICON =
  '<svg class="icon" viewBox="0 0 24 24" width="18" height="18" ' +
  'aria-hidden="true"><path d="M9 9h11v11H9zM5 15V4h11"/></svg>';

async function toClipboard(text) {
  if (navigator.clipboard) return navigator.clipboard.writeText(text);
  const field = document.createElement("textarea"); // where it is not secure
  field.value = text;
  field.className = "out-of-sight";
  document.body.append(field);
  field.select();
  const done = document.execCommand("copy");
  field.remove();
  if (!done) throw new Error("the browser does not copy");
}

function copyButtons() {
  const blocks = all("article .highlight > pre").filter(
    (pre) => !pre.closest(".cell_output")
  );
  for (const pre of blocks) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "copy";
    button.innerHTML = COPY_ICON;
    const say = (words) => {
      button.setAttribute("aria-label", words);
      button.title = words;
    };
    say("Copy the code");
    button.addEventListener("click", async () => {
      try {
        await toClipboard(pre.textContent.replace(/\n$/, ""));
        say("Copied");
        button.classList.add("done");
      } catch {
        say("Your browser does not let the page copy");
      }
      window.setTimeout(() => {
        say("Copy the code");
        button.classList.remove("done");
      }, 2000);
    });
    pre.parentElement.append(button);
  }
}

// In what is copied, each formula is its TeX.
function copyFormulas(event) {
  const selection = window.getSelection();
  if (!selection.rangeCount || selection.isCollapsed) return;
  const holder = document.createElement("div");
  for (let i = 0; i < selection.rangeCount; i++) {
    const range = selection.getRangeAt(i).cloneRange();
    const whole = (node) =>
      (node.nodeType === 1 ? node : node.parentElement).closest(".math");
    const first = whole(range.startContainer);
    const last = whole(range.endContainer);
    if (first) range.setStartBefore(first);
    if (last) range.setEndAfter(last);
    holder.append(range.cloneContents());
  }
  const formulas = all(".math", holder);
  if (!formulas.length) return;
  for (const formula of formulas) {
    const tex = formula.querySelector("annotation")?.textContent ?? "";
    const displayed = formula.tagName === "DIV";
    formula.textContent = displayed ? `\n$$${tex}$$\n` : `$${tex}$`;
  }
  for (const link of all(".headerlink, .copy", holder)) link.remove();
  holder.className = "out-of-sight";
  document.body.append(holder); // or its line breaks would be lost
  event.clipboardData.setData("text/plain", holder.innerText);
  event.clipboardData.setData("text/html", holder.innerHTML);
  holder.remove();
  event.preventDefault();
}

// Terms and numbered equations show what they refer to.

let previews;

function showPreviews() {
  const card = document.createElement("div");
  card.className = "preview";
  card.id = "preview";
  card.setAttribute("role", "tooltip");
  card.hidden = true;
  document.getElementById("main").append(card);
  let shown = null;
  let timer;

  const key = (link) => {
    const url = new URL(link.href);
    const base = new URL(root.dataset.root, window.location.href).pathname;
    if (!url.pathname.startsWith(base)) return null;
    return url.pathname.slice(base.length) + url.hash;
  };
  const hide = () => {
    window.clearTimeout(timer);
    card.hidden = true;
    shown?.removeAttribute("aria-describedby");
    shown = null;
  };
  const show = async (link) => {
    previews ??= load("previews.js").then(() => window.bookPreviews);
    const text = (await previews.catch(() => ({})))[key(link)];
    if (!text || !(link.matches(":hover") || link === document.activeElement)) {
      return;
    }
    hide();
    shown = link;
    card.innerHTML = text;
    card.hidden = false;
    const box = link.getBoundingClientRect();
    const width = document.documentElement.clientWidth;
    const left = Math.min(box.left, width - card.offsetWidth - 12);
    card.style.left = `${Math.max(12, left) + window.scrollX}px`;
    const below = box.bottom + card.offsetHeight + 12 < window.innerHeight;
    const top = below ? box.bottom + 6 : box.top - card.offsetHeight - 6;
    card.style.top = `${top + window.scrollY}px`;
    link.setAttribute("aria-describedby", "preview");
  };
  const selector = "a.preview-link, a.reference.internal";
  const worthIt = (link) =>
    link && (link.hash.startsWith("#term-") || link.hash.startsWith("#equation-"));
  const enter = (event, wait) => {
    const link = event.target.closest?.(selector);
    if (!worthIt(link) || link === shown) return;
    window.clearTimeout(timer);
    timer = window.setTimeout(() => show(link), wait);
  };
  const leave = ({ target, relatedTarget }) => {
    if (!worthIt(target.closest?.(selector))) return;
    if (relatedTarget && card.contains(relatedTarget)) return; // to read it
    hide();
  };
  document.addEventListener("mouseover", (event) => enter(event, 150));
  document.addEventListener("mouseout", leave);
  document.addEventListener("focusin", (event) => enter(event, 0));
  document.addEventListener("focusout", leave);
  card.addEventListener("mouseleave", hide);
  document.addEventListener("keydown", ({ key }) => {
    if (key === "Escape") hide();
  });
}

// Searching, by the button or the key "/", without leaving the page.

function searchDialog() {
  const button = document.querySelector(".search-button");
  if (document.getElementById("search")) return; // the page of the search
  let dialog;
  const open = async () => {
    if (!dialog) {
      const parts = ["vendor/minisearch.js", "search-index.js", "search.js"];
      for (const part of parts) await load(part);
      dialog = document.createElement("dialog");
      dialog.className = "search-dialog";
      dialog.setAttribute("aria-label", "Search the book");
      document.body.append(dialog);
      dialog.addEventListener("click", (event) => {
        if (event.target === dialog) dialog.close(); // beside it
        if (event.target.closest("a")) dialog.close();
      });
      window.mountSearch(dialog);
    }
    dialog.showModal();
    dialog.querySelector("input").select();
  };
  button.addEventListener("click", (event) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    open().catch(() => window.location.assign(button.href));
  });
  document.addEventListener("keydown", (event) => {
    const typing = event.target.closest?.("input, textarea, select, [contenteditable]");
    if (event.key !== "/" || typing || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    button.click();
  });
}

// "On this page" follows the reader.

function followHeadings() {
  const links = new Map();
  for (const link of all(".on-this-page.beside a")) {
    const target = document.getElementById(decodeURIComponent(link.hash.slice(1)));
    if (target) links.set(target, link);
  }
  if (!links.size) return;
  let waiting = false;
  const mark = () => {
    waiting = false;
    let current = null;
    for (const section of links.keys()) {
      if (section.getBoundingClientRect().top < 120) current = section;
    }
    for (const [section, link] of links) {
      if (section === current) link.setAttribute("aria-current", "true");
      else link.removeAttribute("aria-current");
    }
  };
  document.addEventListener("scroll", () => {
    if (!waiting) window.requestAnimationFrame(mark);
    waiting = true;
  }, { passive: true });
  window.requestAnimationFrame(mark);
}

// Reading without a network: sw.js keeps the book.

async function offline() {
  const line = document.querySelector(".offline");
  const say = (text) => {
    line.textContent = text;
    line.hidden = false;
  };
  if (window.location.protocol === "file:") {
    say("This copy of the book is on your device and needs no network.");
    return;
  }
  if (!navigator.serviceWorker) return;
  const workers = navigator.serviceWorker;
  const saved = (worker) => {
    const channel = new MessageChannel();
    channel.port1.onmessage = ({ data }) =>
      say(`Available offline, version ${data}.`);
    worker.postMessage("version", [channel.port2]);
  };
  try {
    if (!workers.controller && navigator.connection?.saveData) return;
    const known = workers.controller;
    if (!known) say("Saving the book for reading offline …");
    const registration = await workers.register(`${root.dataset.root}sw.js`);
    const follow = (worker) =>
      worker?.addEventListener("statechange", () => {
        if (worker.state === "activated") saved(worker);
        if (worker.state === "redundant" && !registration.active) {
          say("The book could not be saved for reading offline.");
        }
      });
    // The browser looks for a new version after the page has come.
    registration.addEventListener("updatefound", () =>
      follow(registration.installing)
    );
    follow(registration.installing ?? registration.waiting);
    if (registration.active) saved(registration.active);
  } catch {
    say("The book could not be saved for reading offline.");
  }
}

function printing() {
  let opened = [];
  window.addEventListener("beforeprint", () => {
    opened = all("article details:not([open])");
    for (const fold of opened) fold.open = true;
    for (const image of all("article img")) image.loading = "eager";
  });
  window.addEventListener("afterprint", () => {
    for (const fold of opened) fold.open = false;
  });
}

showFramework();
tabs();
openTarget();
window.addEventListener("hashchange", openTarget);
window.addEventListener("resize", markWide);
document.fonts.ready.then(() => {
  drawn = true;
  markWide();
});
document.addEventListener("toggle", markWide, true);
skipLink();
theme();
menus();
copyButtons();
document.addEventListener("copy", copyFormulas);
showPreviews();
searchDialog();
followHeadings();
printing();
// The first visit draws the page first, then saves the book.
if (document.readyState === "complete") offline();
else window.addEventListener("load", offline);

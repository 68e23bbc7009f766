// Choose a framework for the whole book.

function showFramework() {
  const chosen = root.dataset.framework;
  for (const panel of all(".tab")) {
    if (panel.dataset.framework === chosen) panel.removeAttribute("hidden");
    else panel.setAttribute("hidden", "until-found"); // the browser can still find its text
  }
  for (const value of all(".value")) {
    value.hidden = value.dataset.framework !== chosen;
  }
  for (const tab of all("[role=tab]")) {
    const selected = tab.dataset.framework === chosen;
    tab.setAttribute("aria-selected", String(selected));
    tab.tabIndex = selected ? 0 : -1;
  }
  for (const list of all(":is(.launch-menu, .downloads) [data-framework]")) {
    list.hidden = list.dataset.framework !== chosen;
  }
  for (const select of all(".choose-framework")) select.value = chosen;
  document.adoptedStyleSheets = []; // the rules of early.js are no longer needed
  if (fontsLoaded) markWide();
}

// Change the page, and keep an element at the same place in the window.
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
    if (block.closest(".tab")) return false; // it may be about to disappear
    const box = block.getBoundingClientRect();
    return box.height > 0 && box.top >= bar;
  });
}

function chooseFramework(name, element = inSight()) {
  if (!frameworks.includes(name)) return;
  choices.rememberFramework(name, "localStorage");
  followChoice(name, element);
  const address = new URL(window.location);
  address.searchParams.set("framework", name);
  const panel = addressed()?.closest(".tab");
  if (panel && panel.dataset.framework !== name) address.hash = "";
  replaceAddress(address);
}

// Show a framework that the reader has chosen here or elsewhere.
function followChoice(name, element = inSight()) {
  choices.rememberFramework(name, "sessionStorage");
  if (!frameworks.includes(name)) return;
  root.dataset.framework = name;
  keepingInPlace(element, showFramework);
  correctAddress();
}

// An address may name a framework that the reader has since replaced.
function correctAddress() {
  const address = new URL(window.location);
  const named = address.searchParams.get("framework");
  if (!frameworks.includes(named) || named === root.dataset.framework) return;
  address.searchParams.set("framework", root.dataset.framework);
  replaceAddress(address);
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
  // The browser has found text in a hidden panel, or an address points there.
  document.addEventListener("beforematch", ({ target }) => {
    const panel = target.closest(".tab");
    if (!panel) return;
    if (panel.contains(addressed())) showPanel(panel);
    else chooseFramework(panel.dataset.framework, panel);
  });
  for (const select of all(".choose-framework")) {
    select.hidden = false;
    select.addEventListener("change", () => chooseFramework(select.value));
  }
  // The browser may show a page again as it was before the reader chose elsewhere.
  let before;
  window.addEventListener("pagehide", () => {
    [before] = choices.frameworks("sessionStorage");
  });
  window.addEventListener("pageshow", ({ persisted }) => {
    const [name] = choices.frameworks("sessionStorage");
    if (persisted && name !== before) followChoice(name);
  });
  window.addEventListener("storage", ({ key }) => {
    if (key !== choices.key("framework")) return;
    const [name] = choices.frameworks("localStorage");
    if (name) followChoice(name);
  });
}

// Return the element that the address points to, or null.
function addressed() {
  return document.getElementById(decoded(window.location.hash.slice(1)));
}

// A link into a panel is not a choice, so its framework is not remembered.
function showPanel(panel) {
  root.dataset.framework = panel.dataset.framework;
  showFramework();
}

// An address may point into another framework's panel, into a closed box, or to a cell
// whose code is folded.
function openTarget() {
  const target = addressed();
  if (!target) return;
  const panel = target.closest(".tab");
  const around = all("details").filter((fold) => fold.contains(target));
  const folds = target.matches(".cell") ? [...around, ...all("details", target)] : around;
  if (!folds.length && (!panel || !panel.hidden)) return;
  for (const fold of folds) fold.open = true;
  if (panel) showPanel(panel);
  target.scrollIntoView();
}

showFramework();
correctAddress();
tabs();
openTarget();
window.addEventListener("hashchange", openTarget);

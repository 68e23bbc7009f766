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
  root.dataset.framework = name;
  choices.rememberFramework(name, "localStorage");
  choices.rememberFramework(name, "sessionStorage");
  keepingInPlace(element, showFramework);
  try {
    const address = new URL(window.location);
    address.searchParams.set("framework", name);
    window.history.replaceState(window.history.state, "", address);
  } catch {
    // A browser cannot change the address of a local file.
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
  // The browser has found text in a hidden panel, or an address points there.
  document.addEventListener("beforematch", ({ target }) => {
    const panel = target.closest(".tab");
    if (panel) chooseFramework(panel.dataset.framework, panel);
  });
  for (const select of all(".choose-framework")) {
    select.hidden = false;
    select.addEventListener("change", () => chooseFramework(select.value));
  }
  window.addEventListener("storage", ({ key }) => {
    if (key !== choices.key("framework")) return;
    const [name] = choices.frameworks("localStorage");
    if (!frameworks.includes(name)) return;
    choices.rememberFramework(name, "sessionStorage");
    root.dataset.framework = name;
    keepingInPlace(inSight(), showFramework);
  });
}

// An address may point into another framework's panel, or into a closed box.
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

showFramework();
tabs();
openTarget();
window.addEventListener("hashchange", openTarget);

// The menu that runs a page: shows the links of the framework whose tab is
// selected, and closes as menus do. Where this fails, every link is shown.
"use strict";

function followTabs(menu) {
  const lists = [...menu.querySelectorAll("[data-framework]")];
  const names = lists.map((list) => list.dataset.framework);
  const group = menu.dataset.syncGroup;

  function remembered() {
    const script = document.querySelector("[data-sd-tabs-storage-prefix]");
    try {
      const key = script.dataset.sdTabsStoragePrefix + group;
      return window.localStorage.getItem(key);
    } catch {
      return null; // a browser may refuse to store anything
    }
  }

  // The tabs of the page say what is selected. If one was opened by itself,
  // because an address led into it, or if there is none, they leave a choice.
  function selected() {
    const labels = document.querySelectorAll(
      `.sd-tab-set > input:checked + [data-sync-group="${group}"]`
    );
    const open = [...labels].map((label) => label.dataset.syncId);
    const choice = open.length ? open : names;
    const asked = new URLSearchParams(window.location.search).get(group);
    const wishes = [asked, remembered(), choice[0]];
    return wishes.find((name) => choice.includes(name));
  }

  function show(name) {
    for (const list of lists) {
      const other = list.dataset.framework !== name;
      list.hidden = names.includes(name) && other;
    }
  }

  show(selected());
  document.addEventListener("change", ({ target }) => {
    const label = target.nextElementSibling;
    if (target.type === "radio" && label?.dataset.syncGroup === group) {
      show(label.dataset.syncId);
    }
  });
}

function closeAsMenusDo(menu) {
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

// sphinx-design selects its tabs when this event reaches the document, which
// is before it reaches the window.
window.addEventListener("DOMContentLoaded", () => {
  const menu = document.querySelector(".launch-menu");
  if (!menu) return;
  followTabs(menu);
  closeAsMenusDo(menu);
});

// The page for missing addresses has a <base>, so "#main" alone would lead to another
// address.
function skipLink() {
  const skip = document.querySelector(".skip");
  skip.addEventListener("click", () => {
    skip.href = `${window.location.href.split("#")[0]}#main`;
  });
}

// Switch between the system's colors, light colors, and dark colors.

function theme() {
  const buttons = all(".theme-button");
  const words = { auto: "same as the system", light: "light", dark: "dark" };
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  const say = () => {
    const now = root.dataset.theme ?? "auto";
    for (const button of buttons) {
      button.hidden = false;
      button.setAttribute("aria-label", `Colors: ${words[now]}. Change colors`);
      button.title = `Colors: ${words[now]}`;
    }
    const color = document.querySelector("meta[name=theme-color]");
    color.content = window.getComputedStyle(root).getPropertyValue("--paper");
  };
  const change = () => {
    const order = dark.matches
      ? ["auto", "light", "dark"]
      : ["auto", "dark", "light"];
    const now = root.dataset.theme ?? "auto";
    const next = order[(order.indexOf(now) + 1) % 3];
    if (next === "auto") delete root.dataset.theme;
    else root.dataset.theme = next;
    choices.remember("theme", next, "localStorage");
    say();
  };
  for (const button of buttons) button.addEventListener("click", change);
  dark.addEventListener("change", say);
  say();
}

// Close menus on a click elsewhere and on Escape.

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

// The contents may be longer than the window.

function contents() {
  const list = document.getElementById("contents");
  const current = list.querySelector("[aria-current]");
  if (!current) return;
  const show = () => showInList(current, list);
  list.addEventListener("toggle", show);
  // Close the list when the focus moves on to what it covers.
  list.addEventListener("focusout", ({ relatedTarget }) => {
    const left = relatedTarget && !list.contains(relatedTarget);
    if (left && list.matches(":popover-open")) list.hidePopover();
  });
  show();
}

// With large letters, the header may need several lines. It then scrolls away, because
// it would cover too much of the text.

function releaseHighBar() {
  const bar = document.querySelector(".bar");
  const check = () => {
    const line = parseFloat(window.getComputedStyle(bar).minHeight);
    root.classList.toggle("high-bar", bar.offsetHeight > 1.4 * line);
  };
  new ResizeObserver(check).observe(bar);
}

skipLink();
releaseHighBar();
theme();
menus();
contents();

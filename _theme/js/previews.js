// Show a preview at references: next to the pointer or the focus, or after a tap, at the
// bottom of the screen.

const PREVIEWED = "article a:is(.reference.internal, .footnote-reference)";
let previews;

function allPreviews() {
  previews ??= load("previews.js").then(() => window.bookPreviews);
  return previews.catch(() => ({}));
}

// Return the element that previews a link's target, or null.
async function previewOf(link, source = allPreviews) {
  const url = new URL(link.href);
  const base = new URL(root.dataset.root, window.location.href).pathname;
  if (!url.hash || !url.pathname.startsWith(base)) return null;
  const known = await source();
  const holder = document.createElement("template");
  holder.innerHTML = known[url.pathname.slice(base.length) + url.hash] ?? "";
  const { content } = holder;
  for (const image of all("img", content)) {
    image.src = root.dataset.root + image.getAttribute("src");
  }
  for (const drawn of all("[data-framework]", content)) {
    if (drawn.dataset.framework !== root.dataset.framework) drawn.remove();
  }
  return content.firstElementChild;
}

function previewCard(role) {
  const box = document.createElement("div");
  box.className = "preview";
  box.setAttribute("role", role);
  document.getElementById("main").append(box);
  return box;
}

let touched = false; // whether the reader uses a finger

function previewOnHoverAndFocus() {
  const box = previewCard("tooltip");
  box.id = "preview";
  box.hidden = true;
  let shown = null;
  let timer;

  const hide = () => {
    window.clearTimeout(timer);
    box.hidden = true;
    shown?.removeAttribute("aria-describedby");
    shown = null;
  };
  const show = async (link) => {
    const preview = await previewOf(link);
    if (!preview || !(link.matches(":hover") || link === document.activeElement)) {
      return;
    }
    hide();
    shown = link;
    link.removeAttribute("title"); // the browser would show it, too
    box.replaceChildren(preview);
    box.hidden = false;
    const line = link.getBoundingClientRect();
    const width = document.documentElement.clientWidth;
    const left = Math.min(line.left, width - box.offsetWidth - 12);
    box.style.left = `${Math.max(12, left) + window.scrollX}px`;
    const below = line.bottom + box.offsetHeight + 12 < window.innerHeight;
    const top = below ? line.bottom + 6 : line.top - box.offsetHeight - 6;
    box.style.top = `${top + window.scrollY}px`;
    link.setAttribute("aria-describedby", "preview");
  };
  const enter = ({ target, pointerType }, wait) => {
    const link = target.closest?.(PREVIEWED);
    if (!link?.hash || link === shown || pointerType === "touch") return;
    window.clearTimeout(timer);
    timer = window.setTimeout(() => show(link), wait);
  };
  const leave = ({ target, relatedTarget }) => {
    if (!target.closest?.(PREVIEWED)) return;
    if (relatedTarget && box.contains(relatedTarget)) return; // into the preview
    hide();
  };
  document.addEventListener("pointerover", (event) => enter(event, 150));
  document.addEventListener("pointerout", leave);
  document.addEventListener("focusin", (event) => touched || enter(event, 0));
  document.addEventListener("focusout", leave);
  box.addEventListener("pointerleave", hide);
  document.addEventListener("keydown", ({ key }) => {
    if (key === "Escape") hide();
  });
}

// A popover closes on a tap elsewhere and on Escape, and returns the focus.
function previewOnTap() {
  const sheet = previewCard("dialog");
  sheet.classList.add("sheet");
  sheet.setAttribute("aria-label", "Preview");
  sheet.popover = "auto";
  sheet.tabIndex = -1;
  const open = document.createElement("a");
  open.className = "preview-open";
  open.textContent = "Open";
  open.addEventListener("click", () => sheet.hidePopover());
  let shown = null; // the link whose preview is open when the finger comes down

  document.addEventListener("pointerdown", ({ pointerType }) => {
    touched = pointerType === "touch";
    if (!sheet.matches(":popover-open")) shown = null;
  }, true);
  document.addEventListener("keydown", () => {
    touched = false;
  }, true);
  document.addEventListener("click", async (event) => {
    const link = event.target.closest(PREVIEWED);
    if (!touched || !link?.hash) return;
    event.preventDefault();
    if (link === shown) return; // the second tap has closed it
    const preview = await previewOf(link);
    // To a page as a whole, a link leads at once.
    if (!preview || preview.className === "page") {
      window.location.assign(link.href);
      return;
    }
    shown = link;
    open.href = link.href;
    sheet.replaceChildren(preview, open);
    sheet.showPopover();
    sheet.focus();
  });
}

previewOnHoverAndFocus();
if ("popover" in HTMLElement.prototype) previewOnTap();

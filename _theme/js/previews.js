// Show a preview at references to terms and numbered equations.

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
    if (relatedTarget && card.contains(relatedTarget)) return; // into the preview
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

showPreviews();

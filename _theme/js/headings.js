// Say which section the reader is in, in the header and in "On this page".

function followHeadings() {
  const list = document.getElementById("sections");
  if (!list) return;
  const links = new Map();
  for (const link of all("a", list)) {
    const target = document.getElementById(decoded(link.hash.slice(1)));
    if (target) links.set(target, link);
  }
  list.addEventListener("click", ({ target }) => {
    if (target.closest("a") && list.matches(":popover-open")) list.hidePopover();
  });
  const here = document.querySelector(".here > span");
  const words = here.textContent;
  let waiting = false;
  const mark = () => {
    waiting = false;
    let current = null;
    const line = Math.max(120, window.innerHeight / 4); // where readers look
    for (const section of links.keys()) {
      if (window.scrollY === 0) break; // the title is in sight
      if (section.getBoundingClientRect().top < line) current = section;
    }
    for (const [section, link] of links) {
      if (section === current) link.setAttribute("aria-current", "true");
      else link.removeAttribute("aria-current");
    }
    const name = current ? links.get(current).textContent : words;
    if (current) showInList(links.get(current), list);
    if (here.textContent === name) return;
    here.textContent = name;
    if (!current) return;
    const detail = { title: name, hash: links.get(current).hash };
    document.dispatchEvent(new CustomEvent("section", { detail }));
  };
  document.addEventListener("scroll", () => {
    if (!waiting) window.requestAnimationFrame(mark);
    waiting = true;
  }, { passive: true });
  list.addEventListener("toggle", mark);
  window.requestAnimationFrame(mark);
}

followHeadings();

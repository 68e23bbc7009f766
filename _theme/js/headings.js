// In "On this page", mark the section that the reader is in.

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

followHeadings();

// Make boxes that are wider than the page scrollable, also with the keyboard.

let fontsLoaded = false; // boxes do not have their final size before

// Read all sizes before writing anything, because otherwise the browser would lay out
// the page again for each box. Skip hidden panels, because reading a size there would
// make the browser lay them out.
const HIDDEN = ".tab[hidden], details:not([open]) > :not(summary)";

function nameOf(box) {
  if (box.matches(".cell_output *")) return "Output";
  if (box.localName === "pre") return "Code";
  return box.matches(".wide") ? "Table" : "Formula";
}

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
    if (wide) {
      box.tabIndex = 0;
      box.setAttribute("role", "group");
      box.setAttribute("aria-label", nameOf(box));
    } else if (wide === false) {
      for (const name of ["tabindex", "role", "aria-label"]) box.removeAttribute(name);
    }
  }
}

window.addEventListener("resize", markWide);
document.fonts.ready.then(() => {
  fontsLoaded = true;
  markWide();
});
document.addEventListener("toggle", markWide, true);

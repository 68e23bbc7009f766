// On wide screens, show the works, terms, and footnotes of a page in the margin, each
// next to the line that first mentions it. css/cards.css lets the notes float there, so
// that the browser stacks them.

const NO_MARGIN = "details, figure, table, .wide, .admonition, h1, h2, h3, h4";

async function marginNotes() {
  try {
    await load("notes.js");
  } catch {
    return; // the previews say the same
  }
  const seen = new Set([window.location.pathname]);
  for (const link of all(PREVIEWED)) {
    const target = link.pathname + link.hash;
    const elsewhere = link.pathname !== window.location.pathname;
    const own = link.matches(".footnote-reference");
    if (seen.has(target) || !(elsewhere || own) || link.closest(NO_MARGIN)) continue;
    const preview = await previewOf(link, () => window.bookNotes);
    if (!preview) continue;
    seen.add(target);
    const note = document.createElement("span");
    note.className = "margin-note";
    note.setAttribute("aria-hidden", "true"); // the link's preview says the same
    if (preview.className !== "work") {
      const name = document.createElement("b");
      name.textContent = link.textContent;
      note.append(name);
    }
    note.append(preview);
    link.after(note);
  }
}

function marginNotesIfWide() {
  const wide = window.matchMedia("(min-width: 94em)"); // as in css/cards.css
  if (wide.matches) marginNotes();
  else wide.addEventListener("change", marginNotes, { once: true });
}

marginNotesIfWide();

// Remember, in this browser only, where the reader stopped on each page, which pages
// were read to the end, and which exercises are done.

const progress = {
  read() {
    try {
      return JSON.parse(choices.recall("progress", "localStorage")) ?? {};
    } catch {
      return {};
    }
  },
  change(page, fields) {
    const all = progress.read();
    all[page] = { ...all[page], ...fields, time: Date.now() };
    progress.write(all);
  },
  write(all) {
    choices.remember("progress", JSON.stringify(all), "localStorage");
  },
};

// Return the address of a page within the book, or null.
function pageOf(url) {
  const base = new URL(root.dataset.root, document.baseURI).pathname;
  return url.pathname.startsWith(base) ? url.pathname.slice(base.length) : null;
}

const thisPage = pageOf(window.location);

function element(tag, name, ...children) {
  const made = document.createElement(tag);
  made.className = name;
  made.append(...children);
  return made;
}

function action(words, run) {
  const button = element("button", "button", words);
  button.type = "button";
  button.addEventListener("click", run);
  return button;
}

// Offer to go on where the reader stopped, without moving the text.
function offerToContinue(place, page) {
  if (!place || window.location.hash) return;
  const link = element("a", "", `Continue at ${place.title}`);
  link.href = `${root.dataset.root}${page}${window.location.search}${place.hash}`;
  const offer = element("p", "continue", link);
  const close = action("×", () => offer.remove());
  close.setAttribute("aria-label", "Close");
  offer.append(close);
  link.addEventListener("click", () => offer.remove());
  // Those who scroll, or whose place the browser has restored, need no offer.
  const gone = () => {
    if (window.scrollY < 400) return;
    offer.remove();
    document.removeEventListener("scroll", gone);
  };
  document.addEventListener("scroll", gone, { passive: true });
  document.getElementById("main").after(offer);
  gone();
}

function followReading() {
  const known = progress.read();
  const isLesson = document.querySelector("article .exercise");
  if (isLesson) {
    offerToContinue(known[thisPage]?.place, thisPage);
    document.addEventListener("section", ({ detail }) =>
      progress.change(thisPage, { place: detail })
    );
    const end = new IntersectionObserver(([{ isIntersecting }]) => {
      if (isIntersecting) progress.change(thisPage, { read: true, place: null });
    });
    const neighbors = document.querySelector(".neighbors");
    if (neighbors) end.observe(neighbors);
  } else if (document.querySelector(".page-cards")) {
    const started = Object.entries(known).filter(([, { place }]) => place);
    started.sort(([, a], [, b]) => b.time - a.time);
    if (started.length) offerToContinue(started[0][1].place, started[0][0]);
  }
}

function markExercises() {
  const boxes = all("article .exercise[id]");
  const done = new Set(progress.read()[thisPage]?.done);
  for (const exercise of boxes) {
    const { id } = exercise;
    const title = exercise.querySelector(".admonition-title");
    const box = element("input", "");
    box.type = "checkbox";
    box.checked = done.has(id);
    const number = title.querySelector(".caption-number")?.textContent.trim();
    box.setAttribute("aria-label", ["Done", number].filter(Boolean).join(": "));
    box.addEventListener("change", () => {
      if (box.checked) done.add(id);
      else done.delete(id);
      progress.change(thisPage, { done: [...done], exercises: boxes.length });
    });
    title.prepend(element("label", "done", box, " Done"));
  }
}

// On the first page, say on the cards what has been read and done.
function showProgress() {
  const place = document.querySelector(".page-cards");
  if (!place) return;
  const show = () => {
    const known = progress.read();
    for (const old of all(".mark-read", place)) old.remove();
    for (const link of all("a[href]", place)) {
      const { read, done = [], exercises } = known[pageOf(new URL(link.href))] ?? {};
      const words = [
        read && "✓ read",
        done.length && `${done.length} of ${exercises} exercises done`,
      ].filter(Boolean);
      if (words.length) {
        const mark = element("small", "mark-read", words.join(", "));
        link.closest("li").append(mark);
      }
    }
    tools.hidden = Object.keys(known).length === 0;
  };
  const save = () => {
    const text = JSON.stringify(progress.read(), null, 2);
    const link = element("a", "");
    link.href = URL.createObjectURL(new Blob([text], { type: "application/json" }));
    link.download = "reading-progress.json";
    link.click();
    URL.revokeObjectURL(link.href);
  };
  const said = element("span", "");
  said.setAttribute("role", "status");
  const loadCopy = () => {
    const input = element("input", "");
    input.type = "file";
    input.accept = "application/json";
    input.addEventListener("change", async () => {
      try {
        const copy = JSON.parse(await input.files[0].text());
        const isPage = (page) => page && typeof page === "object";
        if (!isPage(copy) || !Object.values(copy).every(isPage)) throw new Error();
        progress.write({ ...progress.read(), ...copy });
        said.textContent = "Loaded.";
      } catch {
        said.textContent = "This file is not a copy of your progress.";
      }
      show();
    });
    input.click();
  };
  const erase = () => {
    progress.write({});
    show();
  };
  const tools = element(
    "p", "progress-tools",
    "Your progress is stored only in this browser. ",
    action("Save a copy", save), action("Load a copy", loadCopy),
    action("Erase", erase), said
  );
  place.after(tools);
  show();
}

// Mark the pages that have been read in the contents.
function markContents() {
  const known = progress.read();
  for (const link of all(".contents a[href]")) {
    if (!known[pageOf(new URL(link.href))]?.read) continue;
    const mark = element("span", "", " ✓");
    mark.setAttribute("role", "img");
    mark.setAttribute("aria-label", "read");
    link.append(mark);
  }
}

followReading();
markExercises();
showProgress();
markContents();

// Show a search field, and a passage from each result.
"use strict";

window.mountSearch = (holder) => {
  const root = document.documentElement.dataset.root;
  const search = window.bookSearch(window.bookEntries);

  holder.innerHTML =
    '<form role="search" class="search-form"><label for="search-field">' +
    'Search the book</label><input id="search-field" type="search" name="q" ' +
    'autocomplete="off" autocapitalize="none" spellcheck="false" enterkeyhint="go">' +
    '<button type="button" class="button search-close">Close</button></form>' +
    '<p class="search-count" role="status"></p><ol class="search-finds"></ol>' +
    '<p class="search-tip">Search for words, names in the code, numbers such as ' +
    "<kbd>1.6</kbd> or <kbd>Exercise 4.5</kbd>, and TeX such as <code>\\nabla</code>. " +
    "<span><kbd>↓</kbd> and <kbd>↑</kbd> move through the results, and " +
    "<kbd>Enter</kbd> opens one.</span></p>";
  const field = holder.querySelector("input");
  const count = holder.querySelector(".search-count");
  const finds = holder.querySelector("ol");
  const close = holder.querySelector(".search-close");
  if (holder.tagName === "DIALOG") {
    close.addEventListener("click", () => holder.close());
  } else close.remove();

  // Match the beginnings of words that a result was found by, and single letters whole.
  const beginnings = (terms) => {
    const words = [...terms]
      .sort((a, b) => b.length - a.length)
      .map((term) => {
        const word = term.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
        return term.length < 2 ? `${word}(?![\\p{L}\\p{N}])` : word;
      });
    return new RegExp(`(?<![\\p{L}\\p{N}])(${words.join("|")})`, "giu");
  };
  const mark = (element, text, pattern) => {
    text.split(pattern).forEach((part, i) => {
      if (i % 2) {
        const marked = document.createElement("mark");
        marked.textContent = part;
        element.append(marked);
      } else element.append(part);
    });
  };
  // How many letters of the query a text contains. The whole query counts most.
  const coverage = (text, { pattern, whole }) => {
    const words = Array.from(text.matchAll(pattern), ([word]) => word.toLowerCase());
    const bonus = words.includes(whole) ? 1000 : 0;
    return [...new Set(words)].join("").length + bonus;
  };

  // Return the part of a text with the most words of the query.
  const passage = (text, sought) => {
    const size = 220;
    let best = { value: 0, start: 0 };
    for (const { index } of text.matchAll(sought.pattern)) {
      const start = index > 60 ? text.indexOf(" ", index - 60) + 1 : 0;
      const value = coverage(text.slice(start, start + size), sought);
      if (value > best.value) best = { value, start };
    }
    let end = best.start + size;
    const space = text.lastIndexOf(" ", end);
    if (end < text.length && space > best.start) end = space;
    const shown = text.slice(best.start, end).trim();
    return (best.start ? "… " : "") + shown + (end < text.length ? " …" : "");
  };
  // Return the best of some passages or lines of code, which is the one with the most
  // words. A definition is better than a use, and both are best where nothing is closed.
  const bestOf = (excerpts, sought) => {
    const value = ({ shown, place }) =>
      coverage(shown, sought) + /^\s*(def|class) /.test(shown) / 2 - (place ? 0.1 : 0);
    return excerpts
      .map((excerpt) => ({ ...excerpt, value: value(excerpt) }))
      .reduce((best, each) => (each.value > best.value ? each : best));
  };
  // Return the parts of an entry. A fold has a place, where a link opens it, and so has a
  // tab, unless its page shows this framework, or will show it.
  const partsOf = ({ parts = [], ...entry }, { pathname }) => {
    const isHere = pathname === window.location.pathname;
    const seen = [
      ...(isHere ? [document.documentElement.dataset.framework] : []),
      ...choices.frameworks("sessionStorage"),
      ...choices.frameworks("localStorage"),
      ...document.documentElement.dataset.allFrameworks.split(" "), // the initial one first
    ].find((name) => parts.some(({ framework }) => framework === name));
    const isOpen = ({ framework }) => framework && framework === seen;
    return [entry, ...parts.map((part) => (isOpen(part) ? { ...part, place: "" } : part))];
  };

  const item = ({ kind, number, title, page, url, terms, ...entry }) => {
    const pattern = beginnings(terms);
    const sought = { pattern, whole: terms[0] };
    const element = document.createElement("li");
    const link = document.createElement("a");
    link.href = root + url;
    const between = kind === "section" ? " " : ": ";
    const heading = [number, title].filter(Boolean).join(between);
    mark(link, heading, pattern);
    element.append(link);
    if (page) {
      const where = document.createElement("small");
      where.textContent = page;
      element.append(where);
    }
    const parts = partsOf(entry, link);
    const lines = parts.flatMap(({ code = "", place }) =>
      code.split("\n").map((line) => ({ shown: line, place })));
    const passages = parts.map(({ text = "", place }) =>
      ({ shown: passage(text, sought), place }));
    const line = bestOf(lines, sought);
    const words = bestOf(passages, sought);
    const isWhole = ({ shown }) => shown.toLowerCase().includes(terms[0]);
    const isCode = isWhole(line) && !isWhole(words);
    const { shown, place } = isCode ? line : words;
    const found = document.createElement("p");
    const quote = isCode ? document.createElement("code") : found;
    mark(quote, shown.trim(), pattern);
    if (isCode) found.append(quote);
    if (place) link.hash = place;
    element.append(found);
    return element;
  };

  const show = () => {
    const query = field.value.trim();
    const results = query ? search(query) : [];
    const many = results.length;
    count.textContent =
      !query ? ""
      : many === 0 ? `No results for “${query}”. Try fewer or other words.`
      : many === 1 ? "1 result"
      : `${many} results${many > 20 ? ". Here are the best 20" : ""}`;
    finds.replaceChildren(...results.slice(0, 20).map(item));
  };

  field.addEventListener("input", () => {
    choices.remember("search", field.value, "sessionStorage");
    const address = new URL(window.location);
    if (address.searchParams.has("q")) {
      address.searchParams.set("q", field.value);
      replaceAddress(address);
    }
    show();
  });
  holder.querySelector("form").addEventListener("submit", (event) => {
    event.preventDefault();
    finds.querySelector("a")?.click();
  });
  holder.addEventListener("keydown", (event) => {
    if (event.isComposing || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "Escape" && holder.open) {
      event.preventDefault(); // a search field would only empty itself
      holder.close();
    }
    // Letters belong to the field, wherever the focus is.
    const isLetter = event.key.length === 1 && event.key !== " ";
    if (isLetter && document.activeElement.matches(".search-finds a")) field.focus();
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!step) return;
    const stops = [field, ...finds.querySelectorAll("a")];
    const next = stops[stops.indexOf(document.activeElement) + step];
    event.preventDefault();
    next?.focus();
  });
  field.value =
    new URLSearchParams(window.location.search).get("q") ??
    choices.recall("search", "sessionStorage");
  show();
  return show;
};

{
  const holder = document.getElementById("search");
  if (holder) {
    const show = window.mountSearch(holder);
    // The reader may have chosen another framework in the meantime.
    window.addEventListener("pageshow", ({ persisted }) => persisted && show());
    holder.querySelector("input").focus();
  }
}

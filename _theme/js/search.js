// Search the sections of the book, and show a passage from each result.
"use strict";

window.mountSearch = (holder) => {
  const root = document.documentElement.dataset.root;
  const sections = window.bookSections;
  const split = (text) => text.toLowerCase().split(/[^\p{L}\p{N}]+/u);
  // A name such as load_fashion_mnist can be found as a whole and by its parts.
  const tokens = (text) => {
    const names = text.toLowerCase().match(/[\p{L}\p{N}]+(?:[._][\p{L}\p{N}]+)+/gu);
    return [...split(text), ...(names ?? [])].filter(Boolean);
  };
  let index; // made for the first query, because it takes half a second on a phone
  const made = () => new window.MiniSearch({
    fields: ["title", "labels", "text", "code"],
    tokenize: tokens,
    searchOptions: {
      boost: { title: 5, labels: 2 },
      combineWith: "AND",
      prefix: (term) => term.length > 2,
      fuzzy: (term) => (term.length > 5 ? 0.2 : false),
    },
  });
  const search = (query, options) => {
    if (!index) {
      index = made();
      index.addAll(sections.map((section, id) => ({ id, ...section })));
    }
    return index.search(query, options);
  };
  const labels = sections.map((section) => new Set(section.labels.split(" ")));
  const headings = sections.map(({ title }) =>
    title.toLowerCase().replace(/^[\d.]+ /, "")
  );
  // The weight of a section beyond its words. A query that is exactly a label, term, or
  // heading should find its section first, and a page should precede its exercises.
  const weight = (id, query) => {
    const isLabel = labels[id].has(query) || labels[id].has(`equation_${query}`);
    if (query.includes("_") && isLabel) return 1000;
    const isTerm = sections[id].url.includes("#term-");
    if (headings[id] === query) return isTerm ? 4 : 3;
    if (headings[id] === `the ${query}`) return 3;
    if (headings[id] === "exercises") return 0.2;
    return sections[id].page === sections[id].title ? 1.5 : 1;
  };
  const find = (query, options) => {
    const boostDocument = (id) => weight(id, query.toLowerCase());
    return search(query, { boostDocument, ...options });
  };

  holder.innerHTML =
    '<form role="search" class="search-form"><label for="search-field">' +
    'Search the book</label><input id="search-field" type="search" ' +
    'autocomplete="off" spellcheck="false" name="q" ' +
    'placeholder="Words, labels, code">' +
    '<button type="button" class="button search-close">Close</button></form>' +
    '<p class="search-count" role="status"></p><ol class="search-finds"></ol>';
  const field = holder.querySelector("input");
  const count = holder.querySelector(".search-count");
  const finds = holder.querySelector("ol");
  const close = holder.querySelector(".search-close");
  if (holder.tagName === "DIALOG") {
    close.addEventListener("click", () => holder.close());
  } else close.remove();

  const marked = (text, terms) => {
    const element = document.createElement("span");
    const words = terms.map((term) => term.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"));
    words.sort((a, b) => b.length - a.length);
    const pattern = new RegExp(`(${words.join("|")})`, "giu");
    text.split(pattern).forEach((part, i) => {
      if (i % 2) {
        const mark = document.createElement("mark");
        mark.textContent = part;
        element.append(mark);
      } else element.append(part);
    });
    return element;
  };

  // Return the part of a section's text that contains the most terms.
  const passage = (section, terms) => {
    const size = 220;
    let best = { hits: 0, start: 0, text: section.text };
    for (const text of [section.text, section.code]) {
      const low = text.toLowerCase();
      for (const term of terms) {
        const at = low.indexOf(term);
        if (at < 0) continue;
        const start = Math.max(0, at - 60);
        const near = low.slice(start, start + size);
        const hits = terms.filter((one) => near.includes(one)).length;
        if (hits > best.hits) best = { hits, start, text };
      }
    }
    let { start, text } = best;
    if (start) start = text.indexOf(" ", start) + 1 || start;
    const end = start + size;
    return (
      (start ? "… " : "") + text.slice(start, end).trim() +
      (end < text.length ? " …" : "")
    );
  };

  const show = () => {
    const query = field.value.trim();
    finds.replaceChildren();
    count.textContent = "";
    if (!query) return;
    let results = find(query);
    if (!results.length) results = find(query, { combineWith: "OR" });
    const many = results.length;
    count.textContent =
      many === 0 ? `No results for “${query}”. Try fewer or other words.`
      : many === 1 ? "1 section found."
      : `${many} sections found${many > 20 ? ". Here are the best 20" : ""}.`;
    for (const result of results.slice(0, 20)) {
      const section = sections[result.id];
      const terms = [...new Set([...split(query).filter(Boolean), ...result.terms])];
      const item = document.createElement("li");
      const link = document.createElement("a");
      link.href = root + section.url;
      link.append(marked(section.title, terms));
      item.append(link);
      if (section.page !== section.title) {
        const where = document.createElement("small");
        where.textContent = section.page;
        item.append(where);
      }
      const text = document.createElement("p");
      text.append(marked(passage(section, terms), terms));
      item.append(text);
      finds.append(item);
    }
  };

  field.addEventListener("input", show);
  holder.querySelector("form").addEventListener("submit", (event) => {
    event.preventDefault();
    finds.querySelector("a")?.focus();
  });
  field.value = new URLSearchParams(window.location.search).get("q") ?? "";
  show();
};

{
  const holder = document.getElementById("search");
  if (holder) {
    window.mountSearch(holder);
    holder.querySelector("input").focus();
  }
}

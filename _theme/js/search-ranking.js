// Find entries of the search index, the best first. MiniSearch finds and weighs words,
// and what a query names exactly (a number, a label, or a function) comes first.
"use strict";

window.bookSearch = (entries) => {
  const KINDS = ["section", "term", "figure", "equation", "exercise"];
  const FONT_COMMAND = /\\(?:math|bold|text)[a-z]+ ?\{([\p{L}\p{N}]+)\}/gu;
  const COMMAND = /\\\p{L}+(?:\{[\p{L}\p{N}]\})?/gu;
  const SYMBOLS = {
    "∇": "nabla", "∂": "partial", "∑": "sum", "∏": "prod", "√": "sqrt", "∞": "infty",
  };
  const DEFINITION = /^\s*(?:def|class)\s+(\w+)/gm;
  // "4.5", "A.1", "Exercise 4.5", "fig. 4.5", "(4.5)"
  const NUMBER =
    /^(?:(section|sec|page|chapter|§|exercise|ex|figure|fig|equation|eq)?\.?\s*)(\(?)((?:[a-z]\.)?\d+(?:\.\d+)*)\)?\.?$/;

  const split = (text) => text.split(/[^\p{L}\p{N}]+/u).filter(Boolean);
  // A name such as load_fashion_mnist can be found as a whole and by its parts.
  const tokens = (text, field) => {
    if (field === "tex" || field === "labels") return text.split(" ");
    const names = text.match(/[\p{L}\p{N}]+(?:[._][\p{L}\p{N}]+)+/gu) ?? [];
    return [...split(text), ...names];
  };

  // What an entry says in its tabs and folds counts like the rest.
  const whole = (entry, field, between) =>
    [entry, ...(entry.parts ?? [])].map((part) => part[field] ?? "").join(between);
  const contents = entries.map((entry, id) => ({
    ...entry,
    id,
    text: whole(entry, "text", " "),
    code: [...new Set(whole(entry, "code", "\n").split("\n"))].join("\n"),
  }));
  const known = contents.map(({ title = "", number = "", labels = "", code }) => ({
    heading: title.toLowerCase(),
    number: number.toLowerCase().split(/\s/).pop(),
    labels: labels.toLowerCase().split(" "),
    defined: [...code.matchAll(DEFINITION)].map(([, name]) => name.toLowerCase()),
  }));

  // A label is looked for as a whole, and TeX by its commands.
  const allLabels = new Set(known.flatMap(({ labels }) => labels));
  const queryTokens = (query) => {
    if (allLabels.has(query)) return [query];
    const plain = query
      .replace(/[∇∂∑∏√∞]/gu, (symbol) => `\\${SYMBOLS[symbol]} `)
      .replace(FONT_COMMAND, "$1");
    return [...(plain.match(COMMAND) ?? []), ...tokens(plain.replace(COMMAND, " "))];
  };

  // Return the words to look for, and a test for what a query names exactly: an entry
  // with this number or label, or a section that defines this function or class.
  const understood = (query) => {
    const [, word, bracket, number] = query.match(NUMBER) ?? [];
    if (number) {
      const kind = word?.replace(/^(page|chapter|§)$/, "section") ?? (bracket && "equation");
      const isNamed = (id) =>
        known[id].number === number && entries[id].kind.startsWith(kind ?? "");
      return { sought: number, isNamed };
    }
    const name = query.replace(/^(def|class)\s+|\(.*$/g, "");
    const isNamed = (id) =>
      known[id].labels.includes(name) || known[id].defined.includes(name);
    const looksLikeCode = name !== query || name.includes("_");
    return looksLikeCode && known.some((_, id) => isNamed(id))
      ? { sought: name, isNamed }
      : { sought: query, isNamed: () => false };
  };

  // The weight of an entry beyond its words. Terms and headings with exactly these words
  // come first, a page before its sections, and exercises last.
  const weight = (id, query) => {
    const { kind, page } = entries[id];
    const { heading, defined } = known[id];
    if (kind === "exercise") return 0.1;
    if (kind === "figure" || kind === "equation") return 0.4;
    if (heading === query) return kind === "term" ? 6 : 3;
    if (heading === "exercises") return 0.1;
    if (heading === `the ${query}` || defined.includes(query)) return 3;
    return page ? 1 : 1.5;
  };

  let index; // made for the first query, because it takes half a second on a phone
  const matches = (query, options) => {
    if (!index) {
      index = new window.MiniSearch({
        fields: ["number", "title", "labels", "text", "code", "tex"],
        tokenize: tokens,
        searchOptions: {
          boost: { title: 5, labels: 2 },
          tokenize: queryTokens,
          combineWith: "AND",
          prefix: (term) => term.length > 1,
          fuzzy: (term) => (/^\p{L}{6,}$/u.test(term) ? 0.2 : false),
        },
      });
      index.addAll(contents);
    }
    return index.search(query, options);
  };

  // Return the found entries. Their terms are the words that they were found by, and
  // first of all what was sought.
  return (text) => {
    const query = text.trim().toLowerCase();
    const { sought, isNamed } = understood(query);
    const boostDocument = (id) =>
      isNamed(id) ? 1e9 / 10 ** KINDS.indexOf(entries[id].kind) : weight(id, sought);
    const ways = [
      [sought, {}],
      [`\\${sought}`, {}], // TeX names are found without a backslash, too
      [sought, { combineWith: "OR" }],
    ];
    for (const [words, options] of ways) {
      const results = matches(words, { boostDocument, ...options });
      if (results.length) {
        return results.map(({ id, terms }) => ({
          ...entries[id],
          terms: /\d/.test(sought) ? [sought] : [sought, ...split(sought), ...terms],
        }));
      }
    }
    return [];
  };
};

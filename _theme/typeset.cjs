// Answers each line of standard input, {tex, display} as JSON, with a line of JSON:
// {mathml}, or {error} if Temml cannot read the TeX.
"use strict";

const readline = require("node:readline");
const temml = require("./vendor/temml/temml.cjs");

// A browser raises superscripts above all of their base, and with them those of
// what is around it. TeX asks only how high its last letter or parenthesis is:
// so is the base made, and what rises above stays where it is.
function lower(node) {
  const [base] = node.children;
  const last = base.children?.at(-1);
  let height = "";
  if (base.type === "mover" && last.type === "mo") { // an accent
    const letter = base.children[0].toText().normalize("NFKD");
    height = /^[acegm-suvwxyzµμνπρστυω]$/.test(letter) ? "0.48em" : "0.68em";
  } else if (last?.attributes?.form === "postfix") { // a parenthesis
    if (last.attributes.stretchy === "false") height = "0.75em";
  }
  if (!height) return;
  const padded = new node.constructor("mpadded", [base]);
  padded.setAttribute("height", height);
  node.children[0] = padded;
}

// Chromium leaves room for the widest radical sign of the font. Where the
// smallest is enough, css/math.css takes it from a font that has no other; and
// since that one is higher than a letter, its bar keeps a distance.
function root(node) {
  if (!node.children.every(isLow)) return;
  node.classes.push("tml-low");
  const strut = new node.constructor("mspace");
  strut.setAttribute("height", "0.76em");
  node.children.push(strut);
}

function isLow(node) {
  const plain = ["mi", "mn", "mo", "mrow", "mspace", "msub", "msup", "mtext"];
  const known = !node.type || plain.includes(node.type);
  const big = node.type === "mo" && /[∑∏∫]/.test(node.toText());
  return known && !big && (node.children ?? []).every(isLow);
}

// The prime of the font is a raised one: as a superscript it would be raised
// twice, and small.
function prime(node) {
  const [base, raised] = [node.children[0], node.children.at(-1)];
  const marks = raised.type === "mrow" ? raised.children : [raised];
  if (!marks.every((mark) => mark.classes?.includes("tml-prime"))) return;
  for (const mark of marks) mark.classes = [];
  raised.classes = [];
  if (node.type === "msubsup") {
    node.type = "msub";
    const row = new node.constructor("mrow", [base, raised]);
    node.children = [row, node.children[1]];
  } else node.type = "mrow";
}

// TeX leaves a thin space between a factor and the name of a function. Temml
// knows of letters and numbers only, and not of what ends in a script. It leaves
// one after the name, too, even if nothing follows.
function separateNames(node) {
  const isName = (child) => {
    const [word, apply] = child?.type === "mrow" ? child.children : [];
    return word?.type === "mi" && apply?.toText?.() === "\u2061";
  };
  const needsThin = (before) => {
    if (["msub", "msup", "msubsup"].includes(before.type)) {
      return before.children[0].type !== "mo"; // a sum has its own space
    }
    const last = before.children?.at(-1);
    const closed = last?.attributes?.form === "postfix";
    return before.type === "mfrac" || (before.type === "mrow" && closed);
  };
  const last = node.children.at(node.type === "semantics" ? 0 : -1);
  if (isName(last) && last.children.at(-1).type === "mspace") last.children.pop();
  node.children = node.children.flatMap((child, i) => {
    if (!isName(node.children[i + 1]) || !needsThin(child)) return [child];
    const space = new child.constructor("mspace");
    space.setAttribute("width", "0.1667em");
    return [child, space];
  });
}

function setSpaces(operator, before, after) {
  operator.setAttribute("lspace", before);
  operator.setAttribute("rspace", after);
}

// Browsers leave as much space around dots as around an equals sign. TeX leaves
// a thin one, and commas and other operators have their own.
function tightenDots(node) {
  const beside = (i) => {
    const neighbor = node.children[i];
    return !neighbor || neighbor.type === "mo" ? "0em" : "0.1667em";
  };
  node.children.forEach((child, i) => {
    if (child.type !== "mo" || !/^[\u2026\u22ef]$/.test(child.toText())) return;
    setSpaces(child, beside(i - 1), beside(i + 1));
  });
}

// In sub- and superscripts TeX leaves no space around operators.
function tightenScripts(node) {
  const tighten = (part) => {
    for (const child of part.children ?? []) {
      const spaced = child.type === "mo" && !child.attributes.fence;
      const name = /[\u2061\u2211\u220f\u222b]/; // of functions, sums, and integrals
      if (!spaced) tighten(child);
      else if (!name.test(child.toText())) setSpaces(child, "0em", "0em");
    }
  };
  node.children.slice(1).forEach(tighten);
}

// A line that goes on with a plus or a minus adds to the line before.
function addToLineBefore(cell) {
  let first = cell;
  while (first.children?.length && first.type !== "mo") [first] = first.children;
  if (first.attributes?.form !== "prefix") return;
  if (/^[+\u2212]$/.test(first.toText())) first.setAttribute("form", "infix");
}

function finish(node) {
  if (["msup", "msubsup"].includes(node.type)) prime(node);
  if (["msup", "msubsup"].includes(node.type)) lower(node);
  if (node.type === "msqrt") root(node);
  if (node.type === "mtable" && node.classes.includes("tml-jot")) {
    for (const row of node.children) row.children.slice(1).forEach(addToLineBefore);
  }
  if (node.children) {
    separateNames(node);
    tightenDots(node);
  }
  if (/^m(su[bp]|subsup|under|over|underover)$/.test(node.type)) tightenScripts(node);
  for (const child of node.children ?? []) finish(child);
  return node;
}

readline.createInterface({ input: process.stdin }).on("line", (line) => {
  const { tex, display } = JSON.parse(line);
  let answer;
  try {
    const tree = temml.__renderToMathMLTree(tex, {
      displayMode: display,
      annotate: true,
      throwOnError: true,
      strict: true,
    });
    answer = { mathml: finish(tree).toMarkup() };
  } catch (error) {
    answer = { error: error.message };
  }
  process.stdout.write(`${JSON.stringify(answer)}\n`);
});

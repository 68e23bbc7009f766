// Add buttons that copy code, and copy formulas as TeX.

const icon = (path) =>
  `<svg class="icon" viewBox="0 0 24 24" aria-hidden="true"><path d="${path}"/></svg>`;
const COPY_ICON = icon("M9 9h11v11H9zM5 15V4h11");
const COPY_ABOVE_ICON = icon("M4 4h16M4 9h16M12 21v-7m-4 4 4-4 4 4");
const DONE_ICON = icon("m5 12.5 4.5 4.5L19 7.5");

async function toClipboard(text) {
  if (navigator.clipboard) return navigator.clipboard.writeText(text);
  const field = document.createElement("textarea"); // for pages without HTTPS
  field.value = text;
  field.className = "out-of-sight";
  document.body.append(field);
  field.select();
  const done = document.execCommand("copy");
  field.remove();
  if (!done) throw new Error("The browser did not allow copying.");
}

// What has been copied, for screen readers.
const said = document.createElement("p");
said.className = "out-of-sight";
said.setAttribute("role", "status");
document.body.append(said);

function copyButton(kind, icon, words, code) {
  const button = document.createElement("button");
  button.className = kind;
  button.type = "button";
  button.innerHTML = icon + DONE_ICON;
  const say = (words) => {
    button.setAttribute("aria-label", words);
    button.title = words;
  };
  say(words);
  button.addEventListener("click", async () => {
    try {
      await toClipboard(code());
      say("Copied");
      said.textContent = "Copied";
      button.classList.add("done");
    } catch {
      say("Your browser does not allow copying. Select the code instead");
    }
    window.setTimeout(() => {
      said.textContent = "";
      say(words);
      button.classList.remove("done");
    }, 2000);
  });
  return button;
}

// Every cell needs those before it, but not those of other frameworks or solutions.
function codeUpTo(last, cells) {
  const solution = last.closest(".solution");
  return cells
    .slice(0, cells.indexOf(last) + 1)
    .filter((pre) => !pre.closest(".tab[hidden]"))
    .filter((pre) => [null, solution].includes(pre.closest(".solution")))
    .map(textOf)
    .join("\n\n");
}

const textOf = (pre) => pre.textContent.replace(/\n$/, "");

// The Tab key stops once at both buttons, and the arrow keys lead from one to the other.
function makeToolbar(row, left, right) {
  row.setAttribute("role", "toolbar");
  row.setAttribute("aria-label", "Copy");
  left.tabIndex = -1;
  row.addEventListener("keydown", (event) => {
    const target = { ArrowLeft: left, ArrowRight: right }[event.key];
    if (!target) return;
    event.preventDefault();
    target.focus();
  });
}

function copyButtons() {
  const blocks = all("article .highlight > pre").filter(
    (pre) => !pre.closest(".cell_output")
  );
  const cells = blocks.filter((pre) => pre.closest(".cell_input"));
  for (const pre of blocks) {
    const row = document.createElement("div");
    row.className = "copy-buttons";
    const copy = copyButton("copy-code", COPY_ICON, "Copy the code", () => textOf(pre));
    row.append(copy);
    if (cells.indexOf(pre) > 0) {
      const words = "Copy all code up to here";
      const code = () => codeUpTo(pre, cells);
      const copyAbove = copyButton("copy-above", COPY_ABOVE_ICON, words, code);
      row.prepend(copyAbove);
      makeToolbar(row, copyAbove, copy);
    }
    pre.parentElement.append(row);
  }
}

function copyFormulas(event) {
  const selection = window.getSelection();
  if (!selection.rangeCount || selection.isCollapsed) return;
  const holder = document.createElement("div");
  for (let i = 0; i < selection.rangeCount; i++) {
    const range = selection.getRangeAt(i).cloneRange();
    const whole = (node) =>
      (node.nodeType === 1 ? node : node.parentElement).closest(".math");
    const first = whole(range.startContainer);
    const last = whole(range.endContainer);
    if (first) range.setStartBefore(first);
    if (last) range.setEndAfter(last);
    holder.append(range.cloneContents());
  }
  const formulas = all(".math", holder);
  if (!formulas.length) return;
  for (const formula of formulas) {
    const tex = formula.querySelector("annotation")?.textContent ?? "";
    const displayed = formula.tagName === "DIV";
    formula.textContent = displayed ? `\n$$${tex}$$\n` : `$${tex}$`;
  }
  const added = ".headerlink, .copy-buttons, .margin-note";
  for (const link of all(added, holder)) link.remove();
  holder.className = "out-of-sight";
  document.body.append(holder); // otherwise, its line breaks would be lost
  event.clipboardData.setData("text/plain", holder.innerText);
  event.clipboardData.setData("text/html", holder.innerHTML);
  holder.remove();
  event.preventDefault();
}

copyButtons();
document.addEventListener("copy", copyFormulas);

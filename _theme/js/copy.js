// Add a button that copies the code of a cell, and copy formulas as TeX.

const COPY_ICON =
  '<svg class="icon" viewBox="0 0 24 24" width="18" height="18" ' +
  'aria-hidden="true"><path d="M9 9h11v11H9zM5 15V4h11"/></svg>';

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

function copyButtons() {
  const blocks = all("article .highlight > pre").filter(
    (pre) => !pre.closest(".cell_output")
  );
  for (const pre of blocks) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "copy";
    button.innerHTML = COPY_ICON;
    const say = (words) => {
      button.setAttribute("aria-label", words);
      button.title = words;
    };
    say("Copy the code");
    button.addEventListener("click", async () => {
      try {
        await toClipboard(pre.textContent.replace(/\n$/, ""));
        say("Copied");
        button.classList.add("done");
      } catch {
        say("Your browser does not allow copying. Select the code instead");
      }
      window.setTimeout(() => {
        say("Copy the code");
        button.classList.remove("done");
      }, 2000);
    });
    pre.parentElement.append(button);
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
  for (const link of all(".headerlink, .copy", holder)) link.remove();
  holder.className = "out-of-sight";
  document.body.append(holder); // otherwise, its line breaks would be lost
  event.clipboardData.setData("text/plain", holder.innerText);
  event.clipboardData.setData("text/html", holder.innerHTML);
  holder.remove();
  event.preventDefault();
}

copyButtons();
document.addEventListener("copy", copyFormulas);

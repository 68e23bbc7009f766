// Open the search with the button, the key "/", or Ctrl+K (⌘ K), without leaving the page.

function searchDialog() {
  const button = document.querySelector(".search-button");
  let dialog, mounted, show;
  const mount = async () => {
    const parts = ["search-index.js", "search.js"];
    for (const part of parts) await load(part);
    dialog = document.createElement("dialog");
    dialog.className = "search-dialog";
    dialog.setAttribute("aria-label", "Search the book");
    document.body.append(dialog);
    dialog.addEventListener("click", (event) => {
      if (event.target === dialog) dialog.close(); // a click next to it
      if (event.target.closest("a")) dialog.close();
    });
    show = window.mountSearch(dialog);
  };
  const open = async () => {
    if (!document.getElementById("search")) { // this is not the search page
      await (mounted ??= mount());
      show(); // the chosen framework may have changed
      if (!dialog.open) dialog.showModal();
    }
    const field = document.getElementById("search-field");
    field.focus();
    field.select();
  };
  button.addEventListener("click", (event) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    open().catch(() => window.location.assign(button.href));
  });
  document.addEventListener("keydown", (event) => {
    const { key, target, ctrlKey, metaKey, altKey, shiftKey } = event;
    const typing = target.closest?.("input, textarea, select, [contenteditable]");
    const command = ctrlKey || metaKey;
    const isSlash = key === "/" && !typing && !command;
    const isK = key.toLowerCase() === "k" && command && !altKey && !shiftKey;
    if (!isSlash && !isK) return;
    event.preventDefault();
    button.click();
  });
}

// The page for missing addresses leads to a search for the words of the address.
function searchAddress(link) {
  const [name] = window.location.pathname.split("/").pop().split(".");
  if (!name || name === "404") return;
  const words = decoded(name).match(/[\p{L}\p{N}]+/gu) ?? [];
  link.search = new URLSearchParams({ q: words.join(" ") });
}

searchDialog();
const missing = document.querySelector(".search-address");
if (missing) searchAddress(missing);

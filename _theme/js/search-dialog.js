// Open the search with the button or the key "/", without leaving the page.

function searchDialog() {
  const button = document.querySelector(".search-button");
  if (document.getElementById("search")) return; // this is the search page
  let dialog;
  const open = async () => {
    if (!dialog) {
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
      window.mountSearch(dialog);
    }
    dialog.showModal();
    dialog.querySelector("input").select();
  };
  button.addEventListener("click", (event) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    open().catch(() => window.location.assign(button.href));
  });
  document.addEventListener("keydown", (event) => {
    const typing = event.target.closest?.("input, textarea, select, [contenteditable]");
    if (event.key !== "/" || typing || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    button.click();
  });
}

searchDialog();

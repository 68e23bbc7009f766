// Open what is folded on paper, except hints and solutions.

function printing() {
  let opened = [];
  window.addEventListener("beforeprint", () => {
    opened = all("article details:not([open], .solution, .sd-dropdown)");
    for (const fold of opened) fold.open = true;
    for (const image of all("article img")) image.loading = "eager";
  });
  window.addEventListener("afterprint", () => {
    for (const fold of opened) fold.open = false;
  });
}

printing();

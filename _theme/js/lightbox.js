// Open a figure in a window of its own, as large as the screen, and then larger.

const SMALLEST = 200; // pixels of width; smaller pictures gain nothing
const lens = (sign) =>
  '<svg class="icon" viewBox="0 0 24 24" width="20" height="20" ' +
  `aria-hidden="true"><path d="${sign}M15.5 15.5 20 20"/>` +
  '<circle cx="10.5" cy="10.5" r="6.5"/></svg>';
const ZOOM_IN_ICON = lens("M10.5 7v7M7 10.5h7");
const ZOOM_OUT_ICON = lens("M7 10.5h7");
const ENLARGE_ICON =
  '<svg class="icon" viewBox="0 0 24 24" width="18" height="18" ' +
  'aria-hidden="true"><path d="M14 4h6v6M20 4l-7 7M10 20H4v-6M4 20l7-7"/></svg>';
const CLOSE_ICON =
  '<svg class="icon" viewBox="0 0 24 24" width="20" height="20" ' +
  'aria-hidden="true"><path d="M5 5l14 14M19 5L5 19"/></svg>';

function relabel(button, label, icon) {
  button.title = label;
  button.setAttribute("aria-label", label);
  button.innerHTML = icon;
}

function iconButton(className, label, icon) {
  const made = document.createElement("button");
  made.type = "button";
  made.className = className;
  relabel(made, label, icon);
  return made;
}

function lightboxDialog() {
  const dialog = document.createElement("dialog");
  dialog.className = "lightbox";
  const zoom = iconButton("button", "Zoom in", ZOOM_IN_ICON);
  const close = iconButton("button", "Close", CLOSE_ICON);
  const picture = document.createElement("div");
  picture.className = "lightbox-picture";
  picture.tabIndex = 0; // so that the arrow keys scroll it
  const caption = document.createElement("div");
  caption.className = "lightbox-caption";
  const buttons = document.createElement("div");
  buttons.className = "lightbox-buttons";
  buttons.append(zoom, close);
  dialog.append(buttons, picture, caption);
  document.body.append(dialog);

  // Zoom in or out, and keep the given point of the picture in the middle.
  const enlarge = (on, x = 0.5, y = 0.5) => {
    dialog.classList.toggle("enlarged", on);
    if (on) relabel(zoom, "Zoom out", ZOOM_OUT_ICON);
    else relabel(zoom, "Zoom in", ZOOM_IN_ICON);
    picture.scrollLeft = x * picture.scrollWidth - picture.clientWidth / 2;
    picture.scrollTop = y * picture.scrollHeight - picture.clientHeight / 2;
  };
  const enlarged = () => dialog.classList.contains("enlarged");
  zoom.addEventListener("click", () => enlarge(!enlarged()));
  close.addEventListener("click", () => dialog.close());
  picture.addEventListener("click", ({ target, offsetX, offsetY }) => {
    if (target.localName !== "img") return dialog.close();
    const { width, height } = target;
    enlarge(!enlarged(), offsetX / width, offsetY / height);
  });
  // A figure is shown around the point that the reader has tapped, if any.
  return (images, words, shown, x = 0.5, y = 0.5) => {
    picture.replaceChildren(...images);
    caption.replaceChildren(...words);
    const number = caption.querySelector(".caption-number");
    const name = number?.textContent.trim() ?? "Figure";
    dialog.setAttribute("aria-label", name);
    picture.setAttribute("role", "group");
    picture.setAttribute("aria-label", name);
    dialog.showModal();
    // On an upright phone, the screen is hardly wider than the figure was in the text.
    const { clientWidth, clientHeight } = picture;
    const { width, height } = shown.getBoundingClientRect();
    const upright = clientHeight > Math.max(clientWidth, height);
    enlarge(upright && clientWidth < 1.25 * width, x, y);
  };
}

function lightbox() {
  let open;
  for (const figure of all("article figure")) {
    const images = all("img", figure);
    const width = Number(images[0]?.getAttribute("width") ?? 0);
    if (width < SMALLEST || figure.closest("a")) continue;
    const name = figure.querySelector(".caption-number")?.textContent.trim();
    const label = `Enlarge ${name ?? "this figure"}`;
    const enlarge = iconButton("enlarge", label, ENLARGE_ICON);
    figure.classList.add("enlargeable");
    const caption = figure.querySelector("figcaption");
    (caption ?? figure).prepend(enlarge);
    const show = (x, y) => {
      open ??= lightboxDialog();
      const words = caption?.cloneNode(true);
      words?.querySelectorAll(".headerlink, .enlarge").forEach((part) => part.remove());
      words?.querySelectorAll("[id]").forEach((named) => named.removeAttribute("id"));
      const shown = images.find((image) => image.clientWidth);
      const large = images.map((image) => image.cloneNode());
      open(large, words?.childNodes ?? [], shown, x, y);
    };
    enlarge.addEventListener("click", () => show());
    for (const image of images) {
      image.addEventListener("click", ({ offsetX, offsetY }) => {
        enlarge.focus({ preventScroll: true }); // where the focus returns
        show(offsetX / image.clientWidth, offsetY / image.clientHeight);
      });
    }
  }
}

lightbox();

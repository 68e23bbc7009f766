// Start the service worker, which saves the book for reading offline.

async function offline() {
  const line = document.querySelector(".offline");
  const say = (text) => {
    line.textContent = text;
    line.hidden = false;
  };
  if (window.location.protocol === "file:") {
    say("This copy of the book is on your device, and needs no network.");
    return;
  }
  if (!navigator.serviceWorker) return;
  const workers = navigator.serviceWorker;
  const saved = (worker) => {
    const channel = new MessageChannel();
    channel.port1.onmessage = ({ data }) =>
      say(`Available offline${data && `, as of ${data}`}.`);
    worker.postMessage("date", [channel.port2]);
  };
  try {
    const known = workers.controller;
    if (!known && navigator.connection?.saveData) return;
    const registration = await workers.register(`${root.dataset.root}sw.js`);
    if (!known) say("Saving the book for reading offline …");
    const follow = (worker) =>
      worker?.addEventListener("statechange", () => {
        if (worker.state === "activated") saved(worker);
        if (worker.state === "redundant" && !registration.active) {
          line.hidden = true;
        }
      });
    // The browser looks for a new version after the page has loaded.
    registration.addEventListener("updatefound", () =>
      follow(registration.installing)
    );
    follow(registration.installing ?? registration.waiting);
    if (registration.active) saved(registration.active);
  } catch {
    line.hidden = true; // nobody asked for it
  }
}

// Notebooks and archives are not saved, so links to them say that they need a network.
function noteNetwork() {
  root.classList.toggle("no-network", !navigator.onLine);
}
if (window.location.protocol !== "file:") {
  noteNetwork();
  window.addEventListener("online", noteNetwork);
  window.addEventListener("offline", noteNetwork);
}

// On the first visit, draw the page before saving the book.
if (document.readyState === "complete") offline();
else window.addEventListener("load", offline);

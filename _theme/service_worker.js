// Keeps the whole book for reading without a network. Each version has its own
// cache, and replaces the last one when it is complete. Pages come from the network
// if possible, so that readers see the newest version. The files that they load have
// a version in their address, or in VERSIONS.
"use strict";

const VERSION = "@VERSION@";
const DATE = "@DATE@"; // of the last change to a page, or empty
const FILES = @FILES@;
const VERSIONS = @VERSIONS@; // of the files in _static, by path
const PREFIX = `book ${self.registration.scope} `;
const CACHE = PREFIX + VERSION;
const PATIENCE = 4000; // milliseconds that a page waits for a slow network

self.addEventListener("install", (event) => {
  const save = async () => {
    const cache = await caches.open(CACHE);
    await cache.addAll(FILES.map((url) => new Request(url, { cache: "no-cache" })));
    await self.skipWaiting();
  };
  event.waitUntil(save());
});

self.addEventListener("activate", (event) => {
  const replace = async () => {
    for (const name of await caches.keys()) {
      if (name.startsWith(PREFIX) && name !== CACHE) await caches.delete(name);
    }
    await self.clients.claim();
  };
  event.waitUntil(replace());
});

self.addEventListener("message", ({ data, ports }) => {
  if (data === "date") ports[0].postMessage(DATE);
});

async function kept(request) {
  const cache = await caches.open(CACHE);
  return cache.match(request, { ignoreSearch: true });
}

async function page(request) {
  const copy = await kept(request.url.split(/[?#]/)[0].replace(/\/$/, "/index.html"));
  const fresh = fetch(request, { cache: "no-cache" });
  if (!copy) return fresh.catch(() => kept(`${self.registration.scope}404.html`));
  const patience = new Promise((resolve) => setTimeout(resolve, PATIENCE));
  const first = await Promise.race([fresh.catch(() => null), patience]);
  return first ?? copy;
}

const path = (request) =>
  request.url.slice(self.registration.scope.length).split(/[?#]/)[0];

async function part(request) {
  const version = new URL(request.url).searchParams.get("v");
  const copy = await kept(request);
  // A page that is newer than the cache asks for newer files.
  if (copy && (!version || VERSIONS[path(request)] === version)) return copy;
  return fetch(request).catch((error) => {
    if (copy) return copy;
    throw error;
  });
}

self.addEventListener("fetch", (event) => {
  const { request } = event;
  if (request.method !== "GET") return;
  if (!request.url.startsWith(self.registration.scope)) return;
  const answer = request.mode === "navigate" ? page : part;
  event.respondWith(answer(request));
});

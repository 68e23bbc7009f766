// Keeps the whole book for reading without a network. Each version is kept in
// a cache of its own and replaces the last when all of it has come. Pages are
// asked of the network first, so nobody reads an old page who could have the
// new one; what pages load carries its version in its address or in the cache.
"use strict";

const VERSION = "@VERSION@";
const FILES = @FILES@;
const VERSIONS = @VERSIONS@; // of the parts, by path
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
  if (data === "version") ports[0].postMessage(VERSION);
});

async function kept(request) {
  const cache = await caches.open(CACHE);
  return cache.match(request, { ignoreSearch: true });
}

async function page(request) {
  const copy = await kept(request.url.split(/[?#]/)[0].replace(/\/$/, "/index.html"));
  const fresh = fetch(request, { cache: "no-cache" });
  if (!copy) return fresh;
  const patience = new Promise((resolve) => setTimeout(resolve, PATIENCE));
  const first = await Promise.race([fresh.catch(() => null), patience]);
  return first ?? copy;
}

const path = (request) =>
  request.url.slice(self.registration.scope.length).split(/[?#]/)[0];

async function part(request) {
  const version = new URL(request.url).searchParams.get("v");
  const copy = await kept(request);
  // A page that is newer than the cache asks for newer parts.
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

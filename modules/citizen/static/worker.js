// Keeps the form openable without a network; reports themselves are never answered from here.
"use strict";
const SHELF = "lt-citizen-1";
const base = new URL(".", self.location).pathname;
const kept = ["", "?lang=en", "static/citizen.css", "static/report.js", "static/track.js", "static/icon.svg"].map((name) => base + name);
self.addEventListener("install", (event) => {
  self.skipWaiting();
  event.waitUntil(caches.open(SHELF).then((shelf) => shelf.addAll(kept)));
});
self.addEventListener("activate", (event) => {
  event.waitUntil(caches.keys().then((names) => Promise.all(names.filter((name) => name.startsWith("lt-citizen-") && name !== SHELF).map((name) => caches.delete(name)))));
});
self.addEventListener("fetch", (event) => {
  const url = new URL(event.request.url);
  if (event.request.method !== "GET" || !kept.includes(url.pathname + url.search)) return;
  event.respondWith(fetch(event.request).then((answer) => {
    if (answer.ok) {
      const copy = answer.clone();
      event.waitUntil(caches.open(SHELF).then((shelf) => shelf.put(event.request, copy)));
    }
    return answer;
  }).catch(() => caches.match(event.request)));
});

// The service worker: the page opens without a network, modules come from the cache, pushes are shown.
// `BUILDHASH` is replaced when it is served, so every version is another worker.

const BUILD = "BUILDHASH";
const PAGE = "page";
/** What other apps share waits here until the page takes it. */
const SHARED = "shared";
/** Milliseconds for which a reload waits for the network. */
const PATIENCE = 3000;
/** Versions that are kept: the one of the page, and the one that a window may still show. */
const VERSIONS = 2;

/** What a page loads of its version. @param {string} html */
const modules = (html) => [...new Set(html.match(/\/web\/[0-9a-f]{8,64}\/[\w./-]+/g) ?? [])];

/** Keeps the page together with all that it needs; a version is kept whole or not at all. */
async function keepPage(answer) {
  const html = await answer.clone().text();
  const build = /\/web\/([0-9a-f]{8,64})\//.exec(html)?.[1];
  if (!build) return;
  const cache = await caches.open(build);
  const missing = [];
  for (const path of modules(html)) if (!(await cache.match(path))) missing.push(path);
  await cache.addAll(missing);
  await (await caches.open(PAGE)).put("/", answer);
  // In the order in which they were made.
  const versions = (await caches.keys()).filter((name) => ![PAGE, SHARED, build, BUILD].includes(name));
  for (const name of versions.slice(0, versions.length + 1 - VERSIONS)) await caches.delete(name);
}

/** The server's page, which is kept. */
async function fetchPage(event) {
  const found = await fetch("/", { headers: { Accept: "text/html" }, cache: "no-cache" });
  if (found.ok) event.waitUntil(keepPage(found.clone()).catch(() => {}));
  return found;
}

/** Opened, what is kept shows at once, and the server's page is there the next time. A reload asks for it. */
async function page(event) {
  const kept = () => caches.match("/", { cacheName: PAGE });
  const answer = fetchPage(event);
  if (event.request.cache === "default") {
    const here = await kept();
    if (here) event.waitUntil(answer.catch(() => {}));
    if (here) return here;
  }
  const late = new Promise((resolve) => setTimeout(resolve, PATIENCE)).then(kept);
  // A server that is starting or broken is no page.
  const first = await Promise.race([answer.catch(kept), late]);
  const isGood = first && first.status < 500;
  return isGood ? first : ((await kept()) ?? answer);
}

async function module(request) {
  return (await caches.match(request, { ignoreSearch: true })) ?? fetch(request);
}

/** Files and texts of another app (manifest.json, `share_target`): kept, and the page is told to look. */
async function keepShared(request) {
  const form = await request.formData();
  const cache = await caches.open(SHARED);
  const words = ["title", "text", "url"].map((name) => form.get(name)).filter(Boolean);
  await cache.put("/shared/text", new Response(words.join("\n")));
  for (const [i, file] of form.getAll("files").entries()) {
    const headers = { "Content-Type": file.type, "X-Name": encodeURIComponent(file.name) };
    await cache.put(`/shared/${i}`, new Response(file, { headers }));
  }
  return Response.redirect("/#shared", 303);
}

self.addEventListener("install", (event) => {
  self.skipWaiting();
  const found = fetch("/", { headers: { Accept: "text/html" }, cache: "no-cache" });
  event.waitUntil(found.then(keepPage).catch(() => {}));
});

self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));

self.addEventListener("fetch", (event) => {
  const { request } = event;
  const url = new URL(request.url);
  if (request.method === "POST" && url.pathname === "/share") event.respondWith(keepShared(request));
  if (request.method !== "GET" || url.origin !== self.location.origin) return;
  if (request.mode === "navigate" && url.pathname === "/") event.respondWith(page(event));
  else if (url.pathname.startsWith("/web/")) event.respondWith(module(request));
});

// A push says nothing but that there is something; what it is the page shows.
self.addEventListener("push", (event) => {
  const isGerman = self.navigator.language.startsWith("de");
  event.waitUntil(
    self.registration.showNotification("Messenger", {
      body: isGerman ? "Neue Nachricht" : "New message",
      tag: "push",
      icon: `/web/${BUILD}/icons/192.png`,
      data: { url: "#/" },
    }),
  );
});

// The browser has moved its subscription: the server is told where it is now.
self.addEventListener("pushsubscriptionchange", (event) => {
  const { pushManager } = self.registration;
  const subscribed = event.newSubscription ?? pushManager.subscribe(event.oldSubscription?.options);
  const tell = async () => {
    const { endpoint, keys } = (await subscribed).toJSON();
    const body = JSON.stringify({ endpoint, ...keys });
    await fetch("/push", { method: "POST", headers: { "Content-Type": "application/json" }, body });
  };
  event.waitUntil(tell().catch(() => {}));
});

self.addEventListener("notificationclick", (event) => {
  event.notification.close();
  const hash = event.notification.data?.url ?? "#/";
  event.waitUntil(
    (async () => {
      const pages = await self.clients.matchAll({ type: "window" });
      const shown = pages.find((one) => new URL(one.url).pathname === "/");
      if (!shown) return self.clients.openWindow(`/${hash}`);
      shown.postMessage({ open: hash });
      return shown.focus();
    })(),
  );
});

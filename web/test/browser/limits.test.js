// Where a browser or a server gives way: many messages, several tabs, no storage, a server that dies, less motion.

import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { after, afterEach, before, test } from "node:test";

import { attach, until, world } from "./harness.js";

let here;
before(async () => (here = await world(["--contact=open", "--account-quota=0"])));
afterEach(() => here.leave());
after(() => here.end());

const couple = (options) => here.couple(options);

/** The sockets of a page that are open. */
function sockets(page) {
  const open = new Set();
  page.on("websocket", (socket) => {
    open.add(socket);
    socket.on("close", () => open.delete(socket));
  });
  return open;
}

test("three tabs: one has the socket, all show what comes, one notifies unless one shows it; when it closes, another one takes over", async () => {
  const [alice, carol] = [await here.person("Alice"), await here.person("Carol")];
  const bob = await here.person("Bob");
  await bob.context.grantPermissions(["notifications"]);
  const notified = [];
  await bob.context.exposeBinding("notified", (_source, title) => void notified.push(title));
  await bob.context.addInitScript(() => {
    ServiceWorkerRegistration.prototype.showNotification = async (title) => window.notified(title);
    window.Notification = class extends Notification {
      constructor(title) {
        super(title);
        window.notified(title);
      }
    };
  });
  await alice.signUp();
  await carol.signUp();
  await bob.page.reload();
  await bob.signUp();
  await bob.button("Settings").click();
  await bob.page.getByRole("switch", { name: "Notifications on this device" }).check();
  await bob.page.close();
  const tabs = [];
  for (let i = 0; i < 3; i++) {
    const page = await bob.context.newPage();
    bob.watch(page);
    const open = sockets(page);
    await page.goto(bob.base);
    await page.getByRole("status", { name: "Connection" }).getByText("Connected").waitFor();
    tabs.push({ page, open });
  }
  const leaders = () => tabs.filter(({ open }) => open.size > 0);
  await until(() => leaders().length === 1, "one leader");
  await alice.start(bob);
  await alice.say("to all tabs");
  const shows = (page, text) => page.getByRole("list", { name: "Conversations" }).getByText(text).waitFor();
  for (const { page } of tabs) await shows(page, "to all tabs");
  await until(() => notified.length > 0, "a notification");
  assert.deepEqual(notified, ["Alice"]);
  const [leader] = leaders();
  tabs.splice(tabs.indexOf(leader), 1);
  await leader.page.close();
  await until(() => leaders().length === 1, "another leader");
  await alice.say("to the rest");
  for (const { page } of tabs) await shows(page, "to the rest");
  await until(() => notified.length > 1, "another notification");
  assert.deepEqual(notified, ["Alice", "Alice"]);
  const [{ page }] = tabs;
  await page.getByRole("list", { name: "Conversations" }).getByRole("link", { name: "Alice", exact: true }).click();
  await page.getByRole("heading", { level: 1, name: "Alice" }).waitFor();
  await page.bringToFront();
  await alice.say("what is on screen");
  await alice.message("what is on screen", "read").waitFor();
  await carol.start(bob);
  await carol.say("what is not");
  await until(() => notified.includes("Carol"), "a notification of what is not on screen");
  assert.deepEqual(notified, ["Alice", "Alice", "Carol"]);
});

test("without Web Locks each tab has a socket of its own, and shows what comes", async () => {
  const [alice, bob] = [await here.person("Alice"), await here.person("Bob")];
  await bob.context.addInitScript(() => Object.defineProperty(Navigator.prototype, "locks", { value: undefined }));
  await bob.page.reload();
  await alice.signUp();
  await bob.signUp();
  const tabs = [];
  for (let i = 0; i < 2; i++) {
    const page = await bob.context.newPage();
    bob.watch(page);
    const open = sockets(page);
    await page.goto(bob.base);
    await page.getByRole("status", { name: "Connection" }).getByText("Connected").waitFor();
    tabs.push({ page, open });
  }
  assert.deepEqual(
    tabs.map(({ open }) => open.size),
    [1, 1],
  );
  await alice.start(bob);
  await alice.say("to each tab");
  for (const { page } of tabs)
    await page.getByRole("list", { name: "Conversations" }).getByText("to each tab").waitFor();
});

/** What stands in the way of IndexedDB, by what the browser does. */
const BROKEN = {
  "IndexedDB cannot be opened": () => {
    IDBFactory.prototype.open = () => {
      throw new DOMException("blocked", "SecurityError");
    };
  },
  "every write exceeds the quota": () => {
    for (const name of ["put", "add"])
      IDBObjectStore.prototype[name] = () => {
        throw new DOMException("full", "QuotaExceededError");
      };
  },
};
for (const [what, breakIt] of Object.entries(BROKEN))
  test(`${what}: signing up, sending and receiving work, and a notice says what is lost`, async () => {
    const alice = await here.person("Alice");
    const bob = await here.person("Bob");
    await bob.context.addInitScript(breakIt);
    await bob.page.reload();
    await alice.signUp();
    await bob.signUp();
    await bob.page.getByText("This browser stores nothing here").waitFor();
    await bob.start(alice);
    await bob.say("without a store");
    await alice.chat("Bob").click();
    await alice.message("without a store").waitFor();
    await alice.say("an answer");
    await bob.message("an answer").waitFor();
    await bob.page.reload();
    await bob.arrive();
    await bob.chat("Alice").click();
    await bob.message("an answer").waitFor();
  });

test("the database is deleted while somebody is logged in: it is made again, and the page goes on", async () => {
  const [alice, bob] = await couple();
  await bob.page.evaluate(
    () =>
      new Promise((resolve, reject) => {
        const request = indexedDB.deleteDatabase("messenger");
        request.onsuccess = () => resolve(null);
        request.onerror = () => reject(request.error);
      }),
  );
  await bob.say("still here");
  await alice.message("still here").waitFor();
  await bob.page.reload();
  await bob.arrive();
  await bob.chat("Alice").click();
  await bob.message("still here").waitFor();
});

test("the server is killed in the middle of an upload: it goes on from where it was, and the message arrives", async () => {
  const [alice, bob] = await couple();
  const buffer = randomBytes(14 << 20);
  const devtools = await alice.context.newCDPSession(alice.page);
  await devtools.send("Network.enable");
  const speed = (uploadThroughput) =>
    devtools.send("Network.emulateNetworkConditions", {
      offline: false,
      latency: 0,
      downloadThroughput: -1,
      uploadThroughput,
    });
  await speed(3 << 20);
  const offsets = [];
  alice.page.on("request", (request) => {
    if (request.method() === "PATCH") offsets.push(Number(request.headers()["upload-offset"]));
  });
  await attach(alice, { name: "film.bin", mimeType: "application/octet-stream", buffer });
  const progress = alice.page.locator("progress").first();
  await until(async () => (await progress.evaluate((bar) => bar.value)) > 0.7, "most of the upload");
  await alice.say("a film");
  await here.kill();
  const before = offsets.length;
  await here.restart();
  await speed(-1);
  await bob
    .message("a film, film.bin")
    .or(bob.page.getByRole("link", { name: "film.bin" }))
    .first()
    .waitFor({ timeout: 60_000 });
  assert.ok(offsets[before] > 0, `went on at ${offsets[before]}`);
  const href = await bob.page.getByRole("link", { name: "film.bin" }).getAttribute("href");
  const hash = await bob.page.evaluate(async (href) => {
    const bytes = await (await fetch(href)).arrayBuffer();
    const digest = await crypto.subtle.digest("SHA-256", bytes);
    return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, "0")).join("");
  }, href);
  assert.equal(hash, createHash("sha256").update(buffer).digest("hex"));
});

test("with reduced motion nothing moves by itself", async () => {
  const [, bob] = await couple({ reducedMotion: "reduce" });
  const moving = () =>
    bob.page.evaluate(() => {
      const lasts = (times) => times.split(",").some((time) => parseFloat(time) > 0);
      const all = [...document.querySelectorAll("*")].filter((node) => {
        const style = getComputedStyle(node);
        return lasts(style.transitionDuration) || (style.animationName !== "none" && lasts(style.animationDuration));
      });
      return [...all.map((node) => node.className), ...document.getAnimations().map(String)];
    });
  assert.deepEqual(await moving(), []);
  await bob.button("Settings").click();
  assert.deepEqual(await moving(), []);
});

// Web Push: Settings subscribe this device, the server sends to its push service, the service worker shows it. Chromium has no
// push service here, so the subscription is made by the test, and the push is handed to the browser by the DevTools protocol.

import assert from "node:assert/strict";
import { createServer } from "node:http";
import { after, afterEach, before, test } from "node:test";

import { until, world } from "./harness.js";

const { subtle } = globalThis.crypto;
const encode = (/** @type {ArrayBuffer | Uint8Array} */ bytes) =>
  Buffer.from(/** @type {any} */ (bytes)).toString("base64url");

/** What was sent to the push service. @type {{path: string, headers: any, body: Buffer}[]} */
const pushes = [];
const service = createServer((request, answer) => {
  /** @type {Buffer[]} */
  const parts = [];
  request.on("data", (part) => parts.push(part));
  request.on("end", () => {
    pushes.push({ path: request.url ?? "", headers: request.headers, body: Buffer.concat(parts) });
    answer.writeHead(201).end();
  });
});

let here;
let origin = "";
before(async () => {
  await new Promise((resolve) => service.listen(0, "127.0.0.1", () => resolve(null)));
  origin = `http://127.0.0.1:${/** @type {any} */ (service.address()).port}`;
  here = await world(["--push-allow", origin, "--contact", "open"]);
});
afterEach(() => here.leave());
after(async () => {
  await here.end();
  service.close();
});

/** The keys of a browser: RFC 8291. */
async function browserKeys() {
  const pair = await subtle.generateKey({ name: "ECDH", namedCurve: "P-256" }, true, ["deriveBits"]);
  const secret = globalThis.crypto.getRandomValues(new Uint8Array(16));
  return { pair, secret, public: new Uint8Array(await subtle.exportKey("raw", pair.publicKey)) };
}

/** RFC 8188 and 8291, by the Web Crypto API. @param {Buffer} body */
async function decrypt(keys, body) {
  const salt = body.subarray(0, 16);
  const length = body[20];
  const sender = body.subarray(21, 21 + length);
  const theirs = await subtle.importKey("raw", sender, { name: "ECDH", namedCurve: "P-256" }, false, []);
  const shared = await subtle.deriveBits({ name: "ECDH", public: theirs }, keys.pair.privateKey, 256);
  const expand = async (input, salt, info, bits) => {
    const key = await subtle.importKey("raw", input, "HKDF", false, ["deriveBits"]);
    return subtle.deriveBits({ name: "HKDF", hash: "SHA-256", salt, info }, key, bits);
  };
  const info = Buffer.concat([Buffer.from("WebPush: info\0"), keys.public, sender]);
  const input = await expand(shared, keys.secret, info, 256);
  const key = await expand(input, salt, Buffer.from("Content-Encoding: aes128gcm\0"), 128);
  const iv = await expand(input, salt, Buffer.from("Content-Encoding: nonce\0"), 96);
  const cipher = await subtle.importKey("raw", key, "AES-GCM", false, ["decrypt"]);
  const text = await subtle.decrypt({ name: "AES-GCM", iv }, cipher, body.subarray(21 + length));
  const padded = Buffer.from(text);
  return padded.subarray(0, padded.lastIndexOf(2)).toString();
}

/** Gives the pages of somebody a push service. @param {import("./harness.js").Person} person */
async function withPushService(person, path) {
  const keys = await browserKeys();
  await person.context.grantPermissions(["notifications"]);
  const json = { endpoint: origin + path, keys: { p256dh: encode(keys.public), auth: encode(keys.secret) } };
  await person.context.addInitScript((/** @type {any} */ json) => {
    let made = null;
    PushManager.prototype.getSubscription = async () => made;
    PushManager.prototype.subscribe = async ({ applicationServerKey }) => {
      made = { options: { applicationServerKey: applicationServerKey.buffer }, toJSON: () => json };
      made.unsubscribe = async () => ((made = null), true);
      return made;
    };
  }, json);
  await person.page.reload();
  return keys;
}

test("a closed page is told by a push that says nothing, and the notification opens it", async () => {
  const [alice, bob] = [await here.person("Alice"), await here.person("Bob")];
  const keys = await withPushService(bob, "/bob");
  await alice.signUp();
  await bob.signUp();
  await alice.start(bob);
  await bob.button("Settings").click();
  const push = bob.page.getByRole("switch", { name: "Push messages when this page is closed" });
  await push.check();
  await until(async () => bob.page.evaluate(async () => (await navigator.serviceWorker.ready).active !== null));
  assert.ok(await push.isChecked());
  await bob.page.close();
  await alice.say("a secret");
  await until(() => pushes.some(({ path }) => path === "/bob"), "a push");
  const [sent] = pushes;
  const text = await decrypt(keys, sent.body);
  assert.deepEqual(JSON.parse(text), { type: "new" });
  assert.match(sent.headers.authorization, /^vapid t=[\w-]+\.[\w-]+\.[\w-]+, k=[\w-]+$/);

  // A page of the same browser that is not the client.
  bob.page = await bob.context.newPage();
  await bob.page.goto(`${here.base}/livez`);
  const devtools = await bob.context.newCDPSession(bob.page);
  const registered = new Promise((resolve) =>
    devtools.on("ServiceWorker.workerRegistrationUpdated", ({ registrations }) => {
      if (registrations.length > 0) resolve(registrations[0]);
    }),
  );
  await devtools.send("ServiceWorker.enable");
  const { registrationId } = /** @type {any} */ (await registered);
  await devtools.send("ServiceWorker.deliverPushMessage", { origin: here.base, registrationId, data: text });
  const shown = () =>
    bob.page.evaluate(async () => {
      const registration = await navigator.serviceWorker.getRegistration("/");
      const all = (await registration?.getNotifications()) ?? [];
      return all.map(({ title, body }) => ({ title, body }));
    });
  await until(async () => (await shown()).length === 1, "a notification");
  assert.deepEqual(await shown(), [{ title: "Messenger", body: "New message" }]);
});

test("a device that turns push off is told nothing more", async () => {
  const [alice, bob] = [await here.person("Alice"), await here.person("Bob")];
  await withPushService(bob, "/first");
  await alice.signUp();
  await bob.signUp();
  await alice.start(bob);
  await bob.button("Settings").click();
  const push = bob.page.getByRole("switch", { name: "Push messages when this page is closed" });
  const answered = (/** @type {string} */ method) =>
    bob.page.waitForResponse((answer) => answer.url().endsWith("/push") && answer.request().method() === method);
  const on = answered("POST");
  await push.check();
  assert.equal((await on).status(), 204);
  const off = answered("DELETE");
  await push.uncheck();
  assert.equal((await off).status(), 204);
  // Somebody who is subscribed shows when the server has sent what there was.
  const carol = await here.person("Carol");
  await withPushService(carol, "/second");
  await carol.signUp();
  await carol.button("Settings").click();
  await carol.page.getByRole("switch", { name: "Push messages when this page is closed" }).check();
  await until(() => carol.page.evaluate(async () => (await navigator.serviceWorker.ready).active !== null));
  await carol.page.close();
  await bob.page.close();
  await alice.say("to Bob");
  await alice.start(carol);
  await alice.say("to Carol");
  await until(() => pushes.some(({ path }) => path === "/second"), "a push to Carol");
  assert.ok(!pushes.some(({ path }) => path === "/first"));
});

test("the subscription is said again at each start", async () => {
  const bob = await here.person("Bob");
  await withPushService(bob, "/again");
  await bob.signUp();
  await bob.button("Settings").click();
  const said = () =>
    bob.page.waitForResponse((answer) => answer.url().endsWith("/push") && answer.request().method() === "POST");
  const first = said();
  await bob.page.getByRole("switch", { name: "Push messages when this page is closed" }).check();
  assert.equal((await first).status(), 204);
  const again = said();
  await bob.page.reload();
  assert.equal((await again).status(), 204);
  await bob.arrive();
});

test("where browsers forbid it, Settings say why and what to do", async () => {
  const alice = await here.person("Alice");
  await alice.context.addInitScript(() => {
    Object.defineProperty(window, "isSecureContext", { value: false });
  });
  await alice.page.reload();
  await alice.signUp();
  await alice.button("Settings").click();
  const dialog = alice.page.getByRole("dialog", { name: "Settings" });
  await dialog.getByText(/only on https:.*Ask whoever runs the server to set up https/).waitFor();
  assert.equal(await dialog.getByRole("switch", { name: /^Push messages/ }).count(), 0);
});

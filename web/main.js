// Starts the client: makes the parts, and does what the reducer wants done.

import { handle, setState, store } from "./boot.js";
import { reduce } from "./core/reduce.js";
import { nameOf, personName } from "./core/select.js";
import { hashOf } from "./core/state.js";
import { cut, visible } from "./core/text.js";
import { createDb } from "./store/db.js";
import { createTabs } from "./store/tabs.js";
import { calls, fileMax, serverBuild, ticket } from "./wire/api.js";
import { build } from "./wire/build.js";
import { abilities, askPermission, beep, hide, show, subscribePush, unsubscribePush } from "./wire/notify.js";
import { createSocket } from "./wire/socket.js";

/** @import {Effect, Event, Key} from "./core/types.js" */

/** Milliseconds between two notes to the other tabs of what this one shows, and for which acknowledgements gather. */
const LOOK_EVERY = 15_000;
const ACK_AFTER = 100;
/** Milliseconds between two looks whether the server has another version. */
const BUILD_EVERY = 10 * 60_000;

// ------------------------------------------------------------------------------------------------------------ the flow

/** @param {Event} event */
function dispatch(event) {
  const before = store.state;
  const { state, effects } = reduce(before, { ...event, now: Date.now(), ref: event.ref ?? newRef() });
  setState(state);
  if (state !== before) {
    if (state.open !== before.open || state.focused !== before.focused) tabs.look(state.open, state.focused);
  }
  for (const effect of effects) run(effect);
}

/** Random, 22 characters; `crypto.randomUUID` is missing on plain http. */
function newRef() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return btoa(String.fromCharCode(...bytes)).replace(/[+/=]/g, (sign) => ({ "+": "-", "/": "_" })[sign] ?? "");
}

// ----------------------------------------------------------------------------------------------------------- the edges

const db = createDb((trouble) => dispatch({ type: "storage", ...trouble }));

const socket = createSocket({
  url: () => document.documentElement.dataset.chat || `${location.origin.replace(/^http/, "ws")}/ws`,
  ticket,
  since: () => store.state.seq,
  onFrame(frame) {
    tabs.relay(frame);
    dispatch({ type: "frame", frame });
    if (frame.type === "welcome") lookForBuild();
  },
  onLink(link) {
    dispatch({ type: "link", ...link });
    if (tabs.isShared) tabs.tell({ type: "link", ...link });
  },
});

const tabs = createTabs({
  onLead() {
    dispatch({ type: "leader", leader: true });
    if (store.state.phase === "in") socket.connect();
    else tabs.tell({ type: "in.other" });
  },
  // To the new one it looks like a connection of its own.
  onJoin() {
    const { me, seq, connection } = store.state;
    const { status, retryAt, attempt } = connection;
    if (!me || status !== "connected") return tabs.tell({ type: "link", status, retryAt, attempt });
    tabs.relay({ type: "welcome", ...me, seq, head: seq, now: Date.now() + store.state.clock.offset, recovered: true });
    setTimeout(() => dispatch({ type: "timer", name: "watch" }), 500);
  },
  onFrame: (frame) => dispatch({ type: "frame", frame }),
  onSend: (frame) => socket.send(frame),
  onEvent: (event) => dispatch(event),
});

/** Loaded with the first file. */
const uploads = once(async () => {
  const { createUploads } = await import("./store/uploads.js");
  const tell = (/** @type {string} */ id, /** @type {any} */ set) => dispatch({ type: "upload", id, set });
  return createUploads(db, (id) => store.state.uploads[id], tell);
});

/** @template T @param {() => Promise<T>} make @returns {() => Promise<T>} */
function once(make) {
  /** @type {Promise<T> | undefined} */
  let made;
  // A module that could not be loaded is asked for again the next time.
  return () => (made ??= make().catch((error) => ((made = undefined), Promise.reject(error))));
}

// --------------------------------------------------------------------------------------------------------- the effects

/** @type {Map<string, number>} */
const timers = new Map();
/** Those that begin anew when they are set again. */
const RESTART = new Set(["search", "typing"]);

/** @param {string} name @param {number} ms */
function setTimer(name, ms) {
  if (timers.has(name) && !RESTART.has(name)) return;
  clearTimeout(timers.get(name));
  const end = () => {
    timers.delete(name);
    dispatch({ type: "timer", name });
  };
  timers.set(name, setTimeout(end, ms));
}

/** @param {string} call @param {any} args */
async function make(call, args) {
  try {
    const value = call === "picture" ? await changePicture(args.file) : await calls[call](args);
    dispatch({ type: "called", call, value, args });
    if (call === "session" || call === "login") afterLogin();
  } catch (/** @type {any} */ error) {
    if (error?.status === undefined) throw error;
    dispatch({ type: "refused", call, error, args });
  }
}

/** @param {File | null} file */
async function changePicture(file) {
  if (!file) return calls.change({ picture: null });
  const { portrait } = await import("./wire/picture.js");
  const { create, send } = await import("./wire/upload.js");
  const blob = await portrait(file).catch(() => null);
  if (!blob) throw { status: 400, code: "no_picture", message: "This file is no picture that can be shown." };
  const id = await create(blob, { filename: "picture.jpg", filetype: blob.type });
  await send(id, blob, () => {}, new AbortController().signal);
  return calls.change({ picture: id });
}

function afterLogin() {
  fileMax().then(
    (max) => max && dispatch({ type: "limits", set: { fileMax: max } }),
    () => {},
  );
  // Browsers change subscriptions as they like: it is said again at each start.
  if (store.state.settings.push && store.state.abilities.push) subscribePush().catch(() => {});
}

let ack = 0;
/** @param {Extract<Effect, {type: "save"}>} effect */
async function save(effect) {
  if (effect.own || tabs.isLeader) await db.save(effect.write);
  if (effect.ack <= ack || !tabs.isLeader) return;
  if (ack === 0) setTimeout(acknowledge, ACK_AFTER);
  ack = effect.ack;
}

function acknowledge() {
  socket.send({ type: "received", seq: ack });
  ack = 0;
}

/** @param {Key} key @param {number} id @param {number} [tries] */
async function notify(key, id, tries = 0) {
  const { open, focused, settings, conversations, people } = store.state;
  const isNameless = conversations[key]?.name === null;
  // A first message's name is being asked for.
  if (isNameless && tries < 5) return void setTimeout(() => notify(key, id, tries + 1), 200);
  if ((focused && open === key) || tabs.isSeen(key) || !(await tabs.isSpeaker(hashOf(key, id)))) return;
  const last = conversations[key]?.last;
  const sounded = settings.sound && beep();
  if (!settings.notifications) return;
  const isGroup = key[0] === "g";
  const text = last ? last.content || (last.files ?? []).map((file) => file.name).join(", ") : "";
  const by = isGroup && last && people[last.from] ? `${personName(store.state, last.from)}: ` : "";
  const url = hashOf(key, id);
  // One sound: the system's only where this page may not play its own.
  const silent = !settings.sound || sounded;
  show({ title: nameOf(store.state, key), body: by + visible(cut(text, 160)), tag: key, url, silent }, () => goTo(url));
}

/** @param {boolean} on */
async function setPush(on) {
  try {
    if (on) await subscribePush();
    else await unsubscribePush();
    dispatch({ type: "settings", set: { push: on } });
  } catch {
    dispatch({ type: "push.refused" });
  }
  dispatch({ type: "abilities", set: abilities() });
}

/** @param {unknown} value @param {string} name */
function download(value, name) {
  const url = URL.createObjectURL(new Blob([JSON.stringify(value, null, 2)], { type: "application/json" }));
  Object.assign(document.createElement("a"), { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}

/** @param {string} hash @param {boolean} [replace] */
function setHash(hash, replace) {
  const isNone = hash === "#/" && (location.hash === "" || location.hash === "#/");
  if (location.hash === hash || isNone) return;
  // Unlike a change of `location.hash` these say nothing of it: the state knows already.
  if (replace) history.replaceState(null, "", hash);
  else history.pushState(null, "", hash);
}

/** Opens what a notification is about; before somebody is logged in the address waits. @param {string} hash */
function goTo(hash) {
  setHash(hash);
  dispatch({ type: "route", hash });
}

/** @type {{[T in Effect["type"]]: (effect: Extract<Effect, {type: T}>) => unknown}} */
const EFFECTS = {
  frame: ({ frame }) => (tabs.isLeader ? socket.send(frame) : tabs.send(frame)),
  call: ({ call, args }) => make(call, args),
  timer: ({ name, ms }) => setTimer(name, ms),
  connect: () => (tabs.isLeader ? socket.connect() : tabs.join()),
  disconnect: () => (tabs.isLeader ? socket.disconnect() : undefined),
  probe: () => (tabs.isLeader ? socket.probe() : undefined),
  cache: async ({ key }) => dispatch({ type: "cached", key, messages: await db.messages(key) }),
  save,
  wipe: ({ all }) => db.wipe(all),
  route: () => dispatch({ type: "route", hash: location.hash }),
  hash: ({ hash, replace }) => setHash(hash, replace),
  prepare: async ({ id, file }) => (await uploads()).prepare(id, file),
  upload: async ({ id }) => (await uploads()).start(id),
  "upload.stop": async ({ id, file }) => (await uploads()).stop(id, file),
  // What is said of it is in the state after this step, and of several messages the last.
  notify: ({ key, id }) => setTimeout(() => notify(key, id), 50),
  unnotify: ({ key }) => hide(key),
  permission: async () => dispatch({ type: "abilities", set: { notifications: await askPermission() } }),
  push: ({ on }) => setPush(on),
  download: ({ value, name }) => download(value, name),
  tell: ({ event }) => tabs.tell(event),
  reload: () => location.reload(),
};

/** @param {Effect} effect */
function run(effect) {
  /** @type {any} */ (EFFECTS[effect.type])(effect);
}

// ----------------------------------------------------------------------------------------------------------- the start

let lookedAt = 0;

/** Whether the server has another version than this page, which may be the one that the device kept. */
async function lookForBuild() {
  if (!build || Date.now() - lookedAt < 1000) return;
  lookedAt = Date.now();
  const found = await serverBuild().catch(() => "");
  if (found) dispatch({ type: "update", build: found });
}

/** What the service worker keeps of another app. */
async function takeShared() {
  const cache = await caches.open("shared");
  let text = "";
  /** @type {File[]} */
  const files = [];
  for (const { url } of await cache.keys()) {
    const kept = await cache.match(url);
    if (!kept) continue;
    if (url.endsWith("/text")) text = await kept.text();
    else {
      const name = decodeURIComponent(kept.headers.get("X-Name") ?? "file");
      files.push(new File([await kept.blob()], name, { type: kept.headers.get("Content-Type") ?? "" }));
    }
  }
  await caches.delete("shared");
  if (text || files.length > 0) dispatch({ type: "shared", text, files });
}

function setFocus() {
  const focused = document.visibilityState === "visible" && document.hasFocus();
  dispatch({ type: "focus", focused });
  // What a push has announced is on the screen.
  if (focused) hide("push");
  if (focused && Date.now() - lookedAt > BUILD_EVERY) lookForBuild();
}

/** Only this one script address may be made of a string. */
function registerServiceWorker() {
  if (!("serviceWorker" in navigator)) return;
  const { trustedTypes } = /** @type {any} */ (window);
  /** @param {string} url */
  const check = (url) => {
    if (url !== "/sw.js") throw new TypeError(`no script address: ${url}`);
    return url;
  };
  const policy = trustedTypes?.createPolicy("app", { createScriptURL: check });
  navigator.serviceWorker.register(policy ? policy.createScriptURL("/sw.js") : "/sw.js").catch(() => {});
  navigator.serviceWorker.addEventListener("message", ({ data }) => {
    if (typeof data?.open === "string") goTo(data.open);
  });
}

export async function start() {
  dispatch({ type: "abilities", set: abilities() });
  for (const type of ["focus", "blur"]) addEventListener(type, setFocus);
  document.addEventListener("visibilitychange", setFocus);
  addEventListener("hashchange", () => dispatch({ type: "route", hash: location.hash }));
  let forget = () => {};
  addEventListener("pagehide", () => (forget = db.leave()));
  addEventListener("pageshow", () => forget());
  // Offline too: the connection of a network that has gone says nothing.
  for (const type of ["online", "offline"]) addEventListener(type, () => run({ type: "probe" }));
  setInterval(() => tabs.look(store.state.open, store.state.focused), LOOK_EVERY);
  const saved = await db.load();
  dispatch({ type: "start.loaded", saved });
  if (location.hash === "#shared") {
    setHash("#/", true);
    await takeShared().catch(() => {});
  }
  dispatch({ type: "route", hash: location.hash });
  setFocus();
  handle(dispatch);
  tabs.start();
  registerServiceWorker();
}

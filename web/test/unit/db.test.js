// The device's database, on an IndexedDB of its own.

import assert from "node:assert/strict";
import { test } from "node:test";

import fake from "fake-indexeddb";
import FDBFactory from "fake-indexeddb/lib/FDBFactory";
import FDBKeyRange from "fake-indexeddb/lib/FDBKeyRange";

import { createDb } from "../../store/db.js";
import { said } from "./play.js";

assert.ok(fake);
globalThis.IDBKeyRange = FDBKeyRange;

/** @returns {{db: ReturnType<typeof createDb>, factory: any, troubles: any[]}} */
function open(factory = new FDBFactory()) {
  const troubles = [];
  return { db: createDb((trouble) => troubles.push(trouble), factory), factory, troubles };
}

test("what is saved is there after a reload", async () => {
  const { db, factory } = open();
  const draft = { text: "half", reply: null, editing: null, kept: "", uploads: [], turn: 1 };
  const outgoing = { ref: "r1", key: "u2", content: "hi", at: 1, uploads: [], error: null };
  await db.save([
    { put: "meta", name: "me", value: { id: 1, name: "Alice" } },
    { put: "meta", name: "seq", value: 12 },
    { put: "draft", key: "u2", value: draft },
    { put: "outgoing", value: outgoing },
    { put: "messages", key: "u2", messages: [said(1), said(2)] },
    { put: "messages", key: "u3", messages: [said(3)] },
  ]);
  const again = open(factory).db;
  const saved = await again.load();
  assert.equal(saved.me?.name, "Alice");
  assert.equal(saved.seq, 12);
  assert.deepEqual(saved.drafts.u2, draft);
  assert.deepEqual(saved.outgoing, [outgoing]);
  assert.deepEqual(await again.messages("u2"), [said(1), said(2)]);
});

test("that somebody is logged in is known where IndexedDB has lost it, until they log out", async () => {
  const kept = new Map();
  globalThis.localStorage = {
    getItem: (key) => kept.get(key) ?? null,
    setItem: (key, value) => kept.set(key, value),
    removeItem: (key) => kept.delete(key),
  };
  const { db } = open();
  assert.equal((await db.load()).known, false);
  await db.save([{ put: "meta", name: "me", value: { id: 1, name: "Alice" } }]);
  const emptied = await open().db.load();
  assert.deepEqual([emptied.me, emptied.known], [null, true]);
  await db.wipe(false);
  assert.equal((await db.load()).known, false);
  delete globalThis.localStorage;
  assert.equal((await db.load()).known, true, "a browser that keeps nothing does not know");
});

test("what was typed just before the page went away is there, also if the database did not get it", async () => {
  const kept = new Map();
  globalThis.localStorage = {
    get length() {
      return kept.size;
    },
    key: (i) => [...kept.keys()][i],
    getItem: (key) => kept.get(key) ?? null,
    setItem: (key, value) => kept.set(key, value),
    removeItem: (key) => kept.delete(key),
  };
  const draft = (text) => ({ text, reply: null, editing: null, kept: "", uploads: [], turn: 1 });
  const { db } = open();
  db.save([{ put: "draft", key: "u2", value: draft("hel") }]);
  db.save([{ put: "draft", key: "u2", value: draft("hello") }]);
  db.leave();
  const again = open();
  assert.equal((await again.db.load()).drafts.u2.text, "hello");
  assert.deepEqual((await open(again.factory).db.load()).drafts.u2, draft("hello"), "it was written");
  // A page that comes back goes on by itself, and what is written is not kept.
  const back = db.leave();
  back();
  await db.save([]);
  await db.save([{ put: "draft", key: "u2", value: draft("hello there") }]);
  db.leave();
  assert.equal(kept.size, 0);
  delete globalThis.localStorage;
});

test("an event changes a message that is not loaded", async () => {
  const { db } = open();
  await db.save([{ put: "messages", key: "u2", messages: [said(1), said(2)] }]);
  await db.save([
    { patch: 1, change: { content: "new", edited_at: 5 } },
    { patch: 2, change: { deleted: true } },
    { patch: 99, change: { content: "nobody" } },
  ]);
  const [first, second] = await db.messages("u2");
  assert.equal(first.content, "new");
  assert.equal(second.deleted, true);
  assert.equal(second.content, "");
});

test("messages of a conversation, or one of them, are dropped", async () => {
  const { db } = open();
  await db.save([{ put: "messages", key: "u2", messages: [said(1), said(2)] }]);
  await db.save([{ put: "messages", key: "u3", messages: [said(3)] }]);
  await db.save([{ drop: "messages", key: "u0", id: 1 }]);
  assert.equal((await db.messages("u2")).length, 1);
  await db.save([{ drop: "messages", key: "u2" }]);
  assert.equal((await db.messages("u2")).length, 0);
  assert.equal((await db.messages("u3")).length, 1);
});

test("of one save the later write counts", async () => {
  const { db } = open();
  await db.save([{ put: "messages", key: "u2", messages: [said(1), said(2)] }]);
  await db.save([
    { drop: "messages", key: "u2" },
    { put: "messages", key: "u2", messages: [said(2)] },
    { patch: 2, change: { content: "edited" } },
    { put: "messages", key: "u2", messages: [said(2, 2, { content: "latest" })] },
  ]);
  assert.deepEqual(await db.messages("u2"), [said(2, 2, { content: "latest" })]);
});

test("an ended session leaves what was typed; a logout leaves nothing", async () => {
  const { db } = open();
  const draft = { text: "half", reply: null, editing: null, kept: "", uploads: [], turn: 1 };
  await db.save([
    { put: "draft", key: "u2", value: draft },
    { put: "messages", key: "u2", messages: [said(1)] },
    { put: "meta", name: "me", value: { id: 1 } },
    { put: "meta", name: "seq", value: 12 },
    { put: "meta", name: "settings", value: { theme: "dark" } },
  ]);
  await db.wipe(false);
  let saved = await db.load();
  assert.equal(saved.drafts.u2.text, "half");
  assert.equal(saved.seq, 0);
  assert.equal((await db.messages("u2")).length, 0);
  await db.wipe(true);
  saved = await db.load();
  assert.deepEqual(saved.drafts, {});
  assert.equal(saved.me, null);
  assert.equal(saved.settings.theme, "dark");
});

test("where nothing can be kept everything is answered all the same, and it is told", async () => {
  const broken = { open: () => assert.fail("no disk") };
  const { db, troubles } = open(/** @type {any} */ (broken));
  assert.deepEqual((await db.load()).outgoing, []);
  await db.save([{ put: "meta", name: "seq", value: 1 }]);
  assert.deepEqual(await db.messages("u2"), []);
  const blob = new Blob(["x"]);
  await db.putBlob("f", blob);
  assert.equal(await db.blob("f"), blob);
  assert.ok(troubles.length > 0 && troubles.every(({ ok, reason }) => !ok && reason === "failed"));
});

test("a database that is deleted under its hands is made again", async () => {
  const { db, factory, troubles } = open();
  await db.save([{ put: "meta", name: "seq", value: 1 }]);
  await new Promise((resolve) => (factory.deleteDatabase("messenger").onsuccess = resolve));
  await db.save([{ put: "meta", name: "seq", value: 2 }]);
  assert.equal((await db.load()).seq, 2);
  assert.deepEqual(troubles, []);
});

test("a newer page's database: this one says so and leaves it alone", async () => {
  const factory = new FDBFactory();
  await new Promise((resolve) => {
    const request = factory.open("messenger", 99);
    request.onsuccess = () => (request.result.close(), resolve(null));
  });
  const { db, troubles } = open(factory);
  await db.load();
  await db.save([{ put: "meta", name: "seq", value: 2 }]);
  assert.deepEqual(troubles, [{ ok: false, reason: "other_version" }]);
});

test("a newer page may upgrade while this one is open", async () => {
  const { db, factory } = open();
  await db.load();
  const upgraded = await new Promise((resolve) => {
    const request = factory.open("messenger", 99);
    request.onsuccess = () => resolve(true);
    request.onblocked = () => resolve(false);
  });
  assert.equal(upgraded, true);
});

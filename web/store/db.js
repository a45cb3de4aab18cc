// What this device keeps: IndexedDB, or only memory where that does not work. Then everything works but a reload forgets.

import { changed } from "../core/timeline.js";
import { isKnown, setKnown } from "./known.js";
import { forgetUnsaved, keepUnsaved, takeUnsaved } from "./unsaved.js";

/** @import {Key, Message, Saved, Write} from "../core/types.js" */

const NAME = "messenger";
/** One more whenever a store is added; stores are never changed, so that an older page can go on until it is reloaded. */
const VERSION = 1;
const STORES = ["messages", "conversations", "people", "meta", "drafts", "outgoing", "asked", "uploads", "blobs"];
/** What stays when a session ends without the person's wish: what was typed. */
const TYPED = ["meta", "drafts", "outgoing", "asked", "uploads", "blobs"];
/** Messages read at the start of a conversation. */
const READ_MAX = 100;

/** @template T @param {IDBRequest<T>} request @returns {Promise<T>} */
const done = (request) =>
  new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });

/** @param {IDBTransaction} transaction @returns {Promise<void>} */
const committed = (transaction) =>
  new Promise((resolve, reject) => {
    transaction.oncomplete = () => resolve();
    transaction.onerror = transaction.onabort = () => reject(transaction.error);
  });

/** @param {Key} key */
const inside = (key) => IDBKeyRange.bound([key, 0], [key, Infinity]);

/**
 * @param {(trouble: {ok: boolean, reason?: "failed" | "other_version"}) => void} onTrouble
 * @param {IDBFactory | undefined} [factory]
 */
export function createDb(onTrouble, factory = globalThis.indexedDB) {
  /** @type {IDBDatabase | null} */
  let open = null;
  let isClosed = false;
  /** @type {Map<string, Blob>} files of this page, if nothing can be kept */
  const blobs = new Map();
  /** @type {{write: Write[], resolve: () => void}[]} */
  let queue = [];
  /** What is being written. @type {typeof queue} */
  let writing = [];
  let isWriting = false;

  /** @returns {Promise<IDBDatabase>} */
  async function database() {
    if (isClosed || !factory) throw new Error("closed");
    if (open) return open;
    const request = factory.open(NAME, VERSION);
    request.onupgradeneeded = () => {
      const db = request.result;
      for (const name of STORES) if (!db.objectStoreNames.contains(name)) make(db, name);
    };
    const db = await done(request);
    db.onversionchange = () => {
      // A newer page wants to change the stores, or somebody deletes them: never in its way.
      db.close();
      open = null;
    };
    db.onclose = () => (open = null);
    open = db;
    return db;
  }

  /** @param {IDBDatabase} db @param {string} name */
  function make(db, name) {
    const keyPath = { messages: "id", conversations: "key", people: "id", outgoing: "ref", uploads: "id" }[name];
    const store = db.createObjectStore(name, keyPath ? { keyPath } : {});
    if (name === "messages") store.createIndex("place", ["key", "id"]);
  }

  /** @template T @param {() => Promise<T>} work @param {T} otherwise @returns {Promise<T>} */
  async function attempt(work, otherwise) {
    for (let tries = 0; ; tries++) {
      try {
        return await work();
      } catch (/** @type {any} */ error) {
        // Closed under our hands: once more with a new one.
        const wasClosed = error?.name === "InvalidStateError" || error?.name === "AbortError";
        open = null;
        if (wasClosed && tries === 0 && !isClosed) continue;
        if (error?.name === "VersionError") {
          isClosed = true;
          onTrouble({ ok: false, reason: "other_version" });
        } else if (!isClosed) onTrouble({ ok: false, reason: "failed" });
        return otherwise;
      }
    }
  }

  /** @param {Write[]} writes */
  async function commit(writes) {
    const db = await database();
    const transaction = db.transaction(STORES, "readwrite");
    const ended = committed(transaction);
    const store = (/** @type {string} */ name) => transaction.objectStore(name);
    // One after another: a later write must not be overtaken by an earlier one that has to read first.
    for (const write of writes) await apply(write, store);
    await ended;
  }

  /** One transaction at a time; what comes meanwhile goes into the next one together. */
  async function pump() {
    if (isWriting) return;
    isWriting = true;
    while (queue.length > 0) {
      writing = queue;
      queue = [];
      await attempt(() => commit(writing.flatMap(({ write }) => write)), undefined);
      for (const { resolve } of writing.splice(0)) resolve();
    }
    isWriting = false;
  }

  return {
    /** @returns {Promise<Saved>} */
    async load() {
      // Taken once, however often it is tried to write it.
      const unsaved = takeUnsaved();
      const saved = await attempt(async () => {
        if (unsaved.length > 0) await commit(unsaved);
        const db = await database();
        const transaction = db.transaction(STORES, "readonly");
        const all = (/** @type {string} */ name) => done(transaction.objectStore(name).getAll());
        const keys = (/** @type {string} */ name) => done(transaction.objectStore(name).getAllKeys());
        const [conversations, people, outgoing, uploads, meta, metaKeys, drafts, draftKeys, asked, askedKeys] =
          await Promise.all([
            all("conversations"),
            all("people"),
            all("outgoing"),
            all("uploads"),
            all("meta"),
            keys("meta"),
            all("drafts"),
            keys("drafts"),
            all("asked"),
            keys("asked"),
          ]);
        const named = Object.fromEntries(metaKeys.map((key, i) => [key, meta[i]]));
        return {
          me: named.me ?? null,
          seq: named.seq ?? 0,
          settings: named.settings ?? {},
          conversations,
          people,
          outgoing,
          uploads,
          drafts: Object.fromEntries(draftKeys.map((key, i) => [key, drafts[i]])),
          asked: Object.fromEntries(askedKeys.map((key, i) => [key, asked[i]])),
        };
      }, nothing());
      return { known: isKnown(), ...saved };
    },

    /** Done once it is written, or once it is sure that it cannot be. @param {Write[]} write @returns {Promise<void>} */
    save(write) {
      if (write.length === 0) return Promise.resolve();
      if (write.some((one) => "put" in one && one.put === "meta" && one.name === "me")) setKnown(true);
      return new Promise((resolve) => {
        queue.push({ write, resolve });
        pump();
      });
    },

    /** To be called when the page goes away, perhaps for good. @returns {() => void} to be called if it comes back */
    leave() {
      const name = keepUnsaved([...writing, ...queue].flatMap(({ write }) => write));
      return () => forgetUnsaved(name);
    },

    /** The newest messages of a conversation, oldest first. @param {Key} key @returns {Promise<Message[]>} */
    messages: (key) =>
      attempt(async () => {
        const db = await database();
        const index = db.transaction("messages", "readonly").objectStore("messages").index("place");
        /** @type {Message[]} */
        const found = [];
        const request = index.openCursor(inside(key), "prev");
        await new Promise((resolve, reject) => {
          request.onerror = () => reject(request.error);
          request.onsuccess = () => {
            const cursor = request.result;
            if (!cursor || found.length >= READ_MAX) return resolve(null);
            const { key: _, ...message } = cursor.value;
            found.push(message);
            cursor.continue();
          };
        });
        return found.reverse();
      }, []),

    /** @param {string} id @param {Blob} blob */
    async putBlob(id, blob) {
      blobs.set(id, blob);
      await attempt(async () => {
        const db = await database();
        const transaction = db.transaction("blobs", "readwrite");
        transaction.objectStore("blobs").put(blob, id);
        await committed(transaction);
      }, undefined);
    },

    /** @param {string} id @returns {Promise<Blob | undefined>} */
    async blob(id) {
      const here = blobs.get(id);
      if (here) return here;
      return attempt(async () => {
        const db = await database();
        return done(db.transaction("blobs", "readonly").objectStore("blobs").get(id));
      }, undefined);
    },

    /** @param {string} id */
    dropBlob: (id) => void blobs.delete(id),

    /** Forgets the account; settings of the device stay. @param {boolean} all also what was typed and not sent */
    wipe(all) {
      setKnown(false);
      if (all) takeUnsaved();
      return attempt(async () => {
        const db = await database();
        const transaction = db.transaction(STORES, "readwrite");
        for (const name of STORES)
          if (name !== "meta" && (all || !TYPED.includes(name))) transaction.objectStore(name).clear();
        transaction.objectStore("meta").delete("seq");
        if (all) transaction.objectStore("meta").delete("me");
        await committed(transaction);
      }, undefined);
    },
  };
}

/** @param {Write} write @param {(name: string) => IDBObjectStore} store */
async function apply(write, store) {
  const messages = store("messages");
  if ("patch" in write) {
    const old = await done(messages.get(write.patch));
    if (old) messages.put({ ...changed(old, write.change), key: old.key });
  } else if ("put" in write) put(write, store);
  else if (write.drop === "all messages") messages.clear();
  else if (write.drop === "messages") {
    if (write.id) messages.delete(write.id);
    else for (const id of await done(messages.index("place").getAllKeys(inside(write.key)))) messages.delete(id);
  } else if (write.drop === "conversation") store("conversations").delete(write.key);
  else if (write.drop === "upload") {
    store("uploads").delete(write.id);
    for (const id of [write.id, `${write.id}.small`]) store("blobs").delete(id);
  } else store(write.drop).delete(write.ref);
}

/** @param {Extract<Write, {put: string}>} write @param {(name: string) => IDBObjectStore} store */
function put(write, store) {
  switch (write.put) {
    case "messages":
      for (const { pending: _, ref: _ref, ...message } of write.messages)
        store("messages").put({ ...message, key: write.key });
      return;
    case "conversation":
      return void store("conversations").put(write.value);
    case "people":
      for (const { online: _, ...person } of write.value) store("people").put(person);
      return;
    case "meta":
      return void store("meta").put(write.value, write.name);
    case "draft":
      return void (write.value ? store("drafts").put(write.value, write.key) : store("drafts").delete(write.key));
    case "outgoing":
      return void store("outgoing").put(write.value);
    case "asked":
      return void store("asked").put(write.value, write.ref);
    case "upload":
      return void store("uploads").put(write.value);
  }
}

/** @returns {Saved} */
const nothing = () => ({
  me: null,
  seq: 0,
  conversations: [],
  people: [],
  drafts: {},
  outgoing: [],
  asked: {},
  uploads: [],
  settings: {},
});

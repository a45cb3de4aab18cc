// The state at the start, its bounds, and the names of conversations.

/** @import {Conversation, Draft, Key, Settings, State, Timeline} from "./types.js" */

/** Messages of one conversation in memory. */
export const TIMELINE_MAX = 400;
/** Messages that stay in memory of a conversation that was left. */
export const TIMELINE_KEPT = 60;
/** Conversations whose messages stay in memory. */
export const TIMELINES_MAX = 6;
/** Messages in a page of history, and the server's bound. */
export const PAGE = 50;
export const PAGE_MAX = 200;
/** Lines about changes kept for one conversation. */
export const CHANGES_MAX = 30;
/** Receipts of unknown messages that are kept. */
export const EARLY_MAX = 200;
/** Notices on screen. */
export const NOTICES_MAX = 4;
/** Accounts whose presence is asked for; the server's bound is 300. */
export const WATCHED_MAX = 200;
/** Milliseconds for which a message must be on screen before it counts as read. */
export const READ_AFTER = 1000;
/** Milliseconds between two notes that somebody types, and after which one is forgotten. */
export const TYPING_EVERY = 3000;
export const TYPING_FOR = 6000;
/** Milliseconds of typing in the search box after which it is searched. */
export const SEARCH_AFTER = 250;
/** Milliseconds for which an own message may be edited and deleted for everybody. */
export const EDIT_FOR = 15 * 60_000;
/** Milliseconds after which the name and the picture of a person are asked for again, once they are shown. */
export const LOOK_AGAIN = 10 * 60_000;
/** Milliseconds by which the clocks may differ without a hint. */
export const CLOCK_OFF = 2 * 60_000;

/** @type {Settings} */
export const SETTINGS = {
  theme: "auto",
  language: "",
  enterSends: true,
  notifications: true,
  sound: false,
  push: false,
  textSize: 100,
};

/** @returns {State} */
export function initial(build = "") {
  return {
    phase: "starting",
    build,
    update: false,
    abilities: {
      secure: true,
      serviceWorker: false,
      notifications: "missing",
      push: false,
      storage: true,
      touch: false,
    },
    limits: { fileMax: 25 << 20, contentMax: 16 << 10, filesMax: 10 },
    me: null,
    auth: { page: "login", busy: false, error: null, retryAt: null, code: null, done: null, email: "" },
    connection: { status: "connecting", retryAt: null, attempt: 0, catchingUp: false, leader: false },
    clock: { offset: 0 },
    seq: 0,
    head: 0,
    ahead: [],
    conversations: {},
    listed: false,
    moreConversations: false,
    open: null,
    timelines: {},
    outgoing: [],
    drafts: {},
    uploads: {},
    people: {},
    groups: {},
    typing: {},
    blocked: [],
    search: { text: "", busy: false, ref: "", hits: null, more: false, error: null },
    finder: { email: "", busy: false, person: null, error: null },
    devices: null,
    settings: SETTINGS,
    notices: [],
    typed: { key: null, at: 0 },
    watched: "",
    shared: null,
    focused: false,
    seen: {},
    asked: {},
    early: [],
    announce: null,
    account: { busy: false, error: null, done: null },
    turn: 0,
  };
}

/** @type {Draft} */
export const EMPTY_DRAFT = { text: "", reply: null, editing: null, kept: "", uploads: [], turn: 0 };

/** @param {Key} key @returns {Timeline} */
export function newTimeline(key) {
  return {
    key,
    messages: [],
    older: true,
    newer: false,
    loading: null,
    unreadAfter: null,
    below: 0,
    confirmed: false,
    atEnd: true,
    target: null,
    error: null,
  };
}

/** @param {Key} key @returns {Conversation} */
export function newConversation(key) {
  return {
    key,
    name: null,
    activity: 0,
    last: null,
    unread: 0,
    read: 0,
    deliveredTo: 0,
    readBy: 0,
    days: null,
    request: false,
    pinned: false,
    archived: false,
    marked: false,
    mutedUntil: 0,
    changes: [],
    ...(isGroup(key) ? { role: "member" } : {}),
  };
}

/** @param {number} id @returns {Key} */
export const userKey = (id) => `u${id}`;
/** @param {number} id @returns {Key} */
export const groupKey = (id) => `g${id}`;
/** @param {Key} key */
export const isGroup = (key) => key[0] === "g";
/** The account or the group of a conversation. @param {Key} key */
export const idOf = (key) => Number(key.slice(1));
/** How requests name it: `with` or `group`. @param {Key} key */
export const partner = (key) => (isGroup(key) ? { group: idOf(key) } : { with: idOf(key) });
/** How messages name it: `to` or `group`. @param {Key} key */
export const receiver = (key) => (isGroup(key) ? { group: idOf(key) } : { to: idOf(key) });

/**
 * The conversation that a message, or anything else that names one, is in.
 * @param {{group?: number, with?: number, from?: number, to?: number}} what
 * @param {number | undefined} me
 * @returns {Key}
 */
export function keyOf(what, me) {
  if (what.group !== undefined) return groupKey(what.group);
  if (what.with !== undefined) return userKey(what.with);
  return userKey(/** @type {number} */ (what.from === me ? what.to : what.from));
}

/** The conversation and message of an address, `#/u2/77`. @param {string} hash */
export function parseHash(hash) {
  const found = /^#\/([ug][1-9]\d{0,15})(?:\/([1-9]\d{0,15}))?$/.exec(hash);
  if (!found) return { key: null, id: 0 };
  return { key: /** @type {Key} */ (found[1]), id: Number(found[2] ?? 0) };
}

/** @param {Key | null} key @param {number} [id] */
export const hashOf = (key, id) => (key ? `#/${key}${id ? `/${id}` : ""}` : "#/");

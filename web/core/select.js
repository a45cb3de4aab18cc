// What views read of the state, in the shape in which they show it.

import { EDIT_FOR, EMPTY_DRAFT, hashOf, idOf, isGroup, userKey } from "./state.js";
import { find, reacted } from "./timeline.js";
import { cut, isBig, visible, visibleName } from "./text.js";
import { dayOf } from "./time.js";

/** @import {Conversation, Key, ListItem, Message, Outgoing, Person, Row, State, Tick} from "./types.js" */

/** Milliseconds between two messages of one sender that stand together. */
const SERIES = 5 * 60_000;
/** Characters of a line in the list and of a quote. */
const LINE = 120;

/** The name of an account. Deleted or not known: "User 7". @param {State} state @param {number} id */
export function personName(state, id, user = "User") {
  const name = id === state.me?.id ? state.me.name : state.people[id]?.name;
  return visibleName(name, `${user} ${id}`);
}

/** The name of a conversation. @param {State} state @param {Key} key */
export function nameOf(state, key, user = "User", group = "Group") {
  const name = state.conversations[key]?.name;
  if (isGroup(key)) return visibleName(name ?? state.groups[idOf(key)]?.name, `${group} ${idOf(key)}`);
  return visibleName(name, personName(state, idOf(key), user));
}

/** Whether a conversation is muted. @param {Conversation} conversation @param {number} now the server's clock */
export const isMuted = (conversation, now) => conversation.mutedUntil > now;

/** A message with the changes that wait for the server applied. @param {Message} message @param {number} [me] @returns {Message} */
export function shown(message, me) {
  const { pending } = message;
  if (!pending) return message;
  if (pending.deleted) return { ...message, content: "", deleted: true, files: undefined, reactions: undefined };
  const reactions =
    pending.emoji === undefined || me === undefined ? message.reactions : reacted(message.reactions, me, pending.emoji);
  return { ...message, content: pending.content ?? message.content, reactions };
}

/** @param {State} state @param {Key} key @param {{id: number, from: number}} message @returns {Tick} */
export function tickOf(state, key, { id, from }) {
  const conversation = state.conversations[key];
  if (from !== state.me?.id || !conversation) return null;
  if (key === userKey(from)) return "read";
  if (id <= conversation.readBy) return "read";
  return id <= conversation.deliveredTo ? "delivered" : "sent";
}

/** Who types in a conversation now. @param {State} state @param {Key} key @param {number} now the device's clock */
export function typists(state, key, now) {
  const all = Object.entries(state.typing[key] ?? {});
  return all.filter(([, until]) => until > now).map(([id]) => Number(id));
}

/** @param {State} state @param {Key} key @returns {Person | undefined} the other side of a conversation of two */
export const partnerOf = (state, key) => (isGroup(key) ? undefined : state.people[idOf(key)]);

/** Unread messages that count in the title. @param {State} state */
export function unreadTotal(state) {
  const now = Date.now() + state.clock.offset;
  const counts = Object.values(state.conversations).map((one) =>
    isMuted(one, now) || one.archived ? 0 : one.unread || (one.marked ? 1 : 0),
  );
  return counts.reduce((sum, count) => sum + count, 0);
}

/** The page's title. @param {State} state */
export function title(state, app = "Messenger") {
  const unread = state.phase === "in" ? unreadTotal(state) : 0;
  const name = state.open && state.phase === "in" ? `${nameOf(state, state.open)} – ${app}` : app;
  return unread > 0 ? `(${unread}) ${name}` : name;
}

let listCache = /** @type {{from: unknown[], items: ListItem[]}} */ ({ from: [], items: [] });

/**
 * The list "Conversations": pinned ones first, then by last activity. The same array while nothing in it has changed.
 * @param {State} state @returns {ListItem[]}
 */
export function items(state) {
  const { conversations, outgoing, drafts, typing, people, open, me, focused } = state;
  const isRead = open !== null && focused && state.timelines[open]?.atEnd === true;
  const from = [conversations, outgoing, drafts, typing, people, open, me, isRead, state.clock];
  if (from.every((one, i) => one === listCache.from[i])) return listCache.items;
  const now = Date.now() + state.clock.offset;
  const waiting = new Map(outgoing.map((one) => [one.key, one]));
  const rank = (/** @type {Conversation} */ { key, activity }) => (waiting.has(key) ? Infinity : activity);
  const list = Object.values(conversations)
    .filter((one) => one.last || one.activity > 0 || one.key === open || waiting.has(one.key) || drafts[one.key]?.text)
    .sort((a, b) => Number(b.pinned) - Number(a.pinned) || (rank(a) === rank(b) ? 0 : rank(b) - rank(a)));
  listCache = { from, items: list.map((one) => itemOf(state, one, waiting.get(one.key), now, isRead)) };
  return listCache.items;
}

/** @param {State} state @param {Conversation} one @param {Outgoing | undefined} waiting @param {number} now
 * @param {boolean} isRead the end of the open conversation is being looked at @returns {ListItem} */
function itemOf(state, one, waiting, now, isRead) {
  const { key, last } = one;
  const me = state.me?.id;
  const line = waiting ?? last;
  const from = waiting ? me : last?.from;
  const person = partnerOf(state, key);
  return {
    key,
    href: hashOf(key),
    name: nameOf(state, key),
    line: visible(cut((line?.content ?? "").replace(/\s+/g, " "), LINE)),
    by: isGroup(key) && from && from !== me ? personName(state, from) : null,
    mine: from !== undefined && from === me,
    deleted: !waiting && last?.deleted === true,
    files: (waiting ? waiting.files : last?.files) ?? [],
    at: line?.at ?? 0,
    tick: waiting ? (waiting.error === null ? "sending" : "failed") : last ? tickOf(state, key, last) : null,
    // What is being looked at is as good as read; it is so for the server in a second.
    unread: key === state.open && isRead ? 0 : one.unread,
    marked: one.marked,
    draft: key === state.open ? "" : visible(cut((state.drafts[key]?.text ?? "").trim(), LINE)),
    typing: typists(state, key, Date.now()).length > 0,
    online: person?.online === true,
    pinned: one.pinned,
    muted: isMuted(one, now),
    archived: one.archived,
    request: one.request,
    invited: one.role === "invited",
    current: key === state.open,
    picture: one.picture ?? person?.picture ?? null,
  };
}

/**
 * The lines of a conversation: messages, those that wait below them, day separators, the unread line, changes.
 * @param {State} state @param {Key} key @returns {Row[]}
 */
export function rows(state, key) {
  const timeline = state.timelines[key];
  if (!timeline) return [];
  const me = state.me?.id ?? 0;
  const now = Date.now() + state.clock.offset;
  const conversation = state.conversations[key];
  const { messages, unreadAfter } = timeline;
  const isMember = !isGroup(key) || conversation?.role === "admin" || conversation?.role === "member";
  const changes = visibleChanges(state, key);
  /** @type {Row[]} */
  const all = [];
  let day = 0;
  let nextChange = 0;
  let hasLine = unreadAfter === null || !reaches(messages, unreadAfter, timeline.older);
  /** @param {number} at */
  const separate = (at) => {
    if (dayOf(at) === day) return;
    day = dayOf(at);
    all.push({ kind: "day", id: `day-${day}`, at });
  };
  /** @param {number} before */
  const tell = (before) => {
    for (; nextChange < changes.length && changes[nextChange].after < before; nextChange++) {
      separate(changes[nextChange].at);
      all.push({ kind: "change", id: `change-${changes[nextChange].seq}`, change: changes[nextChange] });
    }
  };
  for (const message of messages) {
    tell(message.id);
    separate(message.at);
    if (!hasLine && message.id > /** @type {number} */ (unreadAfter) && message.from !== me) {
      hasLine = true;
      all.push({ kind: "unread", id: "unread" });
    }
    all.push(messageRow(state, key, message, { me, now, isMember }));
  }
  if (!timeline.newer) {
    tell(Infinity);
    for (const outgoing of state.outgoing) {
      if (outgoing.key !== key || outgoing.stored) continue;
      separate(outgoing.at);
      all.push(outgoingRow(state, key, outgoing, me));
    }
  }
  return joinSeries(all);
}

/** Whether the window goes back to the last read message, so that it is known which one is the first unread. */
const reaches = (/** @type {Message[]} */ messages, /** @type {number} */ id, /** @type {boolean} */ older) =>
  !older || messages[0]?.id <= id + 1;

/** Changes that belong into the window. @param {State} state @param {Key} key */
function visibleChanges(state, key) {
  const { messages, older } = state.timelines[key];
  const changes = state.conversations[key]?.changes ?? [];
  const first = messages[0]?.id ?? 0;
  return older ? changes.filter(({ after }) => after >= first) : changes;
}

/**
 * @param {State} state @param {Key} key @param {Message} message
 * @param {{me: number, now: number, isMember: boolean}} about @returns {Row}
 */
function messageRow(state, key, message, { me, now, isMember }) {
  const now_ = shown(message, me);
  const mine = message.from === me;
  const isFresh = mine && now - message.at < EDIT_FOR;
  const alive = !now_.deleted;
  return {
    kind: "message",
    id: message.ref ?? `m${message.id}`,
    message: now_,
    mine,
    tick: message.pending && mine ? "sending" : tickOf(state, key, message),
    name: personName(state, message.from),
    first: true,
    last: true,
    quote: message.reply_to ? quoteOf(state, key, message.reply_to) : null,
    outgoing: null,
    uploads: [],
    can: {
      reply: alive && isMember,
      react: alive && isMember,
      edit: alive && isFresh && Boolean(now_.content),
      delete: true,
      copy: alive && Boolean(now_.content),
      forward: alive,
    },
    big: alive && !now_.files && isBig(now_.content),
  };
}

/** Whether deleting a message can still be for everybody. @param {State} state @param {Message} message */
export const canDeleteForAll = (state, message) =>
  message.from === state.me?.id && !message.deleted && Date.now() + state.clock.offset - message.at < EDIT_FOR;

/** @param {State} state @param {Key} key @param {Outgoing} outgoing @param {number} me @returns {Row} */
function outgoingRow(state, key, outgoing, me) {
  const { ref, at, content, reply_to, files, error } = outgoing;
  return {
    kind: "message",
    id: ref,
    message: { id: 0, from: me, at, content, ...(reply_to ? { reply_to } : {}), ...(files ? { files } : {}) },
    mine: true,
    tick: error === null ? "sending" : "failed",
    name: personName(state, me),
    first: true,
    last: true,
    quote: reply_to ? quoteOf(state, key, reply_to) : null,
    outgoing,
    uploads: outgoing.uploads.map((id) => state.uploads[id]).filter(Boolean),
    can: { reply: false, react: false, edit: false, delete: false, copy: Boolean(content), forward: false },
    big: isBig(content),
  };
}

/** The message that another one quotes, if it is loaded. @param {State} state @param {Key} key @param {number} id */
export function quoteOf(state, key, id) {
  const message = find(state.timelines[key]?.messages ?? [], id);
  if (!message) return null;
  const { content, deleted, from } = shown(message);
  const text = content || (message.files ?? []).map(({ name }) => name).join(", ");
  const [name, mine] = [personName(state, from), from === state.me?.id];
  return { id, name, mine, content: visible(cut(text, LINE)), deleted: deleted === true };
}

/** Marks the first and the last row of what one person said in a row. @param {Row[]} all */
function joinSeries(all) {
  for (let i = 1; i < all.length; i++) {
    const [before, after] = [all[i - 1], all[i]];
    if (before.kind !== "message" || after.kind !== "message") continue;
    const isSeries = before.message.from === after.message.from && after.message.at - before.message.at < SERIES;
    if (isSeries) before.last = after.first = false;
  }
  return all;
}

/** Who has got and who has read a message of a group. @param {State} state @param {Key} key @param {number} id */
export function receipts(state, key, id) {
  const members = (state.groups[idOf(key)]?.members ?? []).filter(
    (member) => member.id !== state.me?.id && member.role !== "invited",
  );
  const entry = (/** @type {import("./types.js").Member} */ member) => ({
    id: member.id,
    name: personName(state, member.id),
  });
  return {
    read: members.filter((member) => member.read >= id).map(entry),
    delivered: members.filter((member) => member.read < id && member.delivered >= id).map(entry),
    waiting: members.filter((member) => member.read < id && member.delivered < id).map(entry),
  };
}

/** The draft of a conversation. @param {State} state @param {Key} key */
export const draftOf = (state, key) => state.drafts[key] ?? EMPTY_DRAFT;

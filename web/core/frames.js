// What each frame of the server changes. Every handler may see a frame again, or late: events are applied by ids, so
// that twice is once.

import {
  ask,
  changeMessage,
  complain,
  dropConversation,
  dropOutgoing,
  editMessage,
  effect,
  learn,
  look,
  meet,
  notice,
  placeOf,
  set,
  setConversation,
  setTimeline,
  takeAsked,
  watch,
  without,
  write,
} from "./context.js";
import { groupChanged, groupShown } from "./group.js";
import { addChange, listAnswered, loadList, settingsOf } from "./list.js";
import { historyAnswered, loadNewest, openConversation, searchAnswered } from "./pages.js";
import { reconnected } from "./outbox.js";
import { receipt, applyEarly } from "./receipts.js";
import { CLOCK_OFF, TYPING_FOR, groupKey, isGroup, keyOf, userKey } from "./state.js";
import { indexOf, insert, messageOf } from "./timeline.js";

/** @import {Context} from "./context.js" */
/** @import {Key, Message, ServerFrame} from "./types.js" */

/** @param {Context} c @param {ServerFrame} frame */
export function onFrame(c, frame) {
  const handle = Object.hasOwn(HANDLERS, frame.type) ? HANDLERS[frame.type] : undefined;
  handle?.(c, frame);
  if (typeof frame.seq === "number" && frame.type !== "welcome") count(c, frame);
}

/** Counts an event; what this connection sent itself is counted when its turn comes. */
function count(/** @type {Context} */ c, /** @type {ServerFrame} */ { type, seq }) {
  const before = c.state.seq;
  if (type !== "sent") set(c, { seq: Math.max(before, seq) });
  else if (seq > before) set(c, { ahead: [...new Set([...c.state.ahead, seq])].sort((a, b) => a - b).slice(-1000) });
  let { seq: now, ahead } = c.state;
  ahead = ahead.filter((own) => own > now);
  while (ahead[0] === now + 1) now = /** @type {number} */ (ahead.shift());
  if (now !== before || ahead.length !== c.state.ahead.length) set(c, { seq: now, ahead });
  if (now !== before) write(c, { put: "meta", name: "seq", value: now });
  if (c.state.connection.catchingUp && now >= c.state.head) caughtUp(c);
}

/** @param {Context} c */
export function caughtUp(c) {
  set(c, { connection: { ...c.state.connection, catchingUp: false } });
}

/** @param {Context} c @param {ServerFrame} frame */
function onWelcome(c, { id, name, seq, head, now, recovered }) {
  const isSame = c.state.me?.id === id;
  const me = { ...(isSame ? c.state.me : null), id, name: name ?? c.state.me?.name ?? "" };
  set(c, { me: /** @type {any} */ (me) });
  write(c, { put: "meta", name: "me", value: me });
  if (typeof now === "number") setClock(c, now);
  if (typeof seq === "number") {
    if (recovered === false) {
      set(c, { seq, ahead: [], timelines: {}, listed: false });
      write(c, { drop: "all messages" });
    } else if (seq > c.state.seq) set(c, { seq });
    write(c, { put: "meta", name: "seq", value: c.state.seq });
  }
  const missed = (head ?? 0) - c.state.seq;
  set(c, {
    head: head ?? c.state.head,
    connection: { ...c.state.connection, status: "connected", retryAt: null, attempt: 0, catchingUp: missed > 0 },
  });
  if (missed > 0) effect(c, { type: "timer", name: "caught up", ms: 5000 });
  // Events say what happened to what is shown; after many it is quicker to ask anew.
  if (!c.state.listed || missed > 300) {
    loadList(c);
    ask(c, { type: "blocks" });
  } else watch(c, true);
  const { open } = c.state;
  if (open && !c.state.timelines[open]?.confirmed) loadNewest(c, open);
  else if (open && isGroup(open)) ask(c, { type: "group.show", group: Number(open.slice(1)) });
  reconnected(c);
}

/** @param {Context} c @param {number} serverTime */
export function setClock(c, serverTime) {
  const offset = serverTime - c.now;
  const wasOff = Math.abs(c.state.clock.offset) > CLOCK_OFF;
  set(c, { clock: { offset } });
  if (Math.abs(offset) > CLOCK_OFF && !wasOff)
    notice(c, "clock_wrong", { minutes: Math.round(Math.abs(offset) / 60_000) });
}

/** @param {Context} c @param {ServerFrame} frame */
function onMessage(c, frame) {
  const me = c.state.me?.id;
  // Guests' messages have no id; this client has an account.
  if (typeof frame.id !== "number") return;
  const key = keyOf(/** @type {any} */ (frame), me);
  const isOwn = frame.from === me;
  learn(c, frame.from, frame.name);
  const message = messageOf(frame);
  if (isOwn) {
    const waiting = c.state.outgoing.find(
      (one) => one.key === key && !one.stored && one.content === message.content && !one.error,
    );
    const isKnown = Boolean(c.state.timelines[key]?.messages.find(({ id }) => id === message.id));
    if (waiting && !isKnown) {
      message.ref = waiting.ref;
      const outgoing = c.state.outgoing.map((one) => (one === waiting ? { ...one, stored: message.id } : one));
      set(c, { outgoing });
    }
  }
  addMessage(c, key, message, { isRequest: Boolean(frame.request), isOwn });
  // An event with a name has no picture.
  if (!isOwn && c.state.people[frame.from]?.picture === undefined) look(c, frame.from);
}

/**
 * A message that is new, at least to this connection.
 * @param {Context} c @param {Key} key @param {Message} message @param {{isRequest?: boolean, isOwn: boolean}} how
 */
export function addMessage(c, key, message, { isRequest = false, isOwn }) {
  const conversation = c.state.conversations[key];
  const isNew = message.id > (conversation?.last?.id ?? 0);
  write(c, { put: "messages", key, messages: [message] });
  if (!conversation) {
    const name = isGroup(key) ? null : (c.state.people[message.from]?.name ?? null);
    setConversation(c, key, { name: isOwn ? (c.state.people[Number(key.slice(1))]?.name ?? null) : name });
    if (isGroup(key)) ask(c, { type: "group.show", group: Number(key.slice(1)) });
    else if (!isRequest) watch(c);
  }
  const { unread, read, activity } = c.state.conversations[key];
  if (isNew) {
    const { id, from, at, content, deleted, files } = message;
    const isUnread = !isOwn && !deleted && id > read;
    setConversation(c, key, {
      last: { id, from, at, content, ...(deleted ? { deleted } : {}), ...(files ? { files } : {}) },
      activity: Math.max(activity, id),
      unread: isUnread ? Math.min(500, unread + 1) : unread,
      ...(isOwn ? { request: false } : isRequest ? { request: true } : {}),
    });
  }
  const timeline = c.state.timelines[key];
  if (timeline) {
    const { messages } = timeline;
    const isInside = messages.length > 0 && message.id >= messages[0].id;
    const isAtEnd = !timeline.newer && (isInside || !timeline.older || (isNew && messages.length === 0));
    const isKnown = messages[indexOf(messages, message.id)]?.id === message.id;
    if (isAtEnd || isKnown) setTimeline(c, key, { messages: insert(messages, message, true) });
    if (isNew && !isOwn && c.state.open === key) {
      const isSeen = timeline.atEnd && c.state.focused && !timeline.newer;
      if (!timeline.atEnd || timeline.newer) setTimeline(c, key, { below: timeline.below + 1 });
      if (timeline.unreadAfter === null && !isSeen && !timeline.newer) {
        setTimeline(c, key, { unreadAfter: message.id - 1 });
      }
    }
  }
  applyEarly(c, key, [message]);
  if (isOwn || !isNew || message.deleted) return;
  if (c.state.typing[key]?.[message.from]) {
    set(c, { typing: { ...c.state.typing, [key]: without(c.state.typing[key], message.from) } });
  }
  if (c.state.open === key) {
    set(c, { announce: { key, id: message.id, from: message.from, content: message.content } });
  }
  const isMuted = c.state.conversations[key].mutedUntil > c.now + c.state.clock.offset;
  if (!isMuted && !isRequest && message.id > read) effect(c, { type: "notify", key, id: message.id });
}

/** @param {Context} c @param {ServerFrame} frame */
function onSent(c, { ref, id, at }) {
  const outgoing = c.state.outgoing.find((one) => one.ref === ref);
  if (!outgoing || typeof id !== "number") return;
  const files = filesOf(c, outgoing);
  dropOutgoing(c, outgoing.ref);
  /** @type {Message} */
  const message = {
    id,
    from: /** @type {any} */ (c.state.me).id,
    at,
    content: outgoing.content,
    ref: outgoing.ref,
    ...(outgoing.reply_to ? { reply_to: outgoing.reply_to } : {}),
    ...(files.length ? { files } : {}),
  };
  addMessage(c, outgoing.key, message, { isOwn: true });
}

/** @param {Context} c @param {import("./types.js").Outgoing} outgoing */
export function filesOf(c, outgoing) {
  const uploaded = outgoing.uploads.map((id) => c.state.uploads[id]?.file);
  return [...uploaded, ...(outgoing.files ?? [])].filter((file) => file !== null && file !== undefined);
}

/** @param {Context} c @param {ServerFrame} frame */
function onEdit(c, { id, content }) {
  changeMessage(c, id, { content, edited_at: c.now + c.state.clock.offset });
}

/** @param {Context} c @param {ServerFrame} frame */
function onDelete(c, frame) {
  if (frame.for !== "me") return changeMessage(c, frame.id, { deleted: true });
  const key = placeOf(c.state, frame.id);
  hideMessage(c, frame.id);
  // The list's last line is another one now; the server knows which.
  if (key && c.state.conversations[key]?.last?.id === frame.id) loadList(c);
}

/** @param {Context} c @param {number} id */
export function hideMessage(c, id) {
  for (const timeline of Object.values(c.state.timelines)) {
    const messages = timeline.messages.filter((message) => message.id !== id);
    if (messages.length < timeline.messages.length) setTimeline(c, timeline.key, { messages });
  }
  const { hits } = c.state.search;
  if (hits) set(c, { search: { ...c.state.search, hits: hits.filter((hit) => hit.id !== id) } });
  write(c, { drop: "messages", key: "u0", id });
}

/** @param {Context} c @param {ServerFrame} frame */
function onReact(c, { id, by, emoji }) {
  changeMessage(c, id, { react: { by, emoji: emoji ?? null } });
  meet(c, by);
}

/** @param {Context} c @param {ServerFrame} frame */
function onSet(c, frame) {
  const key = keyOf(/** @type {any} */ (frame), c.state.me?.id);
  if (c.state.conversations[key]) setConversation(c, key, settingsOf(frame));
}

/** @param {Context} c @param {ServerFrame} frame */
function onClear(c, frame) {
  const key = keyOf(/** @type {any} */ (frame), c.state.me?.id);
  write(c, { drop: "messages", key });
  if (c.state.timelines[key]) setTimeline(c, key, { messages: [], older: false, newer: false, below: 0 });
  if (!c.state.conversations[key]) return;
  if (isGroup(key)) setConversation(c, key, { last: null, unread: 0, changes: [] });
  else if (c.state.open === key) setConversation(c, key, { last: null, unread: 0, changes: [], activity: 0 });
  else dropConversation(c, key);
}

/** @param {Context} c @param {ServerFrame} frame */
function onAccept(c, { id }) {
  if (c.state.conversations[userKey(id)]) setConversation(c, userKey(id), { request: false });
  watch(c, true);
}

/** @param {Context} c @param {ServerFrame} frame */
function onDecline(c, { id, group }) {
  const key = group === undefined ? userKey(id) : groupKey(group);
  if (c.state.open === key) openConversation(c, null, 0, true);
  dropConversation(c, key);
}

/** @param {Context} c @param {ServerFrame} frame */
function onPresence(c, { id, online, last_seen: lastSeen }) {
  const old = c.state.people[id] ?? { id, name: null };
  if (old.online === online && old.lastSeen === lastSeen) return;
  const { lastSeen: _, ...rest } = old;
  const person = { ...rest, online, ...(lastSeen === undefined ? {} : { lastSeen }) };
  set(c, { people: { ...c.state.people, [id]: person } });
}

/** @param {Context} c @param {ServerFrame} frame */
function onTyping(c, frame) {
  if (frame.from === c.state.me?.id) return;
  const key = keyOf(/** @type {any} */ (frame), c.state.me?.id);
  const here = { ...c.state.typing[key], [frame.from]: c.now + TYPING_FOR };
  set(c, { typing: { ...c.state.typing, [key]: here } });
  effect(c, { type: "timer", name: "typing", ms: TYPING_FOR });
}

/** @param {Context} c @param {ServerFrame} frame */
function onRetention(c, frame) {
  const key = keyOf(/** @type {any} */ (frame), c.state.me?.id);
  const { seq, at, by, days } = frame;
  addChange(c, key, { seq, at, by, days, change: "retention", after: 0 });
  setConversation(c, key, { days: days ?? null });
}

const BUSY = new Set(["rate_limited", "unavailable"]);
/** Requests that nobody waits for: their refusal is not shown. */
const QUIET = new Set(["read", "received", "group.show", "blocks", "presence", "typing", "conversations"]);

/** @param {Context} c @param {ServerFrame} frame */
function onError(c, { ref, code, message, retry_after_ms: wait }) {
  if (ref === undefined) return;
  if (BUSY.has(code)) return againLater(c, ref, wait ?? 2000);
  const outgoing = c.state.outgoing.find((one) => one.ref === ref);
  if (outgoing) {
    set(c, { outgoing: c.state.outgoing.map((one) => (one === outgoing ? { ...one, error: message } : one)) });
    write(c, { put: "outgoing", value: { ...outgoing, error: message } });
    return;
  }
  const asked = takeAsked(c, ref);
  if (!asked) return;
  const { purpose, key, frame } = asked;
  if (frame.id) editMessage(c, frame.id, ({ pending: _, ...rest }) => rest);
  if (purpose === "search") set(c, { search: { ...c.state.search, busy: false, error: message, hits: [] } });
  else if (key && c.state.timelines[key]?.loading && frame.type === "history") {
    setTimeline(c, key, { loading: null, error: message });
  } else if (!QUIET.has(frame.type ?? "")) complain(c, message);
}

/** @param {Context} c @param {string} ref @param {number} ms */
function againLater(c, ref, ms) {
  const outgoing = c.state.outgoing.map((one) => (one.ref === ref ? { ...one, again: true } : one));
  const asked = c.state.asked[ref];
  set(c, { outgoing, ...(asked ? { asked: { ...c.state.asked, [ref]: { ...asked, again: true } } } : {}) });
  effect(c, { type: "timer", name: "again", ms: Math.max(ms, 200) });
}

/** The answer of a request that made no event: what was pending is as it was asked. */
function onOk(/** @type {Context} */ c, /** @type {ServerFrame} */ { ref }) {
  const frame = ref === undefined ? undefined : c.state.asked[ref]?.frame;
  if (frame?.type === "report") notice(c, "reported");
  if (frame?.type === "react")
    return onReact(c, { type: "react", id: frame.id, by: c.state.me?.id, emoji: frame.emoji });
  if (frame?.id && (frame.type === "edit" || frame.type === "delete")) {
    editMessage(c, frame.id, ({ pending: _, ...rest }) => rest);
  }
}

/** @type {Record<string, (c: Context, frame: ServerFrame) => void>} */
const HANDLERS = {
  welcome: onWelcome,
  message: onMessage,
  sent: onSent,
  ok: onOk,
  error: onError,
  delivered: receipt,
  read: receipt,
  edit: onEdit,
  delete: onDelete,
  react: onReact,
  group: groupChanged,
  "group.show": groupShown,
  retention: onRetention,
  accept: onAccept,
  decline: onDecline,
  block: (c, { id }) => set(c, { blocked: [...c.state.blocked.filter((one) => one !== id), id] }),
  unblock: (c, { id }) => set(c, { blocked: c.state.blocked.filter((one) => one !== id) }),
  blocks: (c, { ids }) => set(c, { blocked: ids }),
  "conversation.set": onSet,
  "conversation.clear": onClear,
  conversations: listAnswered,
  history: historyAnswered,
  search: searchAnswered,
  presence: onPresence,
  typing: onTyping,
};

// Each answer ends its request, whatever else it does. Pages look at the request first and take it themselves.
for (const [type, handle] of Object.entries(HANDLERS)) {
  if (["conversations", "history", "search", "error", "group"].includes(type)) continue;
  HANDLERS[type] = (c, frame) => {
    handle(c, frame);
    if (frame.ref !== undefined) takeAsked(c, frame.ref);
  };
}

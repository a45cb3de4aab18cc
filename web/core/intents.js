// What each wish of the person changes, and what is to be done for it.

import {
  ask,
  editMessage,
  effect,
  serverNow,
  set,
  setConversation,
  setDraft,
  setTimeline,
  without,
  write,
} from "./context.js";
import { hideMessage } from "./frames.js";
import { loadList } from "./list.js";
import { attach, cancelUpload, discard, post, retry, retryUpload } from "./outbox.js";
import { jump, loadMore, openConversation, search, toNewest } from "./pages.js";
import { readUpTo } from "./receipts.js";
import { EDIT_FOR, EMPTY_DRAFT, READ_AFTER, SEARCH_AFTER, TYPING_EVERY, idOf, isGroup, partner } from "./state.js";
import { receiver, userKey } from "./state.js";
import { find } from "./timeline.js";
import { sendable } from "./text.js";

/** @import {Context} from "./context.js" */
/** @import {Intent, Key} from "./types.js" */

/** @param {Context} c @param {string} call @param {any} [args] */
const call = (c, call, args = {}) => effect(c, { type: "call", call, args });

/** @param {Context} c @param {Partial<import("./types.js").Auth>} changes */
const setAuth = (c, changes) => set(c, { auth: { ...c.state.auth, ...changes } });

/** A call of the login pages. @param {Context} c @param {string} name @param {any} args */
function authCall(c, name, args) {
  if (c.state.auth.busy) return;
  setAuth(c, { busy: true, error: null, done: null });
  call(c, name, args);
}

/** A call of the settings dialog. @param {Context} c @param {string} name @param {any} args */
function accountCall(c, name, args) {
  set(c, { account: { busy: true, error: null, done: null } });
  call(c, name, args);
}

/** A request that changes something and is kept until it is answered. @param {Context} c @param {any} frame */
const change = (c, frame) => ask(c, frame, { keep: true });

/** @param {Context} c @param {Key} key */
function sawUpTo(c, key) {
  const { open, focused, seen, conversations } = c.state;
  const isDue = open === key && focused && (seen[key] ?? 0) > (conversations[key]?.read ?? Infinity);
  if (isDue) effect(c, { type: "timer", name: `read ${key}`, ms: READ_AFTER });
}

/** What was on screen for a second, with the focus, counts as read. @param {Context} c @param {Key} key */
export function readSeen(c, key) {
  const { open, focused, seen, conversations } = c.state;
  const id = seen[key] ?? 0;
  if (open !== key || !focused || id <= (conversations[key]?.read ?? Infinity)) return;
  const pending = Object.entries(c.state.asked).filter(([, { frame, key: of }]) => frame.type === "read" && of === key);
  // The later one covers the earlier one, which may not even have been sent.
  for (const [ref] of pending) set(c, { asked: without(c.state.asked, ref) });
  readUpTo(c, key, id);
  ask(c, { type: "read", id }, { key });
}

/** @param {Context} c @param {boolean} focused */
export function setFocused(c, focused) {
  if (c.state.focused === focused) return;
  set(c, { focused });
  if (!focused) return;
  effect(c, { type: "probe" });
  const { open } = c.state;
  if (open) sawUpTo(c, open);
}

/** @param {Context} c @param {Key} key @param {string} text */
function onDraft(c, key, text) {
  const old = c.state.drafts[key] ?? EMPTY_DRAFT;
  if (old.text === text) return;
  setDraft(c, key, { text }, true);
  const { typed, conversations } = c.state;
  const isDue = typed.key !== key || c.now - typed.at >= TYPING_EVERY;
  const isKnown = conversations[key] && !conversations[key].request && key !== userKey(c.state.me?.id ?? 0);
  if (!text || old.editing || !isDue || !isKnown) return;
  set(c, { typed: { key, at: c.now } });
  effect(c, { type: "frame", frame: { type: "typing", ...receiver(key) } });
}

/** @param {Context} c @param {Key} key @param {number | null} id */
function onEdit(c, key, id) {
  const draft = c.state.drafts[key] ?? EMPTY_DRAFT;
  if (id === null) {
    if (draft.editing !== null) setDraft(c, key, { text: draft.kept, editing: null, kept: "" });
    return;
  }
  const message = find(c.state.timelines[key]?.messages ?? [], id);
  if (!message || message.deleted) return;
  const kept = draft.editing === null ? draft.text : draft.kept;
  setDraft(c, key, { text: message.pending?.content ?? message.content, editing: id, kept, reply: null });
}

/** @param {Context} c @param {Key} key @param {string} text */
function onSend(c, key, text) {
  set(c, { typed: { key: null, at: 0 } });
  const draft = c.state.drafts[key];
  if (!draft?.editing) {
    const before = c.state.outgoing;
    post(c, key, text);
    // What one has sent is seen, wherever one has read.
    if (c.state.outgoing !== before) toNewest(c, key);
    return;
  }
  const content = sendable(text).trim();
  const id = draft.editing;
  const message = find(c.state.timelines[key]?.messages ?? [], id);
  if (!content && !message?.files) return;
  setDraft(c, key, { text: draft.kept, editing: null, kept: "" });
  if (message && content === message.content) return;
  editMessage(c, id, (one) => ({ ...one, pending: { ...one.pending, content } }));
  change(c, { type: "edit", id, content });
}

/** @param {Context} c @param {Key} key */
function onEditLast(c, key) {
  const { messages } = c.state.timelines[key] ?? { messages: [] };
  const mine = (/** @type {any} */ one) => one.from === c.state.me?.id && !one.deleted && one.content;
  const last = messages.findLast(mine);
  if (last && serverNow(c) - last.at < EDIT_FOR) onEdit(c, key, last.id);
}

/** @param {Context} c @param {Extract<Intent, {type: "delete"}>} intent */
function onDelete(c, { id, for: whom }) {
  if (whom === "me") {
    hideMessage(c, id);
    change(c, { type: "delete", id, for: "me" });
    return;
  }
  editMessage(c, id, (one) => ({ ...one, pending: { ...one.pending, deleted: true } }));
  change(c, { type: "delete", id });
}

/** @param {Context} c @param {Extract<Intent, {type: "forward"}>} intent */
function onForward(c, { from, id, to }) {
  const message = find(c.state.timelines[from]?.messages ?? [], id);
  if (message && !message.deleted) post(c, to, message.content, { files: message.files ?? [] });
}

/** @param {Context} c @param {Extract<Intent, {type: "set"}>} intent */
function onSet(c, { type: _, key, ...changes }) {
  const { muted_until: mutedUntil, pinned, archived, unread } = changes;
  setConversation(c, key, {
    ...(mutedUntil === undefined ? {} : { mutedUntil }),
    ...(pinned === undefined ? {} : { pinned }),
    ...(archived === undefined ? {} : { archived }),
    ...(unread === undefined ? {} : { marked: unread }),
  });
  change(c, { type: "conversation.set", ...partner(key), ...changes });
}

/** Groups' and others' requests, which are answered by their events. */
const plain = (/** @type {Context} */ c, /** @type {any} */ intent) => void change(c, intent);

/** @param {Key} key */
const whom = (key) => (isGroup(key) ? { group: idOf(key) } : { id: idOf(key) });

/** @type {{[T in Intent["type"]]: (c: Context, intent: Extract<Intent, {type: T}>) => void}} */
export const INTENTS = {
  "auth.page": (c, { page }) => setAuth(c, { page, error: null, done: null, busy: false }),
  login: (c, { email, password, device }) => authCall(c, "login", { email, password, device }),
  signup: (c, { email, name, password }) =>
    authCall(c, "signup", { email, name, password, ...(c.state.auth.code ? { invite: c.state.auth.code } : {}) }),
  "reset.request": (c, { email }) => authCall(c, "resetRequest", { email }),
  "reset.confirm": (c, { password }) => authCall(c, "resetConfirm", { code: c.state.auth.code, new: password }),

  logout: (c) => call(c, "logout"),
  "logout.everywhere": (c) => accountCall(c, "logoutEverywhere", {}),
  "account.load": (c) => {
    set(c, { account: { busy: false, error: null, done: null } });
    call(c, "me");
    call(c, "devices");
  },
  "account.name": (c, { name }) => accountCall(c, "change", { name }),
  "account.email": (c, { email, password }) => accountCall(c, "change", { email, password }),
  "account.password": (c, intent) => accountCall(c, "password", { old: intent.old, new: intent.new }),
  "account.picture": (c, { file }) => accountCall(c, "picture", { file }),
  "account.privacy": (c, { type: _, ...privacy }) => accountCall(c, "change", privacy),
  "account.delete": (c, { password }) => accountCall(c, "deleteAccount", { password }),
  "account.export": (c) => accountCall(c, "export", {}),
  devices: (c) => call(c, "devices"),
  "device.end": (c, { id }) => accountCall(c, "endDevice", { id }),

  open: (c, { key, id }) => openConversation(c, key, id),
  find: (c, { email }) => {
    set(c, { finder: { email, busy: true, person: null, error: null } });
    call(c, "find", { email });
  },
  "find.clear": (c) => set(c, { finder: { email: "", busy: false, person: null, error: null } }),
  start: (c, { email }) => {
    set(c, { finder: { email, busy: true, person: null, error: null } });
    call(c, "find", { email, open: true });
  },
  "conversations.more": (c) => {
    const lowest = Math.min(...Object.values(c.state.conversations).map(({ activity }) => activity || Infinity));
    if (c.state.moreConversations && Number.isFinite(lowest)) loadList(c, Math.ceil(lowest));
  },
  set: onSet,
  clear: (c, { key }) => change(c, { type: "conversation.clear", ...partner(key) }),
  retention: (c, { key, days }) => change(c, { type: "retention", ...partner(key), days }),
  accept: (c, { key }) => change(c, { type: "accept", ...whom(key) }),
  decline: (c, { key }) => change(c, { type: "decline", ...whom(key) }),
  block: (c, { id }) => change(c, { type: "block", id }),
  unblock: (c, { id }) => change(c, { type: "unblock", id }),
  report: (c, { id, text }) => change(c, { type: "report", id, text }),

  "group.create": (c, { name, members }) =>
    void ask(c, { type: "group.create", name, members }, { keep: true, purpose: "open" }),
  "group.show": (c, { group }) => void ask(c, { type: "group.show", group }),
  "group.add": (c, { type, group, member }) => plain(c, { type, group, member }),
  "group.remove": (c, { type, group, member }) => plain(c, { type, group, member }),
  "group.promote": (c, { type, group, member }) => plain(c, { type, group, member }),
  "group.demote": (c, { type, group, member }) => plain(c, { type, group, member }),
  "group.rename": (c, { type, group, name }) => plain(c, { type, group, name }),
  "group.leave": (c, { type, group }) => plain(c, { type, group }),

  older: (c, { key }) => loadMore(c, key, "older"),
  newer: (c, { key }) => loadMore(c, key, "newer"),
  newest: (c, { key }) => toNewest(c, key),
  jump: (c, { key, id }) => jump(c, key, id),
  seen: (c, { key, id }) => {
    if (id <= (c.state.seen[key] ?? 0)) return;
    set(c, { seen: { ...c.state.seen, [key]: id } });
    sawUpTo(c, key);
  },
  bottom: (c, { key, at }) => {
    const timeline = c.state.timelines[key];
    if (!timeline || timeline.atEnd === at) return;
    setTimeline(c, key, { atEnd: at, ...(at && !timeline.newer ? { below: 0 } : {}) });
  },

  draft: (c, { key, text }) => onDraft(c, key, text),
  reply: (c, { key, id }) => setDraft(c, key, { reply: id }, true),
  edit: (c, { key, id }) => onEdit(c, key, id),
  "edit.last": (c, { key }) => onEditLast(c, key),
  attach: (c, { key, files }) => attach(c, key, files),
  "upload.cancel": (c, { id }) => cancelUpload(c, id),
  "upload.retry": (c, { id }) => retryUpload(c, id),
  send: (c, { key, text }) => onSend(c, key, text),

  retry: (c, { ref }) => retry(c, ref),
  discard: (c, { ref }) => discard(c, ref),
  react: (c, { id, emoji }) => {
    editMessage(c, id, (one) => ({ ...one, pending: { ...one.pending, emoji } }));
    change(c, { type: "react", id, emoji });
  },
  delete: onDelete,
  forward: onForward,

  search: (c, { text }) => {
    const words = text.trim();
    const none = { text: words, busy: words !== "", ref: "", hits: null, more: false, error: null };
    set(c, { search: words ? { ...none, hits: c.state.search.hits } : none });
    if (words) effect(c, { type: "timer", name: "search", ms: SEARCH_AFTER });
  },
  "search.more": (c) => {
    if (c.state.search.more && !c.state.search.busy) search(c, true);
  },
  settings: (c, { set: changes }) => {
    const settings = { ...c.state.settings, ...changes };
    set(c, { settings });
    write(c, { put: "meta", name: "settings", value: settings });
    effect(c, { type: "tell", event: { type: "settings.other", settings } });
  },
  "notifications.enable": (c) => effect(c, { type: "permission" }),
  "push.enable": (c) => effect(c, { type: "push", on: true }),
  "push.disable": (c) => effect(c, { type: "push", on: false }),
  "notice.close": (c, { id }) => set(c, { notices: c.state.notices.filter((one) => one.id !== id) }),
  reconnect: (c) => effect(c, { type: "connect" }),
  reload: (c) => effect(c, { type: "reload" }),
};

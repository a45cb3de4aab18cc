// The list of conversations: asked for, joined with what is there, and the lines that changes leave.

import { ask, dropConversation, isAsking, learn, meet, set, setConversation, takeAsked, watch } from "./context.js";
import { CHANGES_MAX, idOf, isGroup, keyOf } from "./state.js";
import { messageOf } from "./timeline.js";

/** @import {Context} from "./context.js" */
/** @import {Change, Conversation, Key, ServerFrame} from "./types.js" */

/** @param {Context} c @param {number} [before] */
export function loadList(c, before) {
  const purpose = before === undefined ? "list" : "list.more";
  if (isAsking(c, purpose)) return;
  const bound = Math.max(0, ...Object.values(c.state.conversations).map(({ activity }) => activity));
  ask(c, { type: "conversations", ...(before === undefined ? {} : { before }) }, { purpose, bound });
}

/** @param {Context} c @param {ServerFrame} frame */
export function listAnswered(c, { ref, conversations, more }) {
  const asked = takeAsked(c, ref);
  if (!asked) return;
  const keys = new Set();
  for (const item of conversations) {
    const key = keyOf(item, c.state.me?.id);
    keys.add(key);
    takeItem(c, key, item);
  }
  if (asked.purpose === "list") {
    const lowest = more ? conversations[conversations.length - 1].activity : 0;
    const highest = Math.max(asked.bound ?? 0, conversations[0]?.activity ?? 0);
    for (const { key, activity } of Object.values(c.state.conversations)) {
      const isGone = !keys.has(key) && activity > 0 && activity >= lowest && activity <= highest;
      if (isGone && key !== c.state.open) dropConversation(c, key);
    }
  }
  set(c, { listed: true, moreConversations: more });
  watch(c, true);
}

/** @param {Context} c @param {Key} key @param {any} item */
function takeItem(c, key, item) {
  const old = c.state.conversations[key];
  if (!isGroup(key)) learn(c, idOf(key), item.name, item.picture ?? null);
  else if (item.last) meet(c, item.last.from);
  /** @type {Partial<Conversation>} */
  const changes = {
    name: item.name ?? null,
    days: item.days ?? null,
    request: item.request === true,
    read: Math.max(old?.read ?? 0, item.read ?? 0),
    deliveredTo: Math.max(old?.deliveredTo ?? 0, item.delivered_to ?? 0),
    readBy: Math.max(old?.readBy ?? 0, item.read_by ?? 0),
    pinned: false,
    archived: false,
    marked: false,
    mutedUntil: 0,
    ...settingsOf({ ...item, unread: undefined }),
    picture: item.picture ?? null,
    ...(isGroup(key) ? { role: item.role ?? null } : {}),
  };
  // What was sent since the question is newer than the answer.
  if (!old || old.activity <= item.activity || !old.last) {
    const last = item.last ? messageOf(item.last) : null;
    const sameLast = JSON.stringify(last) === JSON.stringify(old?.last) ? old.last : last;
    Object.assign(changes, { last: sameLast, activity: item.activity, unread: item.unread ?? 0 });
  }
  setConversation(c, key, changes);
}

/** Settings of a conversation, in an event or in the list. @param {any} from */
export function settingsOf(from) {
  const { muted_until: mutedUntil, pinned, archived } = from;
  const marked = typeof from.unread === "boolean" ? from.unread : from.marked_unread;
  return {
    ...(mutedUntil === undefined ? {} : { mutedUntil: mutedUntil ?? 0 }),
    ...(pinned === undefined ? {} : { pinned }),
    ...(archived === undefined ? {} : { archived }),
    ...(marked === undefined ? {} : { marked }),
  };
}

/** @param {Context} c @param {Key} key @param {Change} change */
export function addChange(c, key, change) {
  const conversation = c.state.conversations[key];
  const changes = conversation?.changes ?? [];
  if (changes.some(({ seq }) => seq === change.seq)) return;
  const after = conversation?.last?.id ?? 0;
  const next = [...changes, { ...change, after }].sort((a, b) => a.seq - b.seq).slice(-CHANGES_MAX);
  // The change has a number among the messages, which is not said; the list's order is by those.
  const top = Math.max(0, ...Object.values(c.state.conversations).map(({ activity }) => activity));
  setConversation(c, key, { changes: next, activity: conversation?.activity === top ? top : top + 0.001 });
}

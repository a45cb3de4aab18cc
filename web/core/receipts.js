// Who has got and read what. Receipts are watermarks: one covers all earlier messages of its conversation.

import { effect, placeOf, set, setConversation, setTimeline, watch } from "./context.js";
import { loadList } from "./list.js";
import { EARLY_MAX, idOf, isGroup } from "./state.js";

/** @import {Context} from "./context.js" */
/** @import {Key, Member, Message, ServerFrame} from "./types.js" */

/** @param {Context} c @param {ServerFrame} frame */
export function receipt(c, frame) {
  const kind = frame.type === "read" ? "read" : "delivered";
  const key = placeOf(c.state, frame.id);
  if (key) return apply(c, key, kind, frame.id, frame.by, frame.all === true);
  // Of a message that is not loaded: it counts once that is.
  const early = [...c.state.early.filter((one) => one.id !== frame.id || one.by !== frame.by || one.kind !== kind)];
  early.push({ id: frame.id, by: frame.by, kind });
  set(c, { early: early.slice(-EARLY_MAX) });
  // Read on another device, or too many to remember: the list has the numbers.
  if (frame.by === c.state.me?.id || early.length > EARLY_MAX) loadList(c);
}

/** Receipts that came before their message. @param {Context} c @param {Key} key @param {Message[]} messages */
export function applyEarly(c, key, messages) {
  if (c.state.early.length === 0) return;
  const ids = new Set(messages.map(({ id }) => id));
  const found = c.state.early.filter(({ id }) => ids.has(id));
  if (found.length === 0) return;
  set(c, { early: c.state.early.filter(({ id }) => !ids.has(id)) });
  for (const { id, by, kind } of found) apply(c, key, kind, id, by, false);
}

/**
 * @param {Context} c @param {Key} key @param {"delivered" | "read"} kind @param {number} id @param {number} by
 * @param {boolean} isAll
 */
function apply(c, key, kind, id, by, isAll) {
  const conversation = c.state.conversations[key];
  if (!conversation) return;
  if (by === c.state.me?.id) {
    if (kind === "read") readUpTo(c, key, id);
    return;
  }
  const name = kind === "read" ? "readBy" : "deliveredTo";
  // Who accepts a request sends receipts from then on, and shows whether they are online.
  const isFirst = !isGroup(key) && conversation.deliveredTo === 0 && conversation.readBy === 0;
  if (!isGroup(key) || isAll) setConversation(c, key, { [name]: Math.max(conversation[name], id) });
  if (isFirst) watch(c, true);
  const group = isGroup(key) ? c.state.groups[idOf(key)] : undefined;
  if (!group) return;
  const members = group.members.map((member) =>
    member.id === by || (isAll && member.role !== "invited")
      ? { ...member, [kind]: Math.max(member[kind], id) }
      : member,
  );
  set(c, { groups: { ...c.state.groups, [group.id]: { ...group, members } } });
  raise(c, key, members);
}

/** In a group a message has arrived once all others have it. @param {Context} c @param {Key} key @param {Member[]} members */
export function raise(c, key, members) {
  const others = members.filter(({ id, role }) => id !== c.state.me?.id && role !== "invited");
  const conversation = c.state.conversations[key];
  if (others.length === 0 || !conversation) return;
  const lowest = (/** @type {"delivered" | "read"} */ kind) => Math.min(...others.map((member) => member[kind]));
  setConversation(c, key, {
    deliveredTo: Math.max(conversation.deliveredTo, lowest("delivered")),
    readBy: Math.max(conversation.readBy, lowest("read")),
  });
}

/** This account has read a conversation up to a message, here or on another device. */
export function readUpTo(/** @type {Context} */ c, /** @type {Key} */ key, /** @type {number} */ id) {
  const conversation = c.state.conversations[key];
  if (!conversation || id <= conversation.read) return;
  const timeline = c.state.timelines[key];
  const isExact = timeline && !timeline.newer && timeline.messages[0]?.id <= id;
  const left = isExact
    ? timeline.messages.filter((one) => one.id > id && one.from !== c.state.me?.id && !one.deleted).length
    : id >= (conversation.last?.id ?? 0)
      ? 0
      : conversation.unread;
  setConversation(c, key, { read: id, unread: Math.min(left, conversation.unread) });
  if (left === 0) {
    effect(c, { type: "unnotify", key });
    if (timeline && timeline.below > 0 && timeline.atEnd) setTimeline(c, key, { below: 0 });
  }
}

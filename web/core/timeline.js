// Messages of one conversation in order, and what events change in them. Order is by id, never by time.

import { TIMELINE_KEPT, TIMELINE_MAX } from "./state.js";

/** @import {Message, MessageChange, Reaction, Timeline} from "./types.js" */

/** A frame's message without what only the frame needs. @param {any} frame @returns {Message} */
export function messageOf(frame) {
  const { id, from, at, content, reply_to, edited_at, deleted, files, reactions } = frame;
  /** @type {Message} */
  const message = { id, from, at, content: content ?? "" };
  if (reply_to) message.reply_to = reply_to;
  if (edited_at) message.edited_at = edited_at;
  if (deleted) message.deleted = true;
  if (files?.length) message.files = files;
  if (reactions?.length) message.reactions = reactions;
  return message;
}

/** Where a message of this id is or would be. @param {Message[]} messages @param {number} id */
export function indexOf(messages, id) {
  let [low, high] = [0, messages.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (messages[middle].id < id) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** @param {Message[]} messages @param {number} id */
export function find(messages, id) {
  const message = messages[indexOf(messages, id)];
  return message?.id === id ? message : undefined;
}

/** What this tab knows of a message and the server does not say again stays. */
function renewed(/** @type {Message | undefined} */ old, /** @type {Message} */ fresh) {
  if (!old) return fresh;
  const next = { ...fresh };
  if (old.ref) next.ref = old.ref;
  if (old.pending && !fresh.deleted) next.pending = old.pending;
  return next;
}

/** @param {Message[]} messages @param {Message} message @param {boolean} [isEvent] events carry no reactions */
export function insert(messages, message, isEvent = false) {
  const at = indexOf(messages, message.id);
  const old = messages[at]?.id === message.id ? messages[at] : undefined;
  const next = renewed(old, message);
  if (isEvent && old?.reactions && !next.deleted) next.reactions = old.reactions;
  return [...messages.slice(0, at), next, ...messages.slice(old ? at + 1 : at)];
}

/** @param {Reaction[] | undefined} reactions @param {number} by @param {string | null} emoji */
export function reacted(reactions, by, emoji) {
  const others = (reactions ?? []).filter((reaction) => reaction.by !== by);
  return emoji === null ? others : [{ by, emoji }, ...others];
}

/** @param {Message} message @param {MessageChange} change @returns {Message} */
export function changed(message, change) {
  const { pending: _, ...rest } = message;
  if (change.deleted) {
    const { files: _files, reactions: _reactions, edited_at: _edited, ...left } = rest;
    return { ...left, content: "", deleted: true };
  }
  if (change.react) {
    const reactions = reacted(rest.reactions, change.react.by, change.react.emoji);
    return { ...rest, reactions };
  }
  if (rest.deleted) return rest;
  return { ...rest, content: change.content ?? rest.content, edited_at: change.edited_at ?? rest.edited_at };
}

/**
 * The newest page, joined with what is there: what is older stays if there is no hole between, what is newer stays.
 * What the page should have and has not is gone on the server.
 * @param {Timeline} timeline @param {Message[]} page @param {boolean} more
 * @returns {{timeline: Timeline, isReplaced: boolean}}
 */
export function joinNewest(timeline, page, more) {
  const { messages } = timeline;
  if (page.length === 0) {
    return { timeline: { ...timeline, messages: [], older: more, newer: false }, isReplaced: true };
  }
  const [first, last] = [page[0].id, page[page.length - 1].id];
  const from = indexOf(messages, first);
  const overlaps = messages.length > 0 && messages[messages.length - 1].id >= first;
  const isReplaced = !more || !overlaps;
  const before = isReplaced ? [] : messages.slice(0, from);
  const after = timeline.newer ? [] : messages.filter((message) => message.id > last);
  const fresh = page.map((message) => renewed(find(messages, message.id), message));
  const older = isReplaced || from === 0 ? more : timeline.older;
  return { timeline: { ...timeline, messages: [...before, ...fresh, ...after], older, newer: false }, isReplaced };
}

/** @param {Timeline} timeline @param {Message[]} page @param {boolean} more @returns {Timeline} */
export function joinOlder(timeline, page, more) {
  const first = timeline.messages[0]?.id ?? Infinity;
  const messages = [...page.filter((message) => message.id < first), ...timeline.messages];
  const next = { ...timeline, messages, older: more };
  if (messages.length <= TIMELINE_MAX) return next;
  return { ...next, messages: messages.slice(0, TIMELINE_MAX), newer: true };
}

/** @param {Timeline} timeline @param {Message[]} page @param {boolean} more @returns {Timeline} */
export function joinNewer(timeline, page, more) {
  const last = timeline.messages[timeline.messages.length - 1]?.id ?? 0;
  const messages = [...timeline.messages, ...page.filter((message) => message.id > last)];
  return trimOldest({ ...timeline, messages, newer: more }, TIMELINE_MAX);
}

/** @param {Timeline} timeline @param {number} count @returns {Timeline} */
export function trimOldest(timeline, count) {
  const { messages } = timeline;
  if (messages.length <= count) return timeline;
  return { ...timeline, messages: messages.slice(-count), older: true };
}

/** What stays of a conversation that is left: its end, or nothing if the end is not loaded. @param {Timeline} timeline */
export function rest(timeline) {
  const left = { ...timeline, unreadAfter: null, below: 0, target: null, error: null, loading: null, atEnd: true };
  if (timeline.newer) return { ...left, messages: [], older: true, newer: false };
  return trimOldest(left, TIMELINE_KEPT);
}

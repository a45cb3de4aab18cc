// Opening a conversation, and pages of its history and of search results, joined with what is there.

import {
  ask,
  dropConversation,
  effect,
  isAsking,
  look,
  meet,
  notice,
  set,
  setConversation,
  setDraft,
  setTimeline,
  takeAsked,
  turn,
  without,
  write,
} from "./context.js";
import { attach } from "./outbox.js";
import { applyEarly } from "./receipts.js";
import { PAGE, PAGE_MAX, TIMELINES_MAX, hashOf, idOf, isGroup, keyOf, newTimeline, partner } from "./state.js";
import { find, joinNewer, joinNewest, joinOlder, messageOf, rest } from "./timeline.js";

/** @import {Context} from "./context.js" */
/** @import {Asked, Key, Message, ServerFrame} from "./types.js" */

// ------------------------------------------------------------------------------------------------ opening and leaving

/**
 * Opens a conversation, at a message if one is given; `null` leaves the open one.
 * @param {Context} c @param {Key | null} key @param {number} [id] @param {boolean} [replace] the address, in the history
 */
export function openConversation(c, key, id = 0, replace = false) {
  const before = c.state.open;
  effect(c, { type: "hash", hash: hashOf(key, id), replace });
  if (key === before) {
    if (key && id) jump(c, key, id);
    return;
  }
  if (before) leave(c, before);
  set(c, { open: key, announce: null });
  if (!key) return;
  if (!isGroup(key)) look(c, idOf(key));
  if (!c.state.conversations[key]) {
    setConversation(c, key, { name: c.state.people[idOf(key)]?.name ?? null });
  }
  const { unread, read, marked } = c.state.conversations[key];
  if (!c.state.timelines[key]) {
    setTimeline(c, key, {});
    effect(c, { type: "cache", key });
  }
  setTimeline(c, key, { unreadAfter: unread > 0 ? read : null, below: 0, atEnd: true });
  if (marked) {
    setConversation(c, key, { marked: false });
    ask(c, { type: "conversation.set", ...partner(key), unread: false }, { keep: true });
  }
  if (isGroup(key)) ask(c, { type: "group.show", group: idOf(key) });
  effect(c, { type: "unnotify", key });
  takeShared(c, key);
  if (id) jump(c, key, id);
  else if (unread > PAGE_MAX - 20 && !c.state.timelines[key].confirmed) around(c, key, read, false);
  else {
    // One page that goes back to the first unread message.
    if (!c.state.timelines[key].confirmed) loadNewest(c, key, unread > PAGE - 10 ? unread + 20 : PAGE);
    if (unread > 0) aim(c, key);
  }
}

/** What another app shared comes into this conversation's composer. @param {Context} c @param {Key} key */
function takeShared(c, key) {
  const { shared, notices, drafts } = c.state;
  if (!shared) return;
  set(c, { shared: null, notices: notices.filter(({ kind }) => kind !== "share_where") });
  if (shared.text) setDraft(c, key, { text: [drafts[key]?.text, shared.text].filter(Boolean).join("\n") });
  if (shared.files.length > 0) attach(c, key, shared.files);
}

/** @param {Context} c @param {Key} key */
function leave(c, key) {
  const timeline = c.state.timelines[key];
  if (!timeline) return;
  const kept = rest(timeline);
  // The latest left comes last; the earliest left is forgotten first.
  const others = Object.entries(without(c.state.timelines, key)).slice(-(TIMELINES_MAX - 2));
  const isConfirmed = timeline.confirmed && kept.messages.length > 0;
  set(c, { timelines: { ...Object.fromEntries(others), [key]: { ...kept, confirmed: isConfirmed } } });
  // Nobody said or will say anything here: it was only looked at.
  const conversation = c.state.conversations[key];
  const hasDraft = c.state.drafts[key]?.text || c.state.outgoing.some((one) => one.key === key);
  if (conversation?.activity === 0 && !conversation.last && !hasDraft && !isGroup(key)) dropConversation(c, key);
}

/** Brings the unread line into view. @param {Context} c @param {Key} key */
function aim(c, key) {
  const { messages, unreadAfter } = c.state.timelines[key];
  const first = messages.find(({ id, from }) => unreadAfter !== null && id > unreadAfter && from !== c.state.me?.id);
  if (first) setTimeline(c, key, { target: { id: first.id, turn: turn(c), focus: false } });
}

// -------------------------------------------------------------------------------------------------------------- pages

/** @param {Context} c @param {Key} key @param {number} [limit] */
export function loadNewest(c, key, limit = PAGE) {
  setTimeline(c, key, { loading: "first", error: null });
  if (isAsking(c, "first", key)) return;
  ask(c, { type: "history", ...partner(key), limit }, { purpose: "first", key });
}

/** @param {Context} c @param {Key} key @param {"older" | "newer"} side */
export function loadMore(c, key, side) {
  const timeline = c.state.timelines[key];
  if (!timeline?.[side] || timeline.loading || timeline.messages.length === 0) return;
  const { messages } = timeline;
  const from = side === "older" ? { before: messages[0].id } : { after: messages[messages.length - 1].id };
  setTimeline(c, key, { loading: side, error: null });
  ask(c, { type: "history", ...partner(key), ...from, limit: PAGE }, { purpose: side, key });
}

/** @param {Context} c @param {Key} key @param {number} id @param {boolean} isJump */
function around(c, key, id, isJump) {
  setTimeline(c, key, { loading: "around", error: null });
  const target = isJump ? id : 0;
  const place = id > 0 ? { around: id } : { after: 0 };
  ask(c, { type: "history", ...partner(key), ...place, limit: PAGE }, { purpose: "around", key, target });
}

/** Shows a message: where it is, or with the page around it. @param {Context} c @param {Key} key @param {number} id */
export function jump(c, key, id) {
  const timeline = c.state.timelines[key] ?? newTimeline(key);
  if (find(timeline.messages, id)) setTimeline(c, key, { target: { id, turn: turn(c), focus: true } });
  else around(c, key, id, true);
}

/** To the first unread message if it is below, else to the end. @param {Context} c @param {Key} key */
export function toNewest(c, key) {
  const timeline = c.state.timelines[key];
  if (!timeline) return;
  if (timeline.newer) {
    setTimeline(c, key, { messages: [], older: true, newer: false, confirmed: false });
    loadNewest(c, key);
  }
  setTimeline(c, key, { below: 0, atEnd: true, target: { id: 0, turn: turn(c), focus: false } });
}

/** @param {Context} c @param {ServerFrame} frame */
export function historyAnswered(c, frame) {
  const asked = takeAsked(c, frame.ref);
  if (!asked?.key) return;
  const { key, purpose } = asked;
  /** @type {Message[]} */
  const page = frame.messages.map(messageOf);
  for (const from of new Set(page.map((message) => message.from))) meet(c, from);
  const timeline = c.state.timelines[key] ?? newTimeline(key);
  const done = { loading: null, error: null, confirmed: true };
  if (purpose === "older") {
    if (page.length && page[page.length - 1].id >= timeline.messages[0]?.id) setTimeline(c, key, done);
    else setTimeline(c, key, { ...joinOlder(timeline, page, frame.more), ...done });
  } else if (purpose === "newer") {
    setTimeline(c, key, { ...joinNewer(timeline, page, frame.more), ...done });
  } else if (purpose === "around") {
    showAround(c, key, page, frame, asked);
  } else {
    const { timeline: joined, isReplaced } = joinNewest(timeline, page, frame.more);
    if (isReplaced) write(c, { drop: "messages", key });
    setTimeline(c, key, { ...joined, ...done });
    if (timeline.messages.length === 0 && timeline.unreadAfter !== null) aim(c, key);
  }
  // The database has what is joined to the end, and nothing else.
  if (!c.state.timelines[key].newer || purpose === "first") write(c, { put: "messages", key, messages: page });
  applyEarly(c, key, page);
}

/** @param {Context} c @param {Key} key @param {Message[]} page @param {ServerFrame} frame @param {Asked} asked */
function showAround(c, key, page, frame, { target, frame: question }) {
  const isFromStart = "after" in question;
  const newer = isFromStart ? frame.more : frame.more_after === true;
  setTimeline(c, key, {
    messages: page,
    older: !isFromStart && frame.more,
    newer,
    loading: null,
    error: null,
    confirmed: !newer,
  });
  if (!newer) write(c, { drop: "messages", key });
  if (!target) return aim(c, key);
  if (find(page, target)) setTimeline(c, key, { target: { id: target, turn: turn(c), focus: true } });
  else notice(c, "not_found");
}

// ------------------------------------------------------------------------------------------------------------- search

/** @param {Context} c @param {boolean} isMore */
export function search(c, isMore) {
  const { text, hits } = c.state.search;
  const before = isMore && hits?.length ? { before: hits[hits.length - 1].id } : {};
  const ref = ask(c, { type: "search", text, limit: 30, ...before }, { purpose: "search" });
  set(c, { search: { ...c.state.search, busy: true, ref, hits: isMore ? hits : null, error: null } });
}

/** @param {Context} c @param {ServerFrame} frame */
export function searchAnswered(c, { ref, messages, more }) {
  if (!takeAsked(c, ref) || ref !== c.state.search.ref) return;
  const me = c.state.me?.id;
  const found = messages.map((/** @type {any} */ frame) => ({ ...messageOf(frame), key: keyOf(frame, me) })).reverse();
  for (const hit of found) {
    meet(c, hit.from);
    if (!isGroup(hit.key)) meet(c, idOf(hit.key));
  }
  const hits = [...(c.state.search.hits ?? []), ...found];
  set(c, { search: { ...c.state.search, busy: false, hits, more } });
}

/** @param {Context} c @param {Key} key @param {Message[]} messages */
export function cached(c, key, messages) {
  const timeline = c.state.timelines[key];
  if (!timeline || timeline.messages.length > 0 || timeline.confirmed) return;
  setTimeline(c, key, { messages });
  if (timeline.unreadAfter !== null) aim(c, key);
}

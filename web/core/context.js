// What one step of the reducer works on, and the small changes that many handlers need.

import {
  EMPTY_DRAFT,
  LOOK_AGAIN,
  NOTICES_MAX,
  WATCHED_MAX,
  idOf,
  isGroup,
  newConversation,
  newTimeline,
  userKey,
} from "./state.js";
import { changed, find, indexOf } from "./timeline.js";

/** @import {Asked, ClientFrame, Conversation, Draft, Effect, Key, Message, MessageChange, Notice, NoticeKind, Outgoing,
 *  State, Timeline, Upload, Write} from "./types.js" */

/**
 * One step: `state` is replaced, never changed; `effects` and `writes` are collected.
 * @typedef {{state: State, effects: Effect[], writes: Write[], now: number, ref: string, count: number}} Context
 */

/** @param {Context} c @param {Partial<State>} changes */
export function set(c, changes) {
  c.state = { ...c.state, ...changes };
}

/** @param {Context} c @param {Effect} effect */
export const effect = (c, effect) => void c.effects.push(effect);

/** @param {Context} c @param {Write} write */
export const write = (c, write) => void c.writes.push(write);

/** A new ref in this step. @param {Context} c */
export const nextRef = (c) => (c.count++ === 0 ? c.ref : `${c.ref}.${c.count}`);

/** A number that was not given before. @param {Context} c */
export function turn(c) {
  set(c, { turn: c.state.turn + 1 });
  return c.state.turn;
}

/** The server's clock, as far as it is known. @param {Context} c */
export const serverNow = (c) => c.now + c.state.clock.offset;

/** Another object without one key. @template T @param {Record<string, T>} all @param {string | number} key */
export function without(all, key) {
  if (!(key in all)) return all;
  const { [key]: _, ...others } = all;
  return others;
}

/** @param {Context} c @param {Key} key @param {Partial<Conversation>} changes */
export function setConversation(c, key, changes) {
  const old = c.state.conversations[key];
  const isSame = old && Object.entries(changes).every(([name, value]) => /** @type {any} */ (old)[name] === value);
  if (isSame) return;
  const value = { ...(old ?? newConversation(key)), ...changes };
  set(c, { conversations: { ...c.state.conversations, [key]: value } });
  // Later ones of one step stand in for earlier ones.
  c.writes = c.writes.filter((write) => !("put" in write && write.put === "conversation" && write.value.key === key));
  write(c, { put: "conversation", value });
}

/** @param {Context} c @param {Key} key */
export function dropConversation(c, key) {
  set(c, {
    conversations: without(c.state.conversations, key),
    timelines: without(c.state.timelines, key),
  });
  write(c, { drop: "conversation", key });
  write(c, { drop: "messages", key });
  effect(c, { type: "unnotify", key });
}

/** @param {Context} c @param {Key} key @param {Partial<Timeline>} changes */
export function setTimeline(c, key, changes) {
  const value = { ...(c.state.timelines[key] ?? newTimeline(key)), ...changes };
  set(c, { timelines: { ...c.state.timelines, [key]: value } });
}

/** @param {Context} c @param {Key} key @param {Partial<Draft>} changes @param {boolean} [isTyping] */
export function setDraft(c, key, changes, isTyping = false) {
  const old = c.state.drafts[key] ?? EMPTY_DRAFT;
  const value = { ...old, ...changes, turn: isTyping ? old.turn : turn(c) };
  const isEmpty = !value.text && !value.reply && !value.editing && value.uploads.length === 0;
  set(c, { drafts: { ...c.state.drafts, [key]: value } });
  write(c, { put: "draft", key, value: isEmpty ? null : value });
  effect(c, { type: "tell", event: { type: "draft.other", key, draft: value } });
}

/** @param {Context} c @param {NoticeKind} kind @param {Partial<Notice>} [more] */
export function notice(c, kind, more = {}) {
  const rest = c.state.notices.filter((notice) => notice.kind !== kind || notice.text !== (more.text ?? ""));
  const added = { id: turn(c), kind, level: /** @type {const} */ ("info"), text: "", ...more };
  set(c, { notices: [...rest, added].slice(-NOTICES_MAX) });
}

/** The server's sentence. @param {Context} c @param {string} text */
export const complain = (c, text) => notice(c, "server", { text, level: "error" });

/**
 * Asks the server; what changes something is kept until it is answered.
 * @param {Context} c @param {ClientFrame} frame @param {Omit<Asked, "frame" | "keep"> & {keep?: boolean}} [more]
 */
export function ask(c, frame, { keep = false, ...more } = {}) {
  const ref = nextRef(c);
  const value = { frame: { ...frame, ref }, keep, ...more };
  set(c, { asked: { ...c.state.asked, [ref]: value } });
  if (keep) {
    write(c, { put: "asked", ref, value });
    effect(c, { type: "tell", event: { type: "asked.other", ref, value } });
  }
  effect(c, { type: "frame", frame: value.frame });
  return ref;
}

/** Takes the request that a frame answers. @param {Context} c @param {string | undefined} ref */
export function takeAsked(c, ref) {
  const asked = ref === undefined ? undefined : c.state.asked[ref];
  if (ref === undefined || !asked) return undefined;
  set(c, { asked: without(c.state.asked, ref) });
  if (asked.keep) write(c, { drop: "asked", ref });
  return asked;
}

/** Whether the same page of it is being asked for. @param {Context} c @param {Asked["purpose"]} purpose @param {Key} [key] */
export const isAsking = (c, purpose, key) =>
  Object.values(c.state.asked).some((asked) => asked.purpose === purpose && asked.key === key);

/** The conversation in whose loaded messages this one is. @param {State} state @param {number} id */
export function placeOf(state, id) {
  for (const timeline of Object.values(state.timelines)) {
    if (find(timeline.messages, id)) return timeline.key;
  }
  return Object.values(state.conversations).find((conversation) => conversation.last?.id === id)?.key;
}

/** Changes a message wherever it is: in memory, as the last line of a conversation, in the database, in results. */
export function changeMessage(/** @type {Context} */ c, /** @type {number} */ id, /** @type {MessageChange} */ change) {
  write(c, { patch: id, change });
  editMessage(c, id, (message) => changed(message, change));
  const place = Object.values(c.state.conversations).find((conversation) => conversation.last?.id === id);
  if (place?.last && !change.react) {
    const last = { ...place.last, content: change.content ?? "" };
    if (change.deleted) {
      last.deleted = true;
      delete last.files;
    }
    if (!place.last.deleted || change.deleted) setConversation(c, place.key, { last });
  }
  const { hits } = c.state.search;
  if (hits?.some((hit) => hit.id === id)) {
    const next = hits.map((hit) => (hit.id === id ? { ...hit, ...changed(hit, change) } : hit));
    set(c, { search: { ...c.state.search, hits: next } });
  }
}

/** Changes a message in memory only. @param {Context} c @param {number} id @param {(message: Message) => Message} edit */
export function editMessage(c, id, edit) {
  for (const timeline of Object.values(c.state.timelines)) {
    const at = indexOf(timeline.messages, id);
    const message = timeline.messages[at];
    if (message?.id !== id) continue;
    const messages = timeline.messages.slice();
    messages[at] = edit(message);
    setTimeline(c, timeline.key, { messages });
  }
}

/** Asks for the name of an account, once. @param {Context} c @param {number | undefined} id */
export function meet(c, id) {
  if (!id || c.state.people[id] || id === c.state.me?.id) return;
  set(c, { people: { ...c.state.people, [id]: { id, name: null } } });
  effect(c, { type: "call", call: "user", args: { id } });
}

/** Asks for the name and the picture of an account that is looked at: no event says that they have changed. @param {Context} c @param {number} id */
export function look(c, id) {
  if (id === c.state.me?.id) return;
  const person = c.state.people[id] ?? { id, name: null };
  if (c.now - (person.lookedAt ?? -Infinity) < LOOK_AGAIN) return;
  set(c, { people: { ...c.state.people, [id]: { ...person, lookedAt: c.now } } });
  effect(c, { type: "call", call: "user", args: { id } });
}

/** @param {Context} c @param {number | undefined} id @param {string | null | undefined} name @param {string | null} [picture] */
export function learn(c, id, name, picture) {
  if (!id || !name) return;
  const old = c.state.people[id];
  if (old?.name === name && (picture === undefined || old.picture === picture)) return;
  const person = { ...old, id, name, ...(picture === undefined ? {} : { picture }) };
  set(c, { people: { ...c.state.people, [id]: person } });
  write(c, { put: "people", value: [person] });
  const key = userKey(id);
  if (c.state.conversations[key]) {
    setConversation(c, key, { name, ...(picture === undefined ? {} : { picture }) });
  }
}

/** Asks for the presence of those in the list, if it is others than before. @param {Context} c @param {boolean} [again] */
export function watch(c, again = false) {
  const ids = Object.values(c.state.conversations)
    .filter(({ key, request }) => !isGroup(key) && !request && idOf(key) !== c.state.me?.id)
    .sort((a, b) => b.activity - a.activity)
    .slice(0, WATCHED_MAX)
    .map(({ key }) => idOf(key))
    .sort((a, b) => a - b);
  const watched = ids.join(" ");
  if (watched === c.state.watched && !again) return;
  set(c, { watched });
  effect(c, { type: "frame", frame: { type: "presence", ids } });
}

/** @param {Context} c @param {string} ref */
export function dropOutgoing(c, ref) {
  const dropped = c.state.outgoing.find((outgoing) => outgoing.ref === ref);
  if (!dropped) return undefined;
  set(c, { outgoing: c.state.outgoing.filter((outgoing) => outgoing !== dropped) });
  write(c, { drop: "outgoing", ref });
  for (const id of dropped.uploads) dropUpload(c, id);
  return dropped;
}

/** @param {Context} c @param {Outgoing} value */
export function setOutgoing(c, value) {
  const isKnown = c.state.outgoing.some((outgoing) => outgoing.ref === value.ref);
  const outgoing = isKnown
    ? c.state.outgoing.map((old) => (old.ref === value.ref ? value : old))
    : [...c.state.outgoing, value];
  set(c, { outgoing });
  write(c, { put: "outgoing", value });
}

/** @param {Context} c @param {string} id */
export function dropUpload(c, id) {
  if (!c.state.uploads[id]) return;
  set(c, { uploads: without(c.state.uploads, id) });
  write(c, { drop: "upload", id });
}

/** @param {Context} c @param {Upload} value */
export function setUpload(c, value) {
  set(c, { uploads: { ...c.state.uploads, [value.id]: value } });
}

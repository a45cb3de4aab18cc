// Messages that wait for the server: written down first, then sent, and sent again under the same ref until answered.

import {
  complain,
  dropOutgoing,
  dropUpload,
  effect,
  nextRef,
  notice,
  serverNow,
  set,
  setConversation,
  setDraft,
  setOutgoing,
  write,
} from "./context.js";

import { EMPTY_DRAFT, receiver } from "./state.js";
import { byteLength, sendable } from "./text.js";

/** @import {Context} from "./context.js" */
/** @import {ClientFrame, FileInfo, Key, Outgoing} from "./types.js" */

/** Whether all its files are on the server. @param {Context} c @param {Outgoing} outgoing */
const isReady = (c, outgoing) => outgoing.uploads.every((id) => c.state.uploads[id]?.status === "ready");

/** @param {Context} c @param {Outgoing} outgoing @returns {ClientFrame} */
export function frameOf(c, { ref, key, content, reply_to, uploads, files }) {
  const ids = [...uploads.map((id) => c.state.uploads[id]?.file?.id), ...(files ?? []).map(({ id }) => id)];
  return {
    type: "message",
    ...receiver(key),
    content,
    ref,
    ...(reply_to ? { reply_to } : {}),
    ...(ids.length ? { files: ids } : {}),
  };
}

/**
 * Sends what is ready, in the order in which it was written: a message waits for the files of those before it in its
 * conversation.
 * @param {Context} c @param {(outgoing: Outgoing) => boolean} [which]
 */
export function flush(c, which = () => true) {
  const held = new Set();
  for (const outgoing of c.state.outgoing) {
    if (outgoing.error !== null || held.has(outgoing.key)) continue;
    if (!isReady(c, outgoing)) held.add(outgoing.key);
    else if (which(outgoing)) effect(c, { type: "frame", frame: frameOf(c, outgoing) });
  }
}

/** Says again what was not answered; what it was about is the same. @param {Context} c */
export function reconnected(c) {
  for (const { frame } of Object.values(c.state.asked)) {
    const isSent = c.effects.some((done) => done.type === "frame" && done.frame.ref === frame.ref);
    if (!isSent) effect(c, { type: "frame", frame });
  }
  flush(c);
  for (const { id, status } of Object.values(c.state.uploads)) {
    if (status === "waiting") effect(c, { type: "upload", id });
  }
}

/** Says again what was refused for the rate. @param {Context} c */
export function sayAgain(c) {
  const again = new Set(c.state.outgoing.filter((one) => one.again).map(({ ref }) => ref));
  const asked = Object.entries(c.state.asked).filter(([, one]) => one.again);
  if (again.size === 0 && asked.length === 0) return;
  const calm = asked.map(([ref, { again: _, ...one }]) => [ref, one]);
  set(c, {
    outgoing: c.state.outgoing.map(({ again: _, ...one }) => one),
    asked: { ...c.state.asked, ...Object.fromEntries(calm) },
  });
  for (const [, { frame }] of asked) effect(c, { type: "frame", frame });
  flush(c, ({ ref }) => again.has(ref));
}

/**
 * Puts a message into the outbox. The draft is emptied in the same step, and in the same write.
 * @param {Context} c @param {Key} key @param {string} text @param {{files?: FileInfo[]}} [more]
 */
export function post(c, key, text, { files } = {}) {
  const draft = files ? EMPTY_DRAFT : (c.state.drafts[key] ?? EMPTY_DRAFT);
  const content = sendable(text).trim();
  if (!content && draft.uploads.length === 0 && !files?.length) return;
  if (byteLength(content) > c.state.limits.contentMax) return notice(c, "text_too_long", { level: "error" });
  /** @type {Outgoing} */
  const outgoing = {
    ref: nextRef(c),
    key,
    content,
    at: serverNow(c),
    uploads: draft.uploads,
    error: null,
    ...(draft.reply ? { reply_to: draft.reply } : {}),
    ...(files?.length ? { files } : {}),
  };
  setOutgoing(c, outgoing);
  if (!files) setDraft(c, key, { text: "", reply: null, uploads: [] });
  setConversation(c, key, { request: false });
  effect(c, { type: "tell", event: { type: "outgoing.other", value: outgoing } });
  flush(c, ({ ref }) => ref === outgoing.ref);
}

/** @param {Context} c @param {string} ref */
export function retry(c, ref) {
  const outgoing = c.state.outgoing.find((one) => one.ref === ref);
  if (!outgoing) return;
  const failed = outgoing.uploads.filter((id) => c.state.uploads[id]?.status === "failed");
  for (const id of failed) retryUpload(c, id);
  const value = { ...outgoing, error: null };
  setOutgoing(c, value);
  effect(c, { type: "tell", event: { type: "outgoing.other", value } });
  flush(c, (one) => one.ref === ref);
}

/** Puts the text of a message that was not sent back into the composer, if that is empty, and forgets the message. */
export function discard(/** @type {Context} */ c, /** @type {string} */ ref) {
  const dropped = dropOutgoing(c, ref);
  if (!dropped) return;
  effect(c, { type: "tell", event: { type: "discard.other", ref } });
  if (dropped.content && !c.state.drafts[dropped.key]?.text) setDraft(c, dropped.key, { text: dropped.content });
  for (const id of dropped.uploads) effect(c, { type: "upload.stop", id, file: null });
}

// ------------------------------------------------------------------------------------------------------------ uploads

/** @param {Context} c @param {string} id */
export function retryUpload(c, id) {
  const upload = c.state.uploads[id];
  if (!upload) return;
  changeUpload(c, id, { status: "waiting", error: null });
  effect(c, { type: "upload", id });
}

/** @param {Context} c @param {string} id @param {Partial<import("./types.js").Upload>} changes */
export function changeUpload(c, id, changes) {
  const old = c.state.uploads[id];
  if (!old) return;
  const value = { ...old, ...changes };
  set(c, { uploads: { ...c.state.uploads, [id]: value } });
  // Progress alone is not worth a write.
  if (changes.status || changes.file) write(c, { put: "upload", value: { ...value, preview: undefined } });
  if (changes.status === "ready") {
    // What waited behind it in its conversation goes too.
    const held = c.state.outgoing.findIndex(({ uploads }) => uploads.includes(id));
    const from = c.state.outgoing[held];
    if (from) flush(c, (one) => one.key === from.key && c.state.outgoing.indexOf(one) >= held);
    for (const outgoing of c.state.outgoing) {
      if (!outgoing.uploads.includes(id) || !isReady(c, outgoing)) continue;
      const files = outgoing.uploads.map((one) => c.state.uploads[one].file).filter((file) => file !== null);
      const resolved = { ...outgoing, uploads: [], files: [...files, ...(outgoing.files ?? [])] };
      effect(c, { type: "tell", event: { type: "outgoing.other", value: resolved } });
    }
  }
  if (changes.status !== "failed") return;
  const waiting = c.state.outgoing.find(({ uploads }) => uploads.includes(id));
  const sentence = changes.error ?? "";
  if (waiting) setOutgoing(c, { ...waiting, error: sentence });
  else complain(c, sentence);
}

/** @param {Context} c @param {Key} key @param {File[]} files */
export function attach(c, key, files) {
  const draft = c.state.drafts[key] ?? EMPTY_DRAFT;
  const { fileMax, filesMax } = c.state.limits;
  const uploads = [...draft.uploads];
  for (const file of files) {
    if (file.size > fileMax) {
      notice(c, "file_too_big", { level: "error", text: file.name, bytes: fileMax });
      continue;
    }
    if (uploads.length >= filesMax) {
      notice(c, "files_too_many", { level: "error" });
      break;
    }
    const id = nextRef(c);
    const { name, type, size } = file;
    const value = { id, name, type, size, status: /** @type {const} */ ("waiting"), sent: 0, file: null, error: null };
    set(c, { uploads: { ...c.state.uploads, [id]: value } });
    uploads.push(id);
    effect(c, { type: "prepare", id, file });
  }
  if (uploads.length > draft.uploads.length) setDraft(c, key, { uploads }, true);
}

/** @param {Context} c @param {string} id */
export function cancelUpload(c, id) {
  const upload = c.state.uploads[id];
  if (!upload) return;
  effect(c, { type: "upload.stop", id, file: upload.file?.id ?? null });
  for (const [key, draft] of Object.entries(c.state.drafts)) {
    if (!draft.uploads.includes(id)) continue;
    setDraft(c, /** @type {Key} */ (key), { uploads: draft.uploads.filter((one) => one !== id) }, true);
  }
  for (const outgoing of c.state.outgoing) {
    if (!outgoing.uploads.includes(id)) continue;
    const value = { ...outgoing, uploads: outgoing.uploads.filter((one) => one !== id), error: null };
    if (value.content || value.uploads.length || value.files?.length) setOutgoing(c, value);
    else discard(c, outgoing.ref);
  }
  dropUpload(c, id);
  flush(c);
}

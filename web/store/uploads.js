// Files on their way: made ready, kept on this device, sent, and sent on after a cut, a reload or a crash.

import { prepare, thumbnailSize } from "../wire/picture.js";
import { create, end, send } from "../wire/upload.js";

/** @import {ApiError, FileInfo, Upload} from "../core/types.js" */

/** Uploads at a time. */
const AT_ONCE = 2;
/** Milliseconds between two notes of progress. */
const PROGRESS = 200;
/** Milliseconds before another try. */
const AGAIN = 3000;

/**
 * @param {ReturnType<typeof import("./db.js").createDb>} db
 * @param {(id: string) => Upload | undefined} find
 * @param {(id: string, set: Partial<Upload>) => void} tell
 */
export function createUploads(db, find, tell) {
  /** @type {Map<string, AbortController>} those that are being sent */
  const running = new Map();
  /** @type {string[]} */
  let waiting = [];

  /** @param {string} id @param {Blob} blob */
  const preview = (id, blob) => {
    if (/^image\/(jpeg|png|webp|gif|avif)$/.test(blob.type)) tell(id, { preview: URL.createObjectURL(blob) });
  };

  /** @param {string} id */
  async function run(id) {
    const upload = find(id);
    const blob = await db.blob(id);
    if (!upload || upload.status === "ready" || !blob) return;
    if (!upload.preview) preview(id, (await db.blob(`${id}.small`)) ?? blob);
    const abort = new AbortController();
    running.set(id, abort);
    tell(id, { status: "sending", error: null });
    try {
      const file = upload.file ?? (await begin(id, upload, blob));
      if (abort.signal.aborted) return;
      let last = 0;
      const progress = (/** @type {number} */ sent) => {
        if (Date.now() - last < PROGRESS && sent < blob.size) return;
        last = Date.now();
        tell(id, { sent });
      };
      await send(file.id, blob, progress, abort.signal);
      tell(id, { status: "ready", file, sent: blob.size });
    } catch (error) {
      const { status, code, message } = /** @type {ApiError} */ (error);
      if (code === "aborted" || abort.signal.aborted) return;
      const isGone = upload.file && (status === 404 || status === 410);
      const isPassing = isGone || status === 0 || status === 409 || status === 423 || status === 429 || status >= 500;
      if (!isPassing || status === 507) return tell(id, { status: "failed", error: message });
      // What the server has forgotten begins anew.
      tell(id, { status: "waiting", ...(isGone ? { file: null, sent: 0 } : {}) });
      setTimeout(() => start(id), AGAIN);
    } finally {
      running.delete(id);
    }
  }

  /** @param {string} id @param {Upload} upload @param {Blob} blob @returns {Promise<FileInfo>} */
  async function begin(id, { name, type, width, height }, blob) {
    const small = await db.blob(`${id}.small`);
    let thumbnail;
    if (small && width && height) {
      // The server takes a thumbnail only with its size.
      const size = thumbnailSize({ width, height });
      thumbnail = await create(small, { filename: "thumbnail", filetype: small.type, ...size });
      await send(thumbnail, small, () => {}, new AbortController().signal);
    }
    const about = { filename: name, filetype: type, width, height, thumbnail };
    const file = { id: await create(blob, about), name, type, size: blob.size, width, height, thumbnail };
    // Kept before the first byte goes: after a reload it goes on from where it was.
    tell(id, { file });
    return file;
  }

  function pump() {
    while (running.size < AT_ONCE) {
      const id = waiting.shift();
      if (id === undefined) return;
      if (!running.has(id)) exclusively(id).then(pump);
    }
  }

  /** Another tab may have the same upload in its outbox. @param {string} id */
  const exclusively = (id) =>
    navigator.locks
      ? navigator.locks.request(`upload ${id}`, { ifAvailable: true }, (lock) => (lock ? run(id) : undefined))
      : run(id);

  /** @param {string} id */
  function start(id) {
    if (waiting.includes(id) || running.has(id)) return;
    waiting.push(id);
    pump();
  }

  return {
    start,
    /** @param {string} id @param {File} file */
    async prepare(id, file) {
      const { blob, width, height, thumbnail } = await prepare(file);
      await db.putBlob(id, blob);
      if (thumbnail) await db.putBlob(`${id}.small`, thumbnail);
      if (!find(id)) return db.dropBlob(id);
      preview(id, thumbnail ?? blob);
      tell(id, { status: "waiting", type: blob.type, size: blob.size, width, height });
      start(id);
    },
    /** @param {string} id @param {string | null} file */
    stop(id, file) {
      waiting = waiting.filter((one) => one !== id);
      running.get(id)?.abort();
      db.dropBlob(id);
      if (file) end(file);
    },
  };
}

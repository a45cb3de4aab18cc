// Uploads by tus 1.0.0: created, sent from where the server has come to, resumed, ended.

import { request } from "./api.js";

/** @import {ApiError} from "../core/types.js" */

const TUS = { "Tus-Resumable": "1.0.0" };
/** Bytes of one request: what is sent again at most after a cut through a proxy that keeps whole bodies. */
const CHUNK = 8 << 20;

/** `Upload-Metadata`: keys with values in base64 of UTF-8. @param {Record<string, string | number | undefined>} all */
export function metadata(all) {
  const encode = (/** @type {string} */ text) =>
    btoa(Array.from(new TextEncoder().encode(text), (byte) => String.fromCharCode(byte)).join(""));
  return Object.entries(all)
    .filter(([, value]) => value !== undefined && value !== "")
    .map(([key, value]) => `${key} ${encode(String(value))}`)
    .join(",");
}

/**
 * @param {Blob} blob @param {Record<string, string | number | undefined>} about
 * @returns {Promise<string>} the file's id
 */
export async function create(blob, about) {
  const headers = { ...TUS, "Upload-Length": String(blob.size), "Upload-Metadata": metadata(about) };
  const answer = await request("POST", "/files", { headers });
  const place = answer.headers.get("Location") ?? "";
  return new URL(place, location.href).pathname.split("/").pop() ?? "";
}

/** How many bytes the server has. @param {string} id */
async function offset(id) {
  const answer = await request("HEAD", `/files/${id}`, { headers: TUS });
  return Number(answer.headers.get("Upload-Offset"));
}

/**
 * Sends what the server has not got yet.
 * @param {string} id @param {Blob} blob @param {(sent: number) => void} onProgress @param {AbortSignal} signal
 */
export async function send(id, blob, onProgress, signal) {
  let sent = await offset(id);
  while (sent < blob.size) {
    onProgress(sent);
    const from = sent;
    sent = await patch(id, from, blob.slice(from, from + CHUNK), (more) => onProgress(from + more), signal);
  }
  onProgress(blob.size);
}

/** `fetch` says nothing about progress.
 * @param {string} id @param {number} from @param {Blob} part @param {(sent: number) => void} onProgress
 * @param {AbortSignal} signal @returns {Promise<number>} the offset after it
 */
function patch(id, from, part, onProgress, signal) {
  return new Promise((resolve, reject) => {
    const xhr = new XMLHttpRequest();
    const end = () => xhr.abort();
    /** @param {ApiError} error */
    const refuse = (error) => {
      signal.removeEventListener("abort", end);
      reject(error);
    };
    xhr.open("PATCH", `/files/${id}`);
    const headers = { ...TUS, "Upload-Offset": String(from) };
    for (const [name, value] of Object.entries(headers)) xhr.setRequestHeader(name, value);
    xhr.setRequestHeader("Content-Type", "application/offset+octet-stream");
    xhr.upload.onprogress = ({ loaded }) => onProgress(loaded);
    xhr.onload = () => {
      signal.removeEventListener("abort", end);
      if (xhr.status === 204) return resolve(Number(xhr.getResponseHeader("Upload-Offset") ?? from + part.size));
      let said = { error: `The server answered ${xhr.status}.`, code: "" };
      try {
        said = JSON.parse(xhr.responseText);
      } catch {
        // Not JSON: a proxy's page.
      }
      refuse({ status: xhr.status, code: said.code, message: said.error });
    };
    xhr.onerror = () => refuse({ status: 0, code: "offline", message: "The server cannot be reached." });
    xhr.onabort = () => refuse({ status: 0, code: "aborted", message: "" });
    if (signal.aborted) return end();
    signal.addEventListener("abort", end);
    xhr.send(part);
  });
}

/** Ends an upload, or deletes a file that no message has. @param {string} id */
export const end = (id) => request("DELETE", `/files/${id}`, { headers: TUS }).catch(() => {});

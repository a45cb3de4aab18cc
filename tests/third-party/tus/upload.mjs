// Uploads a file by tus-js-client, breaks off, waits for a line, goes on, and fetches the file.

import assert from "node:assert";
import { randomBytes } from "node:crypto";
import { createInterface } from "node:readline";

import * as tus from "tus-js-client";

const url = process.argv[2];
const CHUNK = 5 * 1024 * 1024;

const ask = async (path, body) => {
  const answer = await fetch(url + path, { method: "POST", body: JSON.stringify(body) });
  assert(answer.ok, await answer.clone().text());
  return answer.json();
};
const email = `tus.js.${randomBytes(8).toString("hex")}@example.com`;
await ask("/signup", { email, name: "Tus", password: "secret" });
const { token } = await ask("/login", { email, password: "secret" });
const headers = { Authorization: `Bearer ${token}` };
const content = randomBytes(3 * CHUNK + 12345);

const upload = (uploadUrl, stopAfter) =>
  new Promise((resolve, reject) => {
    const it = new tus.Upload(content, {
      endpoint: `${url}/files`,
      uploadUrl,
      headers,
      chunkSize: CHUNK,
      retryDelays: [0, 500, 1000],
      metadata: { filename: "größe.bin", filetype: "application/octet-stream" },
      onError: reject,
      onSuccess: () => resolve(it.url),
      onChunkComplete: (_size, accepted) => {
        if (accepted >= stopAfter) it.abort().then(() => resolve(it.url), reject);
      },
    });
    it.start();
  });

const begun = await upload(undefined, CHUNK);
console.log("broken off");
await new Promise((resolve) => createInterface({ input: process.stdin }).once("line", resolve));
const whole = await upload(begun, Infinity);
const answer = await fetch(whole, { headers });
assert.equal(answer.status, 200);
assert(Buffer.from(await answer.arrayBuffer()).equals(content));
console.log(`${content.length} bytes came, and came back`);
process.exit(0);

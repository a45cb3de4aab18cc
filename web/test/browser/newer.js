// The program as it is after an update of the client: the same, with another build hash.

import { createHash } from "node:crypto";
import { createServer, request } from "node:http";
import { connect } from "node:net";

/** The build hash after the update. */
export const NEWER = "00000000feedbeef";
/** What has the build hash in it. */
const ENTRIES = ["/", "/sw.js", "/manifest.json"];

/** The hashes of the page's scripts, as the security policy has them. @param {string} page */
function scriptHashes(page) {
  const scripts = [...page.matchAll(/<script[^>]*>([^]*?)<\/script>/g)];
  return scripts.map(([, script]) => `'sha256-${createHash("sha256").update(script).digest("base64")}'`).join(" ");
}

/**
 * Answers as the program at `behind` would after the update.
 * @param {string} behind @returns {Promise<{url: string, end: () => void}>}
 */
export async function updated(behind) {
  const { hostname, port } = new URL(behind);
  const page = await (await fetch(behind, { headers: { Accept: "text/html" } })).text();
  const build = /\/web\/([0-9a-f]{16})\//.exec(page)?.[1] ?? "";
  const renamed = (/** @type {string} */ text) => text.replaceAll(build, NEWER);
  const hashes = [scriptHashes(page), scriptHashes(renamed(page))];
  const http = createServer((req, res) => {
    const path = (req.url ?? "/").replace(NEWER, build);
    const isEntry = req.method === "GET" && ENTRIES.includes(path);
    const headers = { ...req.headers, ...(isEntry ? { "accept-encoding": "identity" } : {}) };
    // Tags of the version before mean nothing now.
    if (isEntry) delete headers["if-none-match"];
    const passed = request({ hostname, port, path, method: req.method, headers }, async (answer) => {
      const found = { ...answer.headers };
      const policy = found["content-security-policy"];
      if (policy) found["content-security-policy"] = policy.replace(hashes[0], hashes[1]);
      if (!isEntry || String(found["content-type"]).includes("json") !== path.endsWith("json")) {
        res.writeHead(answer.statusCode ?? 502, found);
        return answer.pipe(res);
      }
      let text = "";
      for await (const chunk of answer.setEncoding("utf8")) text += chunk;
      const body = Buffer.from(renamed(text));
      const length = { etag: `"${NEWER}"`, "content-length": String(body.length) };
      delete found["transfer-encoding"];
      res.writeHead(answer.statusCode ?? 502, { ...found, ...length });
      res.end(body);
    });
    passed.on("error", () => res.destroy());
    req.pipe(passed);
  });
  http.on("upgrade", (req, socket, head) => {
    const onward = connect(Number(port), hostname, () => {
      const lines = Object.entries(req.headers).map(([name, value]) => `${name}: ${value}\r\n`);
      onward.write(`${req.method} ${req.url} HTTP/1.1\r\n${lines.join("")}\r\n`);
      onward.write(head);
      onward.pipe(socket).pipe(onward);
    });
    const end = () => (socket.destroy(), onward.destroy());
    for (const side of [socket, onward]) side.on("error", end).on("close", end);
  });
  await new Promise((resolve) => http.listen(0, "127.0.0.1", () => resolve(null)));
  const url = `http://127.0.0.1:${/** @type {import("node:net").AddressInfo} */ (http.address()).port}`;
  return { url, end: () => (http.close(), http.closeAllConnections()) };
}

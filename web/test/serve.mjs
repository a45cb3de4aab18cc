// Serves this directory as the program does, but for joining the modules, and passes everything else on to a running
// `messenger`:
//
//     node web/test/serve.mjs [--port 8000] [--server http://127.0.0.1:3000] [--chat ws-port-if-it-has-no-/ws]
//
// `/` with the build hash put in, modules under `/web/HASH/` for ever, `/sw.js`, `/manifest.json`, and the same headers.
// The hash is made anew for every request of the page, so a reload shows what was changed.

import { createHash } from "node:crypto";
import { readFileSync, readdirSync } from "node:fs";
import { createServer, request } from "node:http";
import { connect } from "node:net";
import { dirname, extname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** Kinds of files that are served; anything else in this directory is not. */
const TYPES = {
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".json": "application/json",
    ".svg": "image/svg+xml",
    ".png": "image/png",
};

/** Folders and files that are for development only. */
const HIDDEN = /^(test|node_modules)\/|(^|\/)\.|\.d\.ts$|^jsconfig\.json$|\.config\.js$/;

/** Files with an address that does not change, and with the placeholder. */
const ENTRIES = ["index.html", "manifest.json", "sw.js"];

export const CSP =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; media-src 'self' blob:; " +
    "connect-src 'self'; manifest-src 'self'; worker-src 'self'; form-action 'none'; base-uri 'none'; " +
    "frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types app";

const PAGE_HEADERS = {
    "Content-Security-Policy": CSP,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=(), payment=(), usb=()",
};

/** The files that are served, in order: the build hash is theirs. */
export function served(folder = "") {
    const names = readdirSync(join(root, folder), { withFileTypes: true });
    return names.flatMap((entry) => {
        const path = folder ? `${folder}/${entry.name}` : entry.name;
        if (HIDDEN.test(path + (entry.isDirectory() ? "/" : ""))) return [];
        if (entry.isDirectory()) return served(path);
        return TYPES[extname(path)] ? [path] : [];
    });
}

/** The file's bytes, before the placeholder is replaced. @param {string} path */
function bytesOf(path) {
    const bytes = readFileSync(join(root, path));
    return /\.(js|css)$/.test(path) ? Buffer.from(stripped(path, bytes.toString())) : bytes;
}

export function buildHash() {
    const hash = createHash("sha256");
    for (const path of served().sort()) hash.update(path).update("\0").update(bytesOf(path)).update("\0");
    return hash.digest("hex").slice(0, 16);
}

/**
 * A file as it is served: in modules and styles, lines that are only comment and blanks at the beginning of lines are left
 * out. Line by line, so that the program can do the same: no text of these files goes over several lines (a lint says so).
 * @param {string} path @param {string} text
 */
export function stripped(path, text) {
    if (!/\.(js|css)$/.test(path)) return text;
    const kept = [];
    let isComment = false;
    for (const line of text.split("\n").map((raw) => raw.trimStart())) {
        if (isComment) isComment = !line.endsWith("*/");
        else if (line.startsWith("/*") && !line.includes("*/")) isComment = true;
        else if (line.startsWith("/*") && line.indexOf("*/") === line.length - 2) continue;
        else if (!line.startsWith("//")) kept.push(line);
    }
    return kept.join("\n");
}

/** A file with the placeholder `BUILDHASH` replaced. */
const filled = (path) => bytesOf(path).toString().replaceAll("BUILDHASH", buildHash());

function answer(res, status, type, body, headers = {}) {
    res.writeHead(status, { ...PAGE_HEADERS, "Content-Type": type, ...headers });
    res.end(body);
}

/** Answers from this directory; `false` if the path is the server's. */
function own(req, res) {
    if (req.method !== "GET" && req.method !== "HEAD") return false;
    const path = decodeURIComponent(new URL(req.url, "http://x").pathname);
    if (path === "/" && (req.headers.accept ?? "").includes("text/html")) {
        answer(res, 200, TYPES[".html"], filled("index.html"), { "Cache-Control": "no-cache" });
        return true;
    }
    if (path === "/sw.js" || path === "/manifest.json") {
        answer(res, 200, TYPES[extname(path)], filled(path.slice(1)), { "Cache-Control": "no-cache" });
        return true;
    }
    const inside = path.match(/^\/web\/[0-9a-f]{16}\/(.+)$/)?.[1];
    if (!inside) return false;
    const name = normalize(inside);
    if (!served().includes(name) || ENTRIES.includes(name)) answer(res, 404, "text/plain", "no such file");
    else {
        const headers = { "Cache-Control": "public, max-age=31536000, immutable" };
        answer(res, 200, TYPES[extname(name)], bytesOf(name), headers);
    }
    return true;
}

/**
 * Starts it. `server`: the HTTP port of `messenger`; `chat`: the port of its chat, if `/ws` of the HTTP port is none.
 * @returns {Promise<import("node:http").Server>}
 */
export function serve({ port = 8000, server = "http://127.0.0.1:3000", chat = "" } = {}) {
    const behind = new URL(server);
    const origin = `${behind.protocol}//${behind.host}`;
    // The server sees its own host and origin, as if the page were its own.
    const headersFor = (req, host) => {
        const headers = { ...req.headers, host };
        if (headers.origin) headers.origin = `http://${host}`;
        return headers;
    };
    const http = createServer((req, res) => {
        if (own(req, res)) return;
        const options = { method: req.method, headers: headersFor(req, behind.host) };
        const passed = request(`${origin}${req.url}`, options, (answered) => {
            res.writeHead(answered.statusCode ?? 502, answered.headers);
            answered.pipe(res);
        });
        passed.on("error", () => {
            if (res.headersSent) res.destroy();
            else answer(res, 502, "application/json", '{"error":"the server is not running","code":"away"}');
        });
        req.on("aborted", () => passed.destroy());
        req.pipe(passed);
    });
    http.on("upgrade", (req, socket, head) => {
        const host = chat ? new URL(chat).host : behind.host;
        const [name, port] = [host.replace(/:\d+$/, ""), Number(host.match(/:(\d+)$/)?.[1] ?? 80)];
        const onward = connect(port, name, () => {
            const lines = Object.entries(headersFor(req, host)).map(([key, value]) => `${key}: ${value}`);
            onward.write(`${req.method} ${req.url} HTTP/1.1\r\n${lines.join("\r\n")}\r\n\r\n`);
            onward.write(head);
            onward.pipe(socket).pipe(onward);
        });
        const end = () => (socket.destroy(), onward.destroy());
        socket.on("error", end).on("close", end);
        onward.on("error", end).on("close", end);
    });
    return new Promise((resolve) => http.listen(port, "127.0.0.1", () => resolve(http)));
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
    const flags = {};
    for (let i = 2; i < process.argv.length; i += 2) flags[process.argv[i].replace(/^--/, "")] = process.argv[i + 1];
    const http = await serve({ ...flags, port: Number(flags.port ?? 8000) });
    console.log(`http://127.0.0.1:${/** @type {any} */ (http.address()).port}`);
}

// Writes into index.html which modules the page needs at once, so that they come together and not one after the other, and
// which come later, for the service worker: `node web/test/preload.mjs`.

import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

import { served, stripped } from "./serve.mjs";

const ROOT = new URL("../", import.meta.url);
const PAGE = new URL("index.html", ROOT);

/** What a module imports at once; `import()` on demand does not count. @param {string} path @returns {string[]} */
export function imports(path) {
    const text = stripped(path, readFileSync(new URL(path, ROOT), "utf8"));
    const found = text.matchAll(/^(?:import|export|\})[^'"`;()]*?from "(\.[^"]+)"|^import "(\.[^"]+)"/gm);
    return [...found].map(([, a, b]) => new URL(a ?? b, new URL(path, ROOT)).href.slice(ROOT.href.length));
}

/** A module and all that it needs at once. @param {string} path @param {Set<string>} [found] */
export function graph(path, found = new Set()) {
    if (found.has(path)) return found;
    found.add(path);
    for (const target of imports(path)) graph(target, found);
    return found;
}

/** The page with both lists as they should be. @param {string} page */
export function filledIn(page) {
    const now = [...graph("main.js")].filter((path) => path !== "boot.js").sort();
    const isLater = (/** @type {string} */ path) => /\.js$/.test(path) && path !== "sw.js" && !now.includes(path);
    const later = served().filter((path) => (isLater(path) && path !== "boot.js") || path === "icons/192.png");
    const address = (/** @type {string} */ path) => `/web/BUILDHASH/${path}`;
    const lines = [
        ...now.map((path) => `    <link rel="modulepreload" href="${address(path)}" />\n`),
        ...later.sort().map((path) => `    <meta name="later" content="${address(path)}" />\n`),
    ];
    const without = page.replace(/ *<link rel="modulepreload"[^>]*>\n| *<meta name="later"[^>]*>\n/g, "");
    return without.replace(/( *<\/head>)/, `${lines.join("")}$1`);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
    writeFileSync(PAGE, filledIn(readFileSync(PAGE, "utf8")));
}

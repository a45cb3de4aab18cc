// Which modules a module needs.

import { readFileSync } from "node:fs";

import { stripped } from "./serve.mjs";

const ROOT = new URL("../", import.meta.url);

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

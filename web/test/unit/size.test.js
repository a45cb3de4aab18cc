// The client stays small: what a first visit loads, and from where.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { gzipSync } from "node:zlib";

import { graph, imports } from "../graph.mjs";
import { served, stripped } from "../serve.mjs";

const ROOT = new URL("../../", import.meta.url);
/** Bytes after gzip of what a first visit loads: the page, its styles, and every module that main.js imports. */
const FIRST_MAX = 54_000;
const MODULES_MAX = 50;

const texts = served().filter((path) => /\.(js|css|html)$/.test(path));
const read = (path) => stripped(path, readFileSync(new URL(path, ROOT), "utf8"));
test("the first visit loads little", () => {
  const first = [...graph("main.js"), ...texts.filter((path) => !path.endsWith(".js"))];
  const packed = gzipSync(first.map(read).join("\n"), { level: 9 }).length;
  assert.ok(packed <= FIRST_MAX, `${packed} bytes after gzip`);
  const modules = texts.filter((path) => path.endsWith(".js"));
  assert.ok(modules.length <= MODULES_MAX, `${modules.length} modules`);
});

test("what is left out of modules is comments and blanks only", () => {
  const text =
    'a();\n  // one\n/** two\n * three */\n  /** @type {any} */ (b)();\nc("// no");\n  /* four */\nd(); // e\n';
  assert.equal(stripped("x.js", text), 'a();\n/** @type {any} */ (b)();\nc("// no");\nd(); // e\n');
});

test("nothing is loaded from elsewhere: every import is a file of this directory", () => {
  for (const path of texts.filter((path) => path.endsWith(".js"))) {
    for (const target of imports(path)) assert.ok(texts.includes(target), `${path}: ${target}`);
    for (const [, from] of read(path).matchAll(/(?:from|import\()\s*["']([^"']+)["']/g))
      assert.match(from, /^\.\.?\//, path);
  }
});

test("the core knows nothing but the core", () => {
  for (const path of texts.filter((path) => path.startsWith("core/"))) {
    for (const [, from] of read(path).matchAll(/^\} from "([^"]+)"|^import .* from "([^"]+)"/gm)) {
      if (from) assert.match(from, /^\.\/\w+\.js$/, path);
    }
  }
});

test("no circles among modules", () => {
  const done = new Set();
  const walk = (path, way) => {
    assert.ok(!way.includes(path), [...way, path].join(" → "));
    if (done.has(path)) return;
    for (const target of imports(path)) walk(target, [...way, path]);
    done.add(path);
  };
  for (const path of texts.filter((path) => path.endsWith(".js"))) walk(path, []);
});

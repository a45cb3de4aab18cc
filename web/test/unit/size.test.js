// The client stays small: what a first visit loads, and from where.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { gzipSync } from "node:zlib";

import { served } from "../serve.mjs";

const ROOT = new URL("../../", import.meta.url);
/** Bytes of all modules, styles and the page after gzip. */
const PACKED_MAX = 60_000;
const MODULES_MAX = 45;

const read = (path) => readFileSync(new URL(path, ROOT), "utf8");
const texts = served().filter((path) => /\.(js|css|html)$/.test(path));

test("what is loaded is small", () => {
  const packed = texts.reduce((sum, path) => sum + gzipSync(read(path), { level: 9 }).length, 0);
  assert.ok(packed <= PACKED_MAX, `${packed} bytes after gzip`);
  const modules = texts.filter((path) => path.endsWith(".js"));
  assert.ok(modules.length <= MODULES_MAX, `${modules.length} modules`);
});

test("nothing is loaded from elsewhere: every import is a file of this directory", () => {
  for (const path of texts.filter((path) => path.endsWith(".js"))) {
    for (const [, from] of read(path).matchAll(/(?:^|\s)(?:import|export)\b[^'"`;]*?from\s*["']([^"']+)["']/g)) {
      assert.match(from, /^\.\.?\//, path);
      const target = new URL(from, new URL(path, ROOT)).href.slice(ROOT.href.length);
      assert.ok(texts.includes(target), `${path}: ${from}`);
    }
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
  const imports = new Map(
    texts
      .filter((path) => path.endsWith(".js"))
      .map((path) => {
        const targets = [...read(path).matchAll(/from "(\.[^"]+)"/g)].filter(([line]) => !line.includes("types.js"));
        return [path, targets.map(([, from]) => new URL(from, new URL(path, ROOT)).href.slice(ROOT.href.length))];
      }),
  );
  const done = new Set();
  const walk = (path, way) => {
    assert.ok(!way.includes(path), [...way, path].join(" → "));
    if (done.has(path)) return;
    for (const target of imports.get(path) ?? []) if (imports.has(target)) walk(target, [...way, path]);
    done.add(path);
  };
  for (const path of imports.keys()) walk(path, []);
});

import assert from "node:assert/strict";
import { test } from "node:test";

import { byteLength, cut, isBig, pieces, safeHref, sendable, visible, visibleName } from "../../core/text.js";
import { clock, dayOf, daysAgo, untilMidnight } from "../../core/time.js";

test("what cannot be seen, or turns the reading direction, shows as �", () => {
  for (const hidden of ["\u202e", "\u200b", "\ufeff", "\u2066", "\u0007", "\u061c", "\u3164", "\u{e0001}"]) {
    assert.equal(visible(`a${hidden}b`), "a\ufffdb", hidden.codePointAt(0)?.toString(16));
  }
  assert.equal(visible("a\nb\tc"), "a\nb\tc");
  assert.equal(visible("👨‍👩‍👧 می‌خواهم"), "👨‍👩‍👧 می‌خواهم");
  assert.equal(visible("half \ud83d"), "half \ufffd");
});

test("an invisible name shows as something", () => {
  for (const name of ["", "\u200b", " \u3164 ", "\u2800", "\u0301", null])
    assert.equal(visibleName(name, "User 7"), "User 7");
  assert.equal(visibleName("Ann\n Lee"), "Ann Lee");
});

test("a text is cut between characters", () => {
  assert.equal(cut("👨‍👩‍👧👨‍👩‍👧👨‍👩‍👧", 2), "👨‍👩‍👧👨‍👩‍👧…");
  assert.equal(cut("e\u0301e\u0301", 1), "e\u0301…");
  assert.equal(cut("abc", 3), "abc");
});

test("links: http and https, without what ends the sentence", () => {
  const hrefs = (text) =>
    pieces(text)
      .filter(({ href }) => href)
      .map(({ href }) => href);
  assert.deepEqual(hrefs("see https://example.com/a_(b), or (http://example.com/c)."), [
    "https://example.com/a_(b)",
    "http://example.com/c",
  ]);
  for (const text of [
    "javascript:alert(1)",
    "data:text/html,x",
    "http://user:pw@example.com",
    "https://",
    "file:///etc",
  ]) {
    assert.deepEqual(hrefs(text), [], text);
  }
  assert.equal(
    pieces("a https://example.com b")
      .map(({ text }) => text)
      .join(""),
    "a https://example.com b",
  );
});

test("a host that only looks like another one is shown as what it is", () => {
  const [link] = pieces("https://аpple.com/x");
  assert.match(link.text, /^https:\/\/xn--/);
  assert.equal(link.text, link.href);
  assert.equal(safeHref("https://a\u202eb.com"), null);
});

test("hostile texts take no time", () => {
  const start = performance.now();
  for (const text of [
    "https://".repeat(2000),
    `https://a${")".repeat(16000)}`,
    "(".repeat(16000),
    "\u202e".repeat(16000),
  ]) {
    pieces(text);
    cut(text, 120);
    isBig(text);
  }
  assert.ok(performance.now() - start < 2000);
});

test("one to three emojis are big", () => {
  for (const text of ["👍", "👨‍👩‍👧 ", "🇩🇪🇮🇹", "❤️👍🏽"]) assert.equal(isBig(text), true, text);
  for (const text of ["", "a", "👍 ok", "12", "👍👍👍👍"]) assert.equal(isBig(text), false, text);
});

test("what is sent is well-formed", () => {
  assert.equal(sendable("a\0b\ud83d"), "ab\ufffd");
  assert.equal(byteLength("ä👍"), 6);
});

test("days are the calendar's, over DST and midnight", () => {
  const at = (...parts) => new Date(...parts).getTime();
  assert.notEqual(dayOf(at(2026, 9, 25, 23, 59)), dayOf(at(2026, 9, 26, 0, 1)));
  assert.equal(daysAgo(at(2026, 9, 25, 1), at(2026, 9, 26, 0, 30)), 1);
  assert.equal(daysAgo(at(2026, 2, 28, 23), at(2026, 2, 30, 1)), 2);
  assert.equal(daysAgo(at(2026, 9, 24, 1), at(2026, 9, 26, 23)), 2);
  assert.ok(untilMidnight(at(2026, 9, 25, 23, 59)) <= 60_000);
  const words = clock("en");
  const now = at(2026, 9, 26, 12);
  assert.equal(words.day(now, now), "today");
  assert.equal(words.day(at(2026, 9, 25, 23), now), "yesterday");
  assert.equal(words.day(at(2026, 9, 22), now), "Thursday");
  assert.equal(words.day(at(2026, 8, 1), now), "September 1");
});

// Mentions: what is typed behind an @, who fits, and what is marked in a text.

import assert from "node:assert/strict";
import { test } from "node:test";

import { fitting, mentions, typed } from "../../core/mention.js";

const at = (text) => typed(text, text.length);

test("an @ at the beginning of a word is one, up to the caret", () => {
  assert.deepEqual(at("@"), { start: 0, query: "" });
  assert.deepEqual(at("hi @an"), { start: 3, query: "an" });
  assert.deepEqual(at("(@Ann Le"), { start: 1, query: "Ann Le" });
  assert.deepEqual(typed("@ann and more", 3), { start: 0, query: "an" });
  assert.deepEqual(at("one\n@a"), { start: 4, query: "a" });
  for (const text of ["", "mail@example", "@a\n", "x", "@@", "@ ", "meet @ 5"]) assert.equal(at(text), null, text);
});

test("in scripts without spaces an @ stands between words, too", () => {
  assert.deepEqual(at("田中@鈴"), { start: 2, query: "鈴" });
  assert.deepEqual(mentions("田中@鈴木さん", "鈴木"), ["田中", "@鈴木", "さん"]);
  assert.deepEqual(
    mentions("@鈴木さん", "鈴", () => ["鈴木"]),
    ["@鈴木さん"],
  );
  assert.deepEqual(mentions("ไป@สมชายครับ", "สมชาย"), ["ไป", "@สมชาย", "ครับ"]);
});

test("who fits begins so, or a word of the name does; accents and capitals do not count", () => {
  const people = ["Bert Ann", "Ann Lee", "Ánna", "Zoë", "Hannah"].map((name) => ({ name }));
  const names = (query) => fitting(people, query).map(({ name }) => name);
  assert.deepEqual(names("an"), ["Ann Lee", "Ánna", "Bert Ann"]);
  assert.deepEqual(names("ann l"), ["Ann Lee"]);
  assert.equal(fitting([{ name: "Eva-Lena" }, { name: "(Lena)" }, { name: "Elena" }], "lena").length, 2);
  assert.deepEqual(names("zoe"), ["Zoë"]);
  assert.deepEqual(names("Ánna "), []);
  assert.deepEqual(names(""), ["Bert Ann", "Ann Lee", "Ánna", "Zoë", "Hannah"]);
  assert.equal(fitting(Array(500).fill({ name: "A" }), "a").length, 8);
  assert.equal(fitting([...Array(20).fill({ name: "B A" }), { name: "A" }], "a")[0].name, "A");
});

test("each name of a large group is read once for a key that is pressed", () => {
  let reads = 0;
  const person = {
    get name() {
      reads += 1;
      return "B A";
    },
  };
  fitting(Array(1000).fill(person), "a");
  assert.equal(reads, 1000);
});

test("a mention by name is a piece of its own, and all pieces are the text", () => {
  assert.deepEqual(mentions("hi @Ann, and @ann!", "Ann"), ["hi ", "@Ann", ", and ", "@ann", "!"]);
  for (const text of ["@Annabel", "x@Ann", "Ann", "@ Ann", "@Ann\u0301", "e\u0301@Ann"])
    assert.deepEqual(mentions(text, "Ann"), [text]);
  assert.deepEqual(mentions("@रामा", "राम"), ["@रामा"]);
  assert.deepEqual(mentions("@a.b @aXb", "a.b"), ["", "@a.b", " @aXb"]);
  assert.deepEqual(mentions("@(^[\\$/-*]", "(^[\\$/-*]"), ["", "@(^[\\$/-*]", ""]);
  assert.deepEqual(mentions("@", ""), ["@"]);
});

test("who has a name with which another one begins is not mentioned by the longer one", () => {
  const others = () => ["Ann", "ann lee", "Ann (x)", "Bob"];
  for (const text of ["@Ann Lee", "hi @ANN LEE!", "@Ann (x)"]) assert.deepEqual(mentions(text, "Ann", others), [text]);
  assert.deepEqual(mentions("@Ann Lee, @Ann", "Ann", others), ["@Ann Lee, ", "@Ann", ""]);
  assert.deepEqual(mentions("@Ann Leeds", "Ann", others), ["", "@Ann", " Leeds"]);
  assert.deepEqual(mentions("@Ann Lee", "Ann Lee", others), ["", "@Ann Lee", ""]);
  mentions("@Bob", "Ann", () => assert.fail("the members are not needed"));
});

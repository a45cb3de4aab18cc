// What the client sends is what the schema has.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { Play, bob, golden, said, trip } from "./play.js";

const schema = JSON.parse(readFileSync(new URL("../../../docs/schema.json", import.meta.url), "utf8"));

/** The reason why a value is not as a schema of this protocol says; `null`: it is. */
function refuse(value, rule, path = "") {
  if (rule.$ref) return refuse(value, schema.$defs[rule.$ref.split("/").pop()], path);
  const types = [rule.type ?? []].flat();
  const type =
    value === null ? "null" : Array.isArray(value) ? "array" : Number.isInteger(value) ? "integer" : typeof value;
  if (types.length && !types.includes(type)) return `${path}: ${type}`;
  if (rule.const !== undefined && value !== rule.const) return `${path}: not ${rule.const}`;
  for (const key of rule.required ?? []) if (!(key in value)) return `${path}: ${key} is missing`;
  for (const [key, inner] of Object.entries(rule.properties ?? {})) {
    const problem = key in value ? refuse(value[key], inner, `${path}.${key}`) : null;
    if (problem) return problem;
  }
  if (rule.oneOf && rule.oneOf.filter((one) => !refuse(value, one, path)).length !== 1) return `${path}: oneOf`;
  return null;
}

/** Keys of a frame that its schema does not name. */
const extra = (frame, rule) => {
  const known = new Set([rule, ...(rule.oneOf ?? [])].flatMap((one) => Object.keys(one.properties ?? {})));
  return Object.keys(frame).filter((key) => !known.has(key));
};

test("the check of this test knows good frames from bad ones", () => {
  for (const { frame } of golden("client")) {
    const rule = schema.$defs[`client.${frame.type ?? "message"}`];
    assert.equal(refuse({ type: "message", ...frame }, rule), null);
  }
  assert.notEqual(refuse({ type: "read" }, schema.$defs["client.read"]), null);
  assert.notEqual(refuse({ type: "read", id: "77" }, schema.$defs["client.read"]), null);
});

test("every frame is one of the schema", () => {
  const play = new Play().enter([bob(), trip()]);
  play.open("u2", [said(70), said(77), said(78, 1)], true);
  const intents = [
    { type: "older", key: "u2" },
    { type: "seen", key: "u2", id: 77 },
    { type: "timer", name: "read u2" },
    { type: "draft", key: "u2", text: "h" },
    { type: "reply", key: "u2", id: 77 },
    { type: "send", key: "u2", text: "hello" },
    { type: "edit", key: "u2", id: 78 },
    { type: "send", key: "u2", text: "better" },
    { type: "react", key: "u2", id: 77, emoji: "👍" },
    { type: "react", key: "u2", id: 77, emoji: null },
    { type: "delete", key: "u2", id: 78, for: "everybody" },
    { type: "retention", key: "u2", days: 7 },
    { type: "accept", key: "u2" },
    { type: "decline", key: "g5" },
    { type: "block", id: 3 },
    { type: "unblock", id: 3 },
    { type: "open", key: "g5" },
    { type: "send", key: "g5", text: "all" },
    { type: "group.create", name: "Trip", members: [2] },
    { type: "group.add", group: 5, member: 3 },
    { type: "group.remove", group: 5, member: 3 },
    { type: "group.promote", group: 5, member: 3 },
    { type: "group.demote", group: 5, member: 3 },
    { type: "group.rename", group: 5, name: "Rome" },
    { type: "group.leave", group: 5 },
    { type: "search", text: "train" },
    { type: "timer", name: "search" },
    { type: "conversations.more" },
  ];
  for (const intent of intents) play.do(intent);
  const types = new Set();
  for (const frame of play.sent()) {
    const rule = schema.$defs[`client.${frame.type}`];
    assert.ok(rule, `${frame.type} is not in the schema`);
    assert.equal(refuse(frame, rule), null, JSON.stringify(frame));
    assert.deepEqual(extra(frame, rule), [], JSON.stringify(frame));
    types.add(frame.type);
  }
  assert.ok(types.size >= 20, [...types].join(" "));
});

// Logging in and out, and what stays on the device.

import assert from "node:assert/strict";
import { test } from "node:test";

import { Play, bob } from "./play.js";

const has = (effects, type) => effects.find((effect) => effect.type === type);

test("sign up logs in with the same words; a refusal stands at the form", () => {
  const play = new Play();
  play.do({ type: "refused", call: "session", error: { status: 401, code: "unauthorized", message: "" }, args: {} });
  assert.equal(play.state.phase, "out");
  play.do({ type: "auth.page", page: "signup" });
  const args = { email: "a@example.com", name: "Alice", password: "secret" };
  assert.deepEqual(has(play.do({ type: "signup", ...args }), "call").args, args);
  const error = { status: 409, code: "email_taken", message: "email already registered" };
  play.do({ type: "refused", call: "signup", error, args });
  assert.equal(play.state.auth.error, "email already registered");
  play.do({ type: "signup", ...args });
  const effects = play.do({ type: "called", call: "signup", value: { id: 1, name: "Alice" }, args });
  assert.deepEqual(has(effects, "call").args, { email: args.email, password: args.password });
  const entered = play.do({ type: "called", call: "login", value: { id: 1, name: "Alice" }, args });
  assert.equal(play.state.phase, "in");
  for (const type of ["connect", "route"]) assert.ok(has(entered, type), type);
});

const NOTHING = { me: null, seq: 0, conversations: [], people: [], drafts: {}, outgoing: [], asked: {}, uploads: [] };

test("where nobody is logged in the login shows at once; if the device lost who it is, the server is asked first", () => {
  const play = new Play();
  const effects = play.do({ type: "start.loaded", saved: { ...NOTHING, known: false, settings: {} } });
  assert.equal(play.state.phase, "out");
  assert.equal(has(effects, "call").call, "session");
  const other = new Play();
  other.do({ type: "start.loaded", saved: { ...NOTHING, known: true, settings: {} } });
  assert.equal(other.state.phase, "starting");
});

test("who has logged in meanwhile stays logged in, whatever is said of the session before", () => {
  const play = new Play();
  const { args } = has(play.do({ type: "start.loaded", saved: { ...NOTHING, known: false, settings: {} } }), "call");
  play.do({ type: "login", email: "a@example.com", password: "secret" });
  play.do({ type: "called", call: "login", value: { id: 1, name: "Alice" }, args: { email: "a@example.com" } });
  play.do({ type: "refused", call: "session", error: { status: 401, code: "unauthorized", message: "" }, args });
  play.do({ type: "called", call: "session", value: { me: { id: 2, name: "Bob" } }, args });
  assert.equal(play.state.phase, "in");
  assert.equal(play.state.me.id, 1);
});

test("too many tries: the form knows until when", () => {
  const play = new Play();
  play.do({ type: "login", email: "a", password: "b" });
  const error = { status: 429, code: "rate_limited", message: "wait", retryAfter: 7000 };
  play.do({ type: "refused", call: "login", error, args: {} });
  assert.equal(play.state.auth.retryAt, play.now + 7000);
});

test("an address before the login is opened after it", () => {
  const play = new Play();
  play.do({ type: "route", hash: "#/u2" });
  assert.equal(play.state.open, null);
  play.enter();
  play.do({ type: "route", hash: "#/u2" });
  assert.equal(play.state.open, "u2");
});

test("an invitation's code goes with the signup", () => {
  const play = new Play();
  play.do({ type: "route", hash: "#invite=abc-DEF_1234567890123456" });
  assert.equal(play.state.auth.page, "signup");
  const effects = play.do({ type: "signup", email: "a@b", name: "A", password: "secret" });
  assert.equal(has(effects, "call").args.invite, "abc-DEF_1234567890123456");
});

test("logging out takes everything off the device; a session that was ended leaves what was typed", () => {
  for (const [end, all] of [
    [{ type: "called", call: "logout", value: null, args: {} }, true],
    [{ type: "link", status: "offline", code: 4401 }, false],
  ]) {
    const play = new Play().enter();
    play.do({ type: "open", key: "u2" });
    play.do({ type: "draft", key: "u2", text: "half" });
    play.do({ type: "send", key: "u2", text: "sent" });
    play.do({ type: "draft", key: "u2", text: "half" });
    const effects = play.do(end);
    assert.deepEqual(has(effects, "wipe"), { type: "wipe", all });
    assert.ok(has(effects, "disconnect"));
    assert.equal(play.state.phase, "out");
    assert.deepEqual(play.state.conversations, {});
    assert.equal(play.state.outgoing.length, all ? 0 : 1);
    assert.equal(play.state.drafts.u2?.text, all ? undefined : "half");
  }
});

test("another person on the same device finds nothing of the former one's", () => {
  const play = new Play().enter();
  play.do({ type: "open", key: "u2" });
  play.do({ type: "draft", key: "u2", text: "secret words" });
  play.do({ type: "link", status: "offline", code: 4401 });
  const effects = play.do({ type: "called", call: "login", value: { id: 2, name: "Eve" }, args: { email: "e" } });
  assert.deepEqual(has(effects, "wipe"), { type: "wipe", all: true });
  assert.deepEqual(play.state.drafts, {});
  assert.equal(play.state.me?.id, 2);
});

test("without a network at the start one reads what is on the device", () => {
  const before = new Play().enter([bob()]);
  const { me, seq, conversations, people } = before.state;
  const play = new Play();
  const rest = { drafts: {}, outgoing: [], asked: {}, uploads: [], settings: {} };
  const saved = { me, seq, conversations: Object.values(conversations), people: Object.values(people), ...rest };
  play.do({ type: "start.loaded", saved });
  const error = { status: 0, code: "offline", message: "" };
  play.do({ type: "refused", call: "session", error, args: {} });
  assert.equal(play.state.phase, "in");
  assert.equal(play.state.conversations.u2.name, "Bob");
});

test("a newer version is offered once, an equal one is not", () => {
  const play = new Play();
  play.do({ type: "update", build: "0000000000000000" });
  assert.equal(play.state.update, false);
  play.do({ type: "update", build: "1111111111111111" });
  assert.equal(play.state.update, true);
});

test("a database that fails is told once", () => {
  const play = new Play();
  play.do({ type: "storage", ok: false, reason: "failed" });
  play.do({ type: "storage", ok: false, reason: "failed" });
  assert.equal(play.state.notices.length, 1);
});

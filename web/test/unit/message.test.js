// Sending and receiving: the outbox, ticks, order, receipts, drafts.

import assert from "node:assert/strict";
import { test } from "node:test";

import { items, rows, tickOf } from "../../core/select.js";
import { Play, NOW, bob, said, trip } from "./play.js";

const texts = (play, key = "u2") =>
  rows(play.state, key)
    .filter((row) => row.kind === "message")
    .map((row) => /** @type {any} */ (row).message.content);

test("what is sent is written down before it goes, and the draft is emptied in the same write", () => {
  const play = new Play().enter();
  play.open();
  play.do({ type: "draft", key: "u2", text: "hi" });
  const effects = play.do({ type: "send", key: "u2", text: "hi" });
  const [{ ref }] = play.sent("message", effects);
  const { write } = effects.find((effect) => effect.type === "save");
  assert.ok(write.some((one) => one.put === "outgoing" && one.value.ref === ref));
  assert.ok(write.some((one) => one.put === "draft" && one.value === null));
  assert.equal(rows(play.state, "u2").at(-1).tick, "sending");
});

test("one row: sending, sent, delivered, read", () => {
  const play = new Play().enter();
  play.open("u2", [said(77)]);
  const [{ ref }] = play.sent("message", play.do({ type: "send", key: "u2", text: "hi" }));
  const id = rows(play.state, "u2").at(-1).id;
  play.frame({ type: "sent", ref, id: 78, seq: 10, at: NOW });
  const tick = () => /** @type {any} */ (rows(play.state, "u2").at(-1)).tick;
  assert.equal(tick(), "sent");
  assert.equal(rows(play.state, "u2").at(-1).id, id);
  play.frame({ type: "delivered", seq: 11, id: 78, by: 2 });
  assert.equal(tick(), "delivered");
  play.frame({ type: "read", seq: 12, id: 78, by: 2 });
  assert.equal(tick(), "read");
  assert.deepEqual(texts(play), ["message 77", "hi"]);
});

test("dropped before `sent`: the same ref again, one row, also if the message comes as an event first", () => {
  const play = new Play().enter();
  play.open("u2", [said(77)]);
  const [first] = play.sent("message", play.do({ type: "send", key: "u2", text: "hi" }));
  play.do({ type: "link", status: "offline", attempt: 1 });
  const again = play.frame({ type: "welcome", id: 1, name: "Alice", seq: 9, head: 10, recovered: true });
  assert.deepEqual(play.sent("message", again), [first]);
  play.frame({ type: "message", id: 78, seq: 10, from: 1, to: 2, content: "hi", at: NOW });
  assert.deepEqual(texts(play), ["message 77", "hi"]);
  play.frame({ type: "sent", ref: first.ref, id: 78, seq: 10, at: NOW });
  assert.deepEqual(texts(play), ["message 77", "hi"]);
  assert.equal(play.state.outgoing.length, 0);
});

test("the same words twice are two messages", () => {
  const play = new Play().enter();
  play.open("u2", []);
  play.do({ type: "send", key: "u2", text: "ok" });
  play.do({ type: "send", key: "u2", text: "ok" });
  play.frame({ type: "message", id: 78, seq: 10, from: 1, to: 2, content: "ok", at: NOW });
  assert.deepEqual(texts(play), ["ok", "ok"]);
  const [first, second] = play.sent("message");
  play.frame({ type: "sent", ref: first.ref, id: 78, seq: 10, at: NOW });
  play.frame({ type: "sent", ref: second.ref, id: 79, seq: 11, at: NOW });
  assert.deepEqual(texts(play), ["ok", "ok"]);
});

test("a reload sends what was not answered under the same ref, in the order of writing", () => {
  const before = new Play().enter();
  before.open();
  before.do({ type: "send", key: "u2", text: "one" });
  before.now += 1;
  before.do({ type: "send", key: "u2", text: "two" });
  const play = new Play();
  const { me, seq, conversations, people, drafts, outgoing, asked } = before.state;
  const saved = {
    me,
    seq,
    conversations: Object.values(conversations),
    people: Object.values(people),
    drafts,
    outgoing: [...outgoing].reverse(),
    asked: {},
    uploads: [],
    settings: {},
  };
  assert.ok(asked);
  play.do({ type: "start.loaded", saved });
  const effects = play.frame({ type: "welcome", id: 1, name: "Alice", seq: 9, head: 9, recovered: true });
  assert.deepEqual(play.sent("message", effects), before.sent("message"));
});

test("refused: not sent, with the server's words; retry and discard", () => {
  const play = new Play().enter();
  play.open();
  const [{ ref }] = play.sent("message", play.do({ type: "send", key: "u2", text: "hi" }));
  play.frame({ type: "error", code: "not_accepted", message: "wait for an answer", ref });
  const row = /** @type {any} */ (rows(play.state, "u2").at(-1));
  assert.equal(row.tick, "failed");
  assert.equal(row.outgoing.error, "wait for an answer");
  // Nothing goes out by itself.
  assert.deepEqual(play.sent("message", play.frame({ type: "welcome", id: 1, seq: 9, head: 9, recovered: true })), []);
  assert.equal(play.sent("message", play.do({ type: "retry", ref }))[0].ref, ref);
  play.do({ type: "discard", ref });
  assert.equal(play.state.outgoing.length, 0);
  assert.equal(play.state.drafts.u2.text, "hi");
});

test("too fast: it goes out again after the time that the server says", () => {
  const play = new Play().enter();
  play.open();
  const [{ ref }] = play.sent("message", play.do({ type: "send", key: "u2", text: "hi" }));
  const effects = play.frame({ type: "error", code: "rate_limited", message: "…", retry_after_ms: 700, ref });
  assert.deepEqual(
    effects.find((effect) => effect.type === "timer"),
    { type: "timer", name: "again", ms: 700 },
  );
  assert.equal(play.sent("message", play.do({ type: "timer", name: "again" }))[0].ref, ref);
  assert.equal(play.sent("message", play.do({ type: "timer", name: "again" })).length, 0);
});

test("order is by id, pending last, whatever the clocks say", () => {
  const play = new Play(NOW + 5 * 3600_000).enter([bob()], { now: NOW });
  assert.equal(play.state.clock.offset, -5 * 3600_000);
  assert.ok(play.state.notices.some(({ kind, minutes }) => kind === "clock_wrong" && minutes === 300));
  play.open("u2", [said(70, 2, { at: NOW }), said(71, 2, { at: NOW - 9_000_000 })]);
  play.do({ type: "send", key: "u2", text: "mine" });
  assert.equal(play.state.outgoing[0].at, NOW);
  play.frame({ type: "message", id: 80, seq: 10, from: 2, to: 1, content: "late", at: NOW - 5_000_000 });
  assert.deepEqual(texts(play), ["message 70", "message 71", "late", "mine"]);
});

test("no `read` while hidden; one after a second of focus, which covers all", () => {
  const play = new Play().enter();
  play.open("u2", [said(76), said(77)]);
  play.do({ type: "focus", focused: false });
  play.do({ type: "seen", key: "u2", id: 77 });
  play.do({ type: "timer", name: "read u2" });
  assert.equal(play.sent("read").length, 0);
  const effects = play.do({ type: "focus", focused: true });
  assert.ok(effects.some((effect) => effect.type === "timer" && effect.name === "read u2" && effect.ms === 1000));
  play.do({ type: "timer", name: "read u2" });
  assert.deepEqual(
    play.sent("read").map(({ id }) => id),
    [77],
  );
  assert.equal(play.state.conversations.u2.unread, 0);
  play.do({ type: "timer", name: "read u2" });
  assert.equal(play.sent("read").length, 1);
});

test("unread counts once, also in other conversations, and another device's `read` takes it away", () => {
  const play = new Play().enter([bob({ unread: 0, read: 77 }), trip()]);
  const message = { type: "message", id: 90, seq: 10, from: 2, to: 1, content: "x", at: NOW };
  play.frame(message);
  play.frame(message);
  assert.equal(play.state.conversations.u2.unread, 1);
  play.frame({ type: "read", seq: 11, id: 90, by: 1 });
  assert.equal(play.state.conversations.u2.unread, 0);
});

test("the unread line stands above the first foreign unread message, never above an own one, until leaving", () => {
  const play = new Play().enter([bob({ unread: 2, read: 76, last: said(80) }), trip()]);
  play.open("u2", [said(76), said(77, 1), said(79), said(80)]);
  const kinds = () => rows(play.state, "u2").map((row) => (row.kind === "message" ? row.message.id : row.kind));
  assert.deepEqual(kinds(), ["day", 76, 77, "unread", 79, 80]);
  play.do({ type: "seen", key: "u2", id: 80 });
  play.do({ type: "timer", name: "read u2" });
  play.frame({ type: "message", id: 81, seq: 10, from: 2, to: 1, content: "x", at: NOW });
  assert.deepEqual(kinds(), ["day", 76, 77, "unread", 79, 80, 81]);
  play.do({ type: "open", key: "g5" });
  play.do({ type: "open", key: "u2" });
  play.do({ type: "seen", key: "u2", id: 81 });
  play.do({ type: "timer", name: "read u2" });
  play.do({ type: "open", key: "g5" });
  play.do({ type: "open", key: "u2" });
  assert.ok(!kinds().includes("unread"));
});

test("scrolled up: new messages are counted for the button, at the bottom they are not", () => {
  const play = new Play().enter();
  play.open("u2", [said(77)]);
  play.do({ type: "bottom", key: "u2", at: false });
  for (const id of [80, 81]) play.frame({ type: "message", seq: id, ...said(id) });
  assert.equal(play.state.timelines.u2.below, 2);
  play.do({ type: "newest", key: "u2" });
  assert.equal(play.state.timelines.u2.below, 0);
});

test("what is sent from the middle of a conversation is shown: at its end", () => {
  const play = new Play().enter();
  play.open("u2", [said(77)]);
  play.do({ type: "bottom", key: "u2", at: false });
  play.do({ type: "send", key: "u2", text: " " });
  assert.notEqual(play.state.timelines.u2.target?.id, 0, "nothing was sent");
  play.do({ type: "send", key: "u2", text: "hi" });
  assert.equal(play.state.timelines.u2.target.id, 0);
  play.do({ type: "jump", key: "u2", id: 7 });
  play.answer("history", { messages: [said(7)], more: true, more_after: true });
  assert.equal(play.state.timelines.u2.newer, true);
  const [{ before, around }] = play.sent("history", play.do({ type: "send", key: "u2", text: "again" }));
  assert.deepEqual([before, around], [undefined, undefined], "the newest page");
});

test("whoever accepts a request is watched from then on, and whoever one gets to know", () => {
  const stranger = bob({ last: said(99, 1), activity: 99, unread: 0, delivered_to: 0, read_by: 0 });
  const play = new Play().enter([stranger]);
  play.open("u2", [said(99, 1)]);
  const asked = (effects) => play.sent("presence", effects).map(({ ids }) => ids);
  assert.deepEqual(asked(play.frame({ type: "delivered", seq: 10, id: 99, by: 2 })), [[2]]);
  assert.deepEqual(asked(play.frame({ type: "read", seq: 11, id: 99, by: 2 })), [], "once");
  const message = { ...said(100, 3), from: 3, to: 1, name: "Cleo" };
  assert.deepEqual(asked(play.frame({ type: "message", seq: 12, ...message })), [[2, 3]]);
  const request = { ...said(101, 4), from: 4, to: 1, name: "Dan", request: true };
  assert.deepEqual(asked(play.frame({ type: "message", seq: 13, ...request })), []);
});

test("the picture of who writes for the first time is asked for, and again when the conversation is opened later", () => {
  const play = new Play().enter();
  const asked = (effects) => effects.filter(({ type, call }) => type === "call" && call === "user");
  const message = { ...said(100, 3), from: 3, to: 1, name: "Cleo" };
  const ids = asked(play.frame({ type: "message", seq: 10, ...message })).map(({ args }) => args.id);
  assert.deepEqual(ids, [3]);
  play.do({ type: "called", call: "user", value: { id: 3, name: "Cleo", picture: "abc" }, args: { id: 3 } });
  assert.equal(items(play.state).find(({ key }) => key === "u3").picture, "abc");
  assert.equal(asked(play.do({ type: "open", key: "u3" })).length, 0, "it is new");
  play.do({ type: "open", key: null });
  play.now += 11 * 60_000;
  assert.equal(asked(play.do({ type: "open", key: "u3" })).length, 1);
  play.do({ type: "called", call: "user", value: { id: 3, name: "Cleopatra" }, args: { id: 3 } });
  const { name, picture } = items(play.state).find(({ key }) => key === "u3");
  assert.deepEqual([name, picture], ["Cleopatra", null], "taken away");
});

test("ticks of a group need everybody", () => {
  const play = new Play().enter([trip({ last: { ...said(61, 1), group: 5 }, activity: 61 })]);
  const members = [
    { id: 1, name: "Alice", role: "admin", delivered: 0, read: 0 },
    { id: 2, name: "Bob", role: "member", delivered: 61, read: 61 },
    { id: 3, name: "Cleo", role: "member", delivered: 0, read: 0 },
    { id: 4, role: "invited", delivered: 0, read: 0 },
  ];
  play.do({ type: "open", key: "g5" });
  play.frame({ type: "group.show", group: 5, name: "Trip", days: null, members });
  play.answer("history", { messages: [{ ...said(61, 1), group: 5 }], more: false });
  const tick = () => tickOf(play.state, "g5", { id: 61, from: 1 });
  assert.equal(tick(), "sent");
  play.frame({ type: "delivered", seq: 10, id: 61, by: 3 });
  assert.equal(tick(), "delivered");
  play.frame({ type: "read", seq: 11, id: 61, by: 3, all: true });
  assert.equal(tick(), "read");
});

test("a receipt that comes before its message is loaded counts once it is", () => {
  const play = new Play().enter([bob({ last: said(99), activity: 99, unread: 0, read: 99 })]);
  play.frame({ type: "read", seq: 10, id: 90, by: 2 });
  play.open("u2", [said(90, 1), said(99)]);
  assert.equal(tickOf(play.state, "u2", { id: 90, from: 1 }), "read");
});

test("an own message counts in the log where it stands, not before events that still come", () => {
  const play = new Play().enter();
  play.open();
  const [{ ref }] = play.sent("message", play.do({ type: "send", key: "u2", text: "hi" }));
  play.frame({ type: "sent", ref, id: 80, seq: 12, at: NOW });
  assert.equal(play.state.seq, 9);
  play.frame({ type: "message", seq: 10, ...said(78) });
  const effects = play.frame({ type: "message", seq: 11, ...said(79) });
  assert.equal(play.state.seq, 12);
  assert.equal(effects.find((effect) => effect.type === "save").ack, 12);
});

test("events and `seq` are one write, acknowledged after it", () => {
  const play = new Play().enter();
  const effects = play.frame({ type: "message", seq: 10, ...said(78) });
  const saves = effects.filter((effect) => effect.type === "save");
  assert.equal(saves.length, 1);
  assert.ok(saves[0].write.some((one) => one.put === "messages"));
  assert.ok(saves[0].write.some((one) => one.put === "meta" && one.name === "seq" && one.value === 10));
  assert.equal(saves[0].ack, 10);
  assert.equal(play.sent("received").length, 0);
});

test("edit: the text comes into the composer, what stood there comes back, refused it is as before", () => {
  const play = new Play().enter();
  play.open("u2", [said(78, 1, { at: NOW })]);
  play.do({ type: "draft", key: "u2", text: "half a" });
  play.do({ type: "edit.last", key: "u2" });
  assert.equal(play.state.drafts.u2.text, "message 78");
  const [{ ref }] = play.sent("edit", play.do({ type: "send", key: "u2", text: "better" }));
  assert.equal(play.state.drafts.u2.text, "half a");
  assert.deepEqual(texts(play), ["better"]);
  play.frame({ type: "error", code: "too_late", message: "too late", ref });
  assert.deepEqual(texts(play), ["message 78"]);
  assert.ok(play.state.notices.some(({ text }) => text === "too late"));
});

test("delete and react show at once, and stay with the server's event", () => {
  const play = new Play().enter();
  play.open("u2", [said(77), said(78, 1, { at: NOW })]);
  play.do({ type: "react", key: "u2", id: 77, emoji: "👍" });
  const reactions = () => play.row(77).message.reactions;
  assert.deepEqual(reactions(), [{ by: 1, emoji: "👍" }]);
  play.frame({ type: "react", ref: play.asked("react"), seq: 10, id: 77, by: 1, emoji: "👍" });
  assert.deepEqual(reactions(), [{ by: 1, emoji: "👍" }]);
  play.do({ type: "delete", key: "u2", id: 78, for: "everybody" });
  assert.equal(/** @type {any} */ (rows(play.state, "u2").at(-1)).message.deleted, true);
  play.frame({ type: "delete", ref: play.asked("delete"), seq: 11, id: 78 });
  assert.equal(/** @type {any} */ (rows(play.state, "u2").at(-1)).message.deleted, true);
  assert.equal(Object.keys(play.state.asked).filter((ref) => play.state.asked[ref].keep).length, 0);
});

test("drafts belong to conversations, and another tab's is taken over", () => {
  const play = new Play().enter([bob(), trip()]);
  play.do({ type: "open", key: "u2" });
  play.do({ type: "draft", key: "u2", text: "for Bob" });
  play.do({ type: "open", key: "g5" });
  play.do({ type: "draft", key: "g5", text: "for all" });
  play.do({ type: "open", key: "u2" });
  assert.equal(play.state.drafts.u2.text, "for Bob");
  assert.equal(items(play.state).find(({ key }) => key === "g5")?.draft, "for all");
  const tells = play.effects.filter((effect) => effect.type === "tell" && effect.event.type === "draft.other");
  const other = new Play().enter([bob(), trip()]);
  for (const { event } of tells) other.do(event);
  assert.equal(other.state.drafts.g5.text, "for all");
  // Not where somebody writes at this moment.
  other.do({ type: "open", key: "u2" });
  other.do({ type: "draft", key: "u2", text: "here" });
  for (const { event } of tells) other.do(event);
  assert.equal(other.state.drafts.u2.text, "here");
});

test("typing is said every three seconds, and forgotten after six", () => {
  const play = new Play().enter();
  play.open();
  play.do({ type: "draft", key: "u2", text: "a" });
  play.do({ type: "draft", key: "u2", text: "ab" });
  assert.equal(play.sent("typing").length, 1);
  play.now += 3000;
  play.do({ type: "draft", key: "u2", text: "abc" });
  assert.equal(play.sent("typing").length, 2);
  play.frame({ type: "typing", from: 2, to: 1 });
  assert.deepEqual(Object.keys(play.state.typing.u2), ["2"]);
  play.now += 6001;
  play.do({ type: "timer", name: "typing" });
  assert.deepEqual(play.state.typing, {});
});

test("a message with a file waits for it; what comes behind it waits too, other conversations do not", () => {
  const play = new Play().enter([bob(), trip()]);
  play.open();
  const file = /** @type {any} */ ({ name: "a.jpg", type: "image/jpeg", size: 10 });
  play.do({ type: "attach", key: "u2", files: [file] });
  const [id] = play.state.drafts.u2.uploads;
  assert.equal(play.sent("message", play.do({ type: "send", key: "u2", text: "look" })).length, 0);
  assert.equal(play.sent("message", play.do({ type: "send", key: "u2", text: "after" })).length, 0);
  assert.equal(play.sent("message", play.do({ type: "send", key: "g5", text: "else" })).length, 1);
  const ready = { status: "ready", file: { id: "F1", name: "a.jpg", type: "image/jpeg", size: 10 } };
  const sent = play.sent("message", play.do({ type: "upload", id, set: ready }));
  assert.deepEqual(
    sent.map(({ content, files }) => [content, files]),
    [
      ["look", ["F1"]],
      ["after", undefined],
    ],
  );
});

test("what another app shared goes into the composer of the conversation that is opened next", () => {
  const play = new Play().enter();
  const file = /** @type {any} */ ({ name: "a.jpg", type: "image/jpeg", size: 10 });
  play.do({ type: "shared", text: "look", files: [file] });
  assert.ok(play.state.notices.some(({ kind }) => kind === "share_where"));
  play.do({ type: "open", key: "u2" });
  assert.equal(play.state.drafts.u2.text, "look");
  assert.equal(play.state.drafts.u2.uploads.length, 1);
  assert.equal(play.state.shared, null);
  assert.equal(play.state.notices.length, 0);
});

test("a file over the limit is refused before the upload, with its name", () => {
  const play = new Play().enter();
  const file = /** @type {any} */ ({ name: "film.mp4", type: "video/mp4", size: 26 << 20 });
  const effects = play.do({ type: "attach", key: "u2", files: [file] });
  assert.ok(!effects.some((effect) => effect.type === "prepare"));
  assert.ok(play.state.notices.some(({ kind, text }) => kind === "file_too_big" && text === "film.mp4"));
});

test("a text over 16 KiB stays in the composer", () => {
  const play = new Play().enter();
  play.open();
  const text = "ä".repeat(8193);
  play.do({ type: "draft", key: "u2", text });
  assert.equal(play.sent("message", play.do({ type: "send", key: "u2", text })).length, 0);
  assert.equal(play.state.drafts.u2.text, text);
});

test("notifications: not for muted ones, own ones, requests, nor twice", () => {
  const play = new Play().enter([bob(), trip({ muted_until: NOW + 1000 })]);
  const notified = (effects) => effects.filter((effect) => effect.type === "notify").length;
  const message = { type: "message", seq: 10, ...said(80) };
  assert.equal(notified(play.frame(message)), 1);
  assert.equal(notified(play.frame(message)), 0);
  assert.equal(notified(play.frame({ type: "message", id: 81, seq: 11, from: 3, group: 5, content: "x", at: NOW })), 0);
  assert.equal(notified(play.frame({ type: "message", seq: 12, ...said(82, 1) })), 0);
  assert.equal(
    notified(play.frame({ type: "message", id: 83, seq: 13, from: 7, to: 1, content: "x", at: NOW, request: true })),
    0,
  );
});

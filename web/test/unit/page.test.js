// Windows of history, the list, search, opening by address.

import assert from "node:assert/strict";
import { test } from "node:test";

import { items, rows } from "../../core/select.js";
import { PAGE, TIMELINES_MAX, TIMELINE_MAX } from "../../core/state.js";
import { Play, NOW, bob, said, trip } from "./play.js";

const range = (from, to) => Array.from({ length: to - from + 1 }, (_, i) => said(from + i));
const ids = (play, key = "u2") => play.state.timelines[key].messages.map(({ id }) => id);

test("pages go back to the beginning; the window stays bounded, and what was dropped comes again", () => {
  const play = new Play().enter([bob({ last: said(1000), activity: 1000, unread: 0, read: 1000 })]);
  play.open("u2", range(951, 1000), true);
  for (let first = 901; first > 400; first -= 50) {
    play.do({ type: "older", key: "u2" });
    play.answer("history", { messages: range(first, first + 49), more: first > 1 });
    const all = ids(play);
    assert.ok(all.length <= TIMELINE_MAX);
    assert.deepEqual(
      all,
      Array.from({ length: all.length }, (_, i) => all[0] + i),
      "no hole",
    );
  }
  assert.equal(play.state.timelines.u2.newer, true);
  const last = ids(play).at(-1);
  play.do({ type: "newer", key: "u2" });
  assert.equal(play.sent("history").at(-1).after, last);
  play.answer("history", { messages: range(last + 1, last + 50), more: true });
  assert.equal(ids(play).at(-1), last + 50);
  play.do({ type: "newest", key: "u2" });
  play.answer("history", { messages: range(951, 1000), more: true });
  assert.deepEqual(
    ids(play),
    range(951, 1000).map(({ id }) => id),
  );
  assert.equal(play.state.timelines.u2.newer, false);
});

test("one page at a time is asked for", () => {
  const play = new Play().enter();
  play.open("u2", range(50, 99), true);
  play.do({ type: "older", key: "u2" });
  play.do({ type: "older", key: "u2" });
  assert.equal(play.sent("history").filter(({ before }) => before).length, 1);
});

test("a message that comes while the end is not loaded makes no hole", () => {
  const play = new Play().enter();
  play.do({ type: "open", key: "u2", id: 20 });
  play.answer("history", { messages: range(10, 30), more: true, more_after: true });
  play.frame({ type: "message", seq: 10, ...said(200) });
  assert.equal(ids(play).at(-1), 30);
  assert.equal(play.state.timelines.u2.below, 1);
  assert.equal(items(play.state)[0].line, "message 200");
});

test("a link to an old message: the page around it, the message in view with the focus", () => {
  const play = new Play().enter();
  play.do({ type: "route", hash: "#/u2/20" });
  assert.equal(play.sent("history").at(-1).around, 20);
  play.answer("history", { messages: range(10, 30), more: true, more_after: true });
  assert.deepEqual({ ...play.state.timelines.u2.target, turn: 0 }, { id: 20, turn: 0, focus: true });
});

test("a link to a message that is gone says so", () => {
  const play = new Play().enter();
  play.do({ type: "route", hash: "#/u2/20" });
  play.answer("history", { messages: range(21, 30), more: false });
  assert.ok(play.state.notices.some(({ kind }) => kind === "not_found"));
});

test("what the device kept shows at once; the server's page joins it, or replaces it if there is a hole", () => {
  for (const [kept, first, length] of [
    [range(60, 99), 60, 60],
    [range(10, 20), 70, 50],
  ]) {
    const play = new Play().enter();
    play.do({ type: "open", key: "u2" });
    play.do({ type: "cached", key: "u2", messages: kept });
    assert.equal(ids(play).length, kept.length);
    play.answer("history", { messages: range(70, 119), more: true });
    assert.equal(ids(play)[0], first);
    assert.equal(ids(play).length, length);
  }
});

test("what the page should have and has not is gone", () => {
  const play = new Play().enter();
  play.do({ type: "open", key: "u2" });
  play.do({ type: "cached", key: "u2", messages: range(60, 80) });
  play.answer("history", { messages: range(70, 80).filter(({ id }) => id !== 75), more: true });
  assert.ok(!ids(play).includes(75));
  assert.ok(ids(play).includes(65));
});

test("`recovered` false: everything is asked for anew, what waits is sent", () => {
  const play = new Play().enter();
  play.open("u2", range(70, 80));
  play.do({ type: "send", key: "u2", text: "still here" });
  const effects = play.frame({ type: "welcome", id: 1, name: "Alice", seq: 5000, head: 5000, recovered: false });
  const types = play.sent(undefined, effects).map(({ type }) => type);
  for (const type of ["conversations", "history", "message"]) assert.ok(types.includes(type), type);
  assert.equal(play.state.seq, 5000);
  assert.ok(effects.find((effect) => effect.type === "save").write.some((one) => one.drop === "all messages"));
});

test("many switches leave few conversations in memory", () => {
  const all = Array.from({ length: 30 }, (_, i) => bob({ with: 10 + i, name: `P${i}`, unread: 0 }));
  const play = new Play().enter(all);
  for (let round = 0; round < 3; round++) {
    for (let i = 0; i < 30; i++) {
      play.do({ type: "open", key: `u${10 + i}` });
      if (play.asked("history")) play.answer("history", { messages: range(1, 50), more: true });
    }
  }
  assert.ok(Object.keys(play.state.timelines).length <= TIMELINES_MAX);
});

test("the list: pinned first, then by activity; a conversation that is gone on the server leaves it", () => {
  const play = new Play().enter([bob(), trip({ pinned: true }), bob({ with: 3, name: "Cleo", activity: 99 })]);
  assert.deepEqual(
    items(play.state).map(({ name }) => name),
    ["Trip", "Cleo", "Bob"],
  );
  play.frame({ type: "welcome", id: 1, seq: 9, head: 999, recovered: true });
  play.answer("conversations", { conversations: [bob(), trip()], more: false });
  assert.deepEqual(
    items(play.state).map(({ name }) => name),
    ["Bob", "Trip"],
  );
});

test("the same list is the same array", () => {
  const play = new Play().enter([bob(), trip()]);
  const before = items(play.state);
  play.do({ type: "search", text: "x" });
  assert.equal(items(play.state), before);
});

test("many unread: the page around the first of them, not only the newest", () => {
  const play = new Play().enter([bob({ unread: 200, read: 300, last: said(500), activity: 500 })]);
  play.do({ type: "open", key: "u2" });
  assert.equal(play.sent("history").at(-1).around, 300);
  play.answer("history", { messages: range(276, 325), more: true, more_after: true });
  assert.equal(play.state.timelines.u2.target?.id, 301);
  const at = rows(play.state, "u2").findIndex((row) => row.kind === "unread");
  assert.equal(/** @type {any} */ (rows(play.state, "u2")[at + 1]).message.id, 301);
});

test("some more unread than a page: one page that goes back to the first of them", () => {
  const play = new Play().enter([bob({ unread: 130, read: 0, last: said(500), activity: 500 })]);
  play.do({ type: "open", key: "u2" });
  assert.equal(play.sent("history").at(-1).limit, 150);
});

test("very many, none of them read: from the beginning", () => {
  const play = new Play().enter([bob({ unread: 500, read: 0, last: said(900), activity: 900 })]);
  play.do({ type: "open", key: "u2" });
  assert.equal(play.sent("history").at(-1).after, 0);
  play.answer("history", { messages: range(1, 50), more: true });
  assert.deepEqual([play.state.timelines.u2.older, play.state.timelines.u2.newer], [false, true]);
});

test("search: what was typed last counts, newest first, more pages", () => {
  const play = new Play().enter();
  play.do({ type: "search", text: "tr" });
  play.do({ type: "timer", name: "search" });
  const stale = play.asked("search");
  play.do({ type: "search", text: "train" });
  play.do({ type: "timer", name: "search" });
  const fresh = play.asked("search");
  play.frame({ type: "search", ref: stale, messages: [said(5)], more: false });
  assert.equal(play.state.search.busy, true);
  play.frame({
    type: "search",
    ref: fresh,
    messages: [said(7), { ...said(9, 3), to: undefined, group: 5 }],
    more: true,
  });
  assert.deepEqual(
    play.state.search.hits.map(({ id, key }) => [id, key]),
    [
      [9, "g5"],
      [7, "u2"],
    ],
  );
  play.do({ type: "search.more" });
  assert.equal(play.sent("search").at(-1).before, 7);
});

test("groups: made and opened, invitation accepted, left", () => {
  const play = new Play().enter();
  play.do({ type: "group.create", name: "Trip", members: [2] });
  const by = { group: 6, by: 1, name: "Trip", at: NOW };
  play.frame({ type: "group", ref: play.asked("group.create"), seq: 10, change: "create", ...by });
  assert.equal(play.state.open, "g6");
  assert.equal(play.state.conversations.g6.role, "admin");
  play.frame({ type: "group", seq: 11, change: "invite", group: 7, by: 2, member: 1, name: "Club", at: NOW });
  assert.equal(items(play.state).find(({ key }) => key === "g7")?.invited, true);
  play.do({ type: "accept", key: "g7" });
  play.frame({
    type: "group",
    ref: play.asked("accept"),
    seq: 12,
    change: "join",
    group: 7,
    by: 1,
    name: "Club",
    at: NOW,
  });
  assert.equal(play.state.conversations.g7.role, "member");
  play.frame({ type: "group", seq: 13, change: "leave", group: 7, by: 1, name: "Club", at: NOW });
  assert.equal(play.state.conversations.g7.role, null);
  const lines = rows({ ...play.state, timelines: { g7: { ...play.state.timelines.g6, key: "g7" } } }, "g7");
  assert.deepEqual(
    lines.filter((row) => row.kind === "change").map((row) => row.change.change),
    ["invite", "join", "leave"],
  );
});

test("a request is declined: it is gone; accepted: it is a conversation", () => {
  const play = new Play().enter([bob({ request: true }), bob({ with: 3, name: "Cleo", request: true })]);
  play.do({ type: "accept", key: "u2" });
  play.frame({ type: "accept", ref: play.asked("accept"), seq: 10, id: 2 });
  assert.equal(play.state.conversations.u2.request, false);
  play.do({ type: "decline", key: "u3" });
  play.frame({ type: "decline", ref: play.asked("decline"), seq: 11, id: 3 });
  assert.deepEqual(
    items(play.state).map(({ name }) => name),
    ["Bob"],
  );
});

test("a page is as long as is asked for", () => assert.equal(PAGE, 50));

// The connection: who it says it is, when it comes back, when it stays away.

import assert from "node:assert/strict";
import { afterEach, beforeEach, mock, test } from "node:test";

import { backoff, createSocket, parse, waitAfter } from "../../wire/socket.js";
import { metadata } from "../../wire/upload.js";

/** @type {any[]} */
let sockets = [];

class FakeSocket {
  static OPEN = 1;
  readyState = 1;
  sent = [];
  isClosed = false;
  constructor(url) {
    this.url = url;
    sockets.push(this);
  }
  send(text) {
    this.sent.push(text);
  }
  close() {
    this.isClosed = true;
  }
  say(frame) {
    this.onmessage({ data: typeof frame === "string" ? frame : JSON.stringify(frame) });
  }
}

beforeEach(() => {
  sockets = [];
  globalThis.WebSocket = /** @type {any} */ (FakeSocket);
  mock.timers.enable({ apis: ["setTimeout", "Date"] });
});
afterEach(() => mock.timers.reset());

function start(ticket = async () => "ticket-1", seq = 14) {
  const frames = [];
  const links = [];
  const socket = createSocket({
    url: () => "ws://x/ws",
    ticket,
    since: () => seq,
    onFrame: (frame) => frames.push(frame),
    onLink: (link) => links.push(link),
  });
  return { socket, frames, links };
}

const settle = () => new Promise((resolve) => setImmediate(resolve));

async function welcome(what = start()) {
  what.socket.connect();
  await settle();
  const last = sockets.at(-1);
  last.onopen();
  last.say({ type: "welcome", id: 1 });
  return { ...what, last };
}

test("hello with the ticket and `since`, nothing before the welcome", async () => {
  const { socket, links } = start();
  socket.connect();
  await settle();
  socket.send({ type: "read", id: 1 });
  sockets[0].onopen();
  socket.send({ type: "read", id: 1 });
  assert.deepEqual(
    sockets[0].sent.map((text) => JSON.parse(text)),
    [{ type: "hello", token: "ticket-1", since: 14 }],
  );
  assert.equal(links[0].status, "connecting");
  sockets[0].say({ type: "welcome", id: 1 });
  socket.send({ type: "read", id: 1 });
  assert.equal(sockets[0].sent.length, 2);
});

test("a new device says no `since`", async () => {
  await welcome(start(undefined, 0));
  assert.equal(JSON.parse(sockets[0].sent[0]).since, undefined);
});

test("after a drop it comes back by itself, with a new ticket", async () => {
  let count = 0;
  const { links, last } = await welcome(start(async () => `t${++count}`));
  last.onclose({ code: 1001 });
  assert.equal(links.at(-1).status, "offline");
  assert.ok(links.at(-1).retryAt <= Date.now() + 1000);
  mock.timers.tick(1000);
  await settle();
  assert.equal(sockets.length, 2);
  sockets[1].onopen();
  assert.equal(JSON.parse(sockets[1].sent[0]).token, "t2");
});

test("after 4401 it stays away; so it does if the ticket is refused", async () => {
  const { links, last } = await welcome();
  last.onclose({ code: 4401 });
  mock.timers.tick(600_000);
  await settle();
  assert.equal(sockets.length, 1);
  assert.equal(links.at(-1).code, 4401);
  const refused = start(async () => {
    throw { status: 401, code: "unauthorized", message: "" };
  });
  refused.socket.connect();
  await settle();
  assert.equal(refused.links.at(-1).code, 4401);
  assert.equal(sockets.length, 1);
});

test("waits spread over the whole time and grow to 30 s; too fast or damaged means a minute", () => {
  const waits = Array.from({ length: 500 }, () => backoff(3));
  assert.ok(Math.min(...waits) < 1600 && Math.max(...waits) > 6400 && Math.max(...waits) <= 8000);
  assert.ok(Array.from({ length: 500 }, () => backoff(50)).every((ms) => ms <= 30_000));
  for (const code of [1011, 4429, 1009]) assert.ok(waitAfter(code, 0) >= 60_000);
  for (const code of [1001, 1006, 4409, 0]) assert.ok(waitAfter(code, 0) <= 1000);
});

test("of a probe no answer in 5 s: another connection; with one it stays", async () => {
  const { socket, last } = await welcome();
  socket.probe();
  assert.equal(last.sent.at(-1), "ping");
  last.say("pong");
  mock.timers.tick(6000);
  await settle();
  assert.equal(sockets.length, 1);
  socket.probe();
  mock.timers.tick(5000);
  assert.equal(last.isClosed, true);
  mock.timers.tick(1000);
  await settle();
  assert.equal(sockets.length, 2);
});

test("of a silent connection it is asked whether it lives", async () => {
  const { last, frames } = await welcome();
  mock.timers.tick(45_000);
  assert.equal(last.sent.at(-1), "ping");
  last.say("pong");
  assert.equal(frames.length, 1);
  mock.timers.tick(45_000);
  mock.timers.tick(10_000);
  assert.equal(last.isClosed, true);
});

test("what an earlier connection still says is not heard", async () => {
  const { socket, frames, last } = await welcome();
  socket.disconnect();
  last.say({ type: "message", id: 1 });
  assert.equal(frames.length, 1);
});

test("what is no frame is none", () => {
  for (const data of ["pong", "{", "[]", "7", "null", '{"type":7}', new ArrayBuffer(1)])
    assert.equal(parse(data), null);
});

test("names of files go as base64 of UTF-8", () => {
  assert.equal(
    metadata({ filename: "größe.jpg", filetype: "image/jpeg", width: undefined }),
    "filename Z3LDtsOfZS5qcGc=,filetype aW1hZ2UvanBlZw==",
  );
});

// What a long day leaves behind in the page: nothing.

import assert from "node:assert/strict";
import { after, afterEach, before, test } from "node:test";

import { until, world } from "./harness.js";

/** Writers, and messages that each writes in a round. After each round all conversations are opened in turn. */
const WRITERS = 10;
const EACH = 25;
/** Rounds until as much is loaded as the client keeps, and those that are measured: 200 switches, 5,000 messages. */
const WARM = 4;
const ROUNDS = 20;
const ROWS_MAX = 450;
const GROWTH_MAX = 1.3;

let here;
before(async () => (here = await world(["--contact=open", "--account-quota=0"])));
afterEach(() => here.leave());
after(() => here.end());

/** People who write to somebody, over sockets of a page that is not the client. */
async function writers(to) {
  // The page is a JSON document of the server, whose policy lets it ask for nothing.
  const context = await here.browser.newContext({ bypassCSP: true });
  const page = await context.newPage();
  await page.goto(`${here.base}/livez`);
  await page.evaluate(
    async ({ count, email }) => {
      const ask = async (path, body, headers = {}) => {
        const init = body && { method: "POST", body: JSON.stringify(body) };
        const answer = await fetch(path, { ...init, headers: { "Content-Type": "application/json", ...headers } });
        return answer.json();
      };
      Object.assign(window, { senders: [], sent: 0 });
      for (let n = 0; n < count; n++) {
        const account = { email: `writer${n}@example.com`, name: `Writer ${n}`, password: "secret-1" };
        await ask("/signup", account);
        const { token } = await ask("/login", account);
        const { id } = await ask(`/users?email=${email}`, null, { Authorization: `Bearer ${token}` });
        const socket = new WebSocket(`${location.origin.replace("http", "ws")}/ws`);
        await new Promise((resolve) => (socket.onopen = resolve));
        const welcomed = new Promise((resolve) => (socket.onmessage = resolve));
        socket.send(JSON.stringify({ type: "hello", token }));
        await welcomed;
        socket.onmessage = ({ data }) => (window.sent += data.includes('"sent"') ? 1 : 0);
        window.senders.push((content) => socket.send(JSON.stringify({ to: id, content, ref: content })));
      }
    },
    { count: WRITERS, email: to.email },
  );
  return {
    /** Everybody writes their messages of a round, which are stored when it returns. */
    async write(round) {
      const wanted = await page.evaluate(
        ({ each, round }) => {
          const wanted = window.sent + each * window.senders.length;
          for (let n = 0; n < each; n++) window.senders.forEach((send, i) => send(`round ${round}: ${n} of ${i}`));
          return wanted;
        },
        { each: EACH, round },
      );
      await until(() => page.evaluate((wanted) => window.sent >= wanted, wanted));
    },
    end: () => context.close(),
  };
}

test("200 switches and 5,000 messages: at most 450 rows, and at most 1.3 times the memory", async () => {
  const bob = await here.person("Bob");
  await bob.signUp();
  const all = await writers(bob);
  const devtools = await bob.context.newCDPSession(bob.page);
  /** Bytes of JavaScript, and nodes of the document, after a garbage collection. */
  const used = async () => {
    for (let n = 0; n < 3; n++) await devtools.send("HeapProfiler.collectGarbage");
    const { usedSize } = await devtools.send("Runtime.getHeapUsage");
    const { nodes, jsEventListeners } = await devtools.send("Memory.getDOMCounters");
    return { usedSize, nodes, jsEventListeners };
  };
  const jump = bob.button("Jump to newest messages");
  let most = 0;
  const round = async (number) => {
    await all.write(number);
    for (let i = 0; i < WRITERS; i++) {
      await bob.chat(`Writer ${i}`).click();
      const last = bob.message(`round ${number}: ${EACH - 1} of ${i}`);
      // Nothing is read in passing: with many unread messages a conversation opens at the first of them.
      await until(async () => {
        if (await jump.isVisible()) await jump.click({ timeout: 1000 }).catch(() => {});
        return last.isVisible();
      });
      most = Math.max(most, await bob.messages.count());
    }
  };
  let number = 0;
  while (number < WARM) await round(number++);
  const start = await used();
  while (number < WARM + ROUNDS) await round(number++);
  const end = await used();
  assert.ok(most <= ROWS_MAX, `${most} rows`);
  for (const key of Object.keys(start))
    assert.ok(end[key] <= GROWTH_MAX * start[key], `${key} went from ${start[key]} to ${end[key]}`);
  await all.end();
});

// A conversation of 10,000 messages: paged from the newest to the oldest and back, what is on screen stays where it is.

import assert from "node:assert/strict";
import { after, afterEach, before, test } from "node:test";

import { world } from "./harness.js";

const MESSAGES = 10_000;
/** CSS pixels by which a row may move that nobody scrolls, and rows in the page. */
const SHIFT_MAX = 1;
const ROWS_MAX = 450;

let here;
before(async () => (here = await world(["--contact=open", "--account-quota=0"])));
afterEach(() => here.leave());
after(() => here.end());

/** Two accounts that write to each other in turn, over sockets of a page that is not the client. */
async function write(people, count) {
  // The page is a JSON document of the server, whose policy lets it ask for nothing.
  const context = await here.browser.newContext({ bypassCSP: true });
  const page = await context.newPage();
  await page.goto(`${here.base}/livez`);
  await page.evaluate(
    async ({ people, count }) => {
      const ask = async (path, body, headers = {}) => {
        const init = body && { method: "POST", body: JSON.stringify(body) };
        const answer = await fetch(path, { ...init, headers: { "Content-Type": "application/json", ...headers } });
        return answer.json();
      };
      const writers = [];
      for (const [i, account] of people.entries()) {
        await ask("/signup", account);
        const { token } = await ask("/login", account);
        const { email } = people[1 - i];
        const writer = { token, socket: new WebSocket(`${location.origin.replace("http", "ws")}/ws`), sent: 0, email };
        writers.push(writer);
        await new Promise((resolve) => (writer.socket.onopen = resolve));
        const welcomed = new Promise((resolve) => (writer.socket.onmessage = resolve));
        writer.socket.send(JSON.stringify({ type: "hello", token }));
        await welcomed;
      }
      for (const writer of writers)
        writer.to = (await ask(`/users?email=${writer.email}`, null, { Authorization: `Bearer ${writer.token}` })).id;
      const lines = (n) =>
        ["", " in some more words, so that it has two lines".repeat(1 + (n % 3)), "\nthree\nlines"][n % 3];
      for (let n = 0; n < count;) {
        const { socket, to } = writers[(n / 25) & 1];
        const end = Math.min(count, n + 25);
        let waits = end - n;
        const stored = new Promise((resolve) => {
          socket.onmessage = ({ data }) => data.includes('"sent"') && --waits === 0 && resolve(null);
        });
        for (; n < end; n++) socket.send(JSON.stringify({ to, content: `message ${n}${lines(n)}`, ref: `m${n}` }));
        await stored;
      }
      for (const { socket } of writers) socket.close();
    },
    { people, count },
  );
  await context.close();
}

/**
 * Scrolls to one end of the conversation, a screen at a time, and looks at each frame how far the row in the middle is
 * from where it was put.
 */
const leaf = ({ isUp, last }) => {
  const list = document.querySelector("ol.messages");
  const scroller = list.closest(".scroller");
  const frame = () => new Promise((resolve) => requestAnimationFrame(resolve));
  const edge = () => (isUp ? list.firstElementChild : list.lastElementChild);
  const middle = () => {
    const { left, top, width, height } = scroller.getBoundingClientRect();
    return document.elementFromPoint(left + width / 2, top + height / 2)?.closest("li") ?? null;
  };
  const run = async () => {
    const seen = { shift: 0, rows: 0, pages: 0, frames: 0 };
    let [before, since] = [edge(), performance.now()];
    for (;;) {
      scroller.scrollTop += (isUp ? -1 : 1) * scroller.clientHeight;
      const row = middle();
      const top = row?.getBoundingClientRect().top ?? 0;
      await frame();
      seen.frames += 1;
      if (row?.isConnected) seen.shift = Math.max(seen.shift, Math.abs(row.getBoundingClientRect().top - top));
      seen.rows = Math.max(seen.rows, list.childElementCount);
      if (edge() !== before) {
        seen.pages += 1;
        [before, since] = [edge(), performance.now()];
      }
      if (performance.now() - since > 15_000) throw new Error(`no page after ${before.textContent}`);
      const isAtEnd = isUp
        ? scroller.scrollHeight - scroller.clientHeight + scroller.scrollTop < 2
        : scroller.scrollTop > -2;
      if (isAtEnd && edge().textContent.includes(last)) return seen;
    }
  };
  return run();
};

test("10,000 messages: paged to the oldest and back to the newest nothing moves by more than a pixel", async (t) => {
  const bob = await here.person("Bob");
  const alice = { email: "alice@example.com", name: "Alice", password: "secret-1" };
  await write([alice, { email: bob.email, name: bob.name, password: bob.password }], MESSAGES);
  await bob.arrive();
  await bob.chat("Alice").click();
  await bob.messages.first().waitFor();
  const jump = bob.button("Jump to newest messages");
  const newest = bob.page.getByRole("listitem", { name: new RegExp(`: message ${MESSAGES - 1}\\b`) });
  if (await jump.isVisible()) await jump.click();
  await newest.waitFor();
  for (const [way, last, isUp] of [
    ["up", "message 0", true],
    ["down", `message ${MESSAGES - 1}`, false],
  ]) {
    const start = performance.now();
    const seen = await bob.page.evaluate(leaf, { isUp, last });
    const seconds = ((performance.now() - start) / 1000).toFixed(1);
    t.diagnostic(`${way}: ${seen.pages} pages, ${seen.frames} frames, ${seconds} s`);
    t.diagnostic(`${way}: a row moved by at most ${seen.shift.toFixed(2)} px, at most ${seen.rows} rows`);
    assert.ok(seen.pages >= (MESSAGES / 50) * 0.8, `${seen.pages} pages`);
    assert.ok(seen.shift <= SHIFT_MAX, `${way}: a row moved by ${seen.shift} px`);
    assert.ok(seen.rows <= ROWS_MAX, `${seen.rows} rows`);
  }
});

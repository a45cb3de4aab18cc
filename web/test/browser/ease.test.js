// How it feels: sizes, keyboard, other ways to type, a list that stays where it is, screen readers, both themes.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, afterEach, before, test } from "node:test";

import { PHONE, acquaint, until, world } from "./harness.js";

const AXE = readFileSync(new URL("../../../node_modules/axe-core/axe.min.js", import.meta.url), "utf8");

let here;
before(async () => (here = await world(["--contact=open"])));
afterEach(() => here.leave());
after(() => here.end());

/** Two people, each with the other's conversation open. */
async function couple(options = {}) {
  const [alice, bob] = [await here.person("Alice", options), await here.person("Bob")];
  await acquaint(alice, bob);
  await bob.say("hello");
  await alice.message("hello").waitFor();
  return [alice, bob];
}

/** Frames of messages that a page sends from now on. */
async function sentBy(person) {
  await person.page.evaluate(() => {
    const { send } = WebSocket.prototype;
    window.sentFrames = [];
    WebSocket.prototype.send = function (data) {
      if (String(data).includes('"content"')) window.sentFrames.push(data);
      return send.call(this, data);
    };
  });
  return () => person.page.evaluate(() => window.sentFrames.length);
}

/** Where the top of a message is, in CSS pixels. */
const top = (message) => message.evaluate((node) => node.querySelector(".bubble").getBoundingClientRect().top);

const scroller = (person) => person.page.getByRole("region", { name: "Chat" });

/** Waits until nothing moves any more. */
async function still(person) {
  await person.page.evaluate(async () => {
    const frame = () => new Promise((resolve) => requestAnimationFrame(resolve));
    for (let i = 0; i < 5; i++) await frame();
  });
}

test("at 360×300 head, last message and composer are on screen", async () => {
  const [alice] = await couple({ viewport: { width: 360, height: 300 } });
  for (const part of [alice.page.getByRole("heading", { level: 1 }), alice.message("hello"), alice.field("Message")]) {
    const box = await part.boundingBox();
    assert.ok(box && box.y >= 0 && box.y + box.height <= 300, JSON.stringify(box));
  }
});

test("at 320 pixels and at 200 % nothing scrolls sideways, and Send can be reached", async () => {
  for (const options of [
    { viewport: { width: 320, height: 568 } },
    { viewport: { width: 640, height: 400 }, deviceScaleFactor: 2 },
  ]) {
    const [alice] = await couple(options);
    await alice.say(`${"long".repeat(100)} https://example.com/${"path".repeat(100)}`);
    await alice.field("Message").fill("x");
    const width = await alice.page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
    assert.ok(width[0] <= width[1], String(width));
    const box = await alice.button("Send").boundingBox();
    assert.ok(box && box.x >= 0 && box.x + box.width <= width[1]);
    await here.leave();
  }
});

test("Enter that ends a composition sends nothing, the next one sends once", async () => {
  const [alice, bob] = await couple();
  const sent = await sentBy(alice);
  const field = alice.field("Message");
  await field.focus();
  const cdp = await alice.context.newCDPSession(alice.page);
  await cdp.send("Input.imeSetComposition", { text: "にほん", selectionStart: 3, selectionEnd: 3 });
  await cdp.send("Input.dispatchKeyEvent", {
    type: "rawKeyDown",
    windowsVirtualKeyCode: 229,
    key: "Process",
    code: "Enter",
  });
  await alice.page.keyboard.press("Enter");
  await cdp.send("Input.insertText", { text: "日本" });
  assert.equal(await sent(), 0);
  await alice.page.evaluate(() => new Promise((resolve) => setTimeout(resolve, 60)));
  await alice.page.keyboard.press("Enter");
  await bob.message("日本").or(bob.message("にほん")).or(bob.message("にほん日本")).first().waitFor();
  assert.equal(await sent(), 1);
});

test("Enter within 30 ms of a composition's end sends nothing; Shift+Enter breaks the line", async () => {
  const [alice, bob] = await couple();
  const sent = await sentBy(alice);
  await alice.field("Message").fill("text");
  await alice.field("Message").evaluate((field) => {
    field.dispatchEvent(new CompositionEvent("compositionend", { data: "x", bubbles: true }));
    field.dispatchEvent(new KeyboardEvent("keydown", { key: "Enter", bubbles: true, cancelable: true }));
  });
  assert.equal(await sent(), 0);
  await alice.page.evaluate(() => new Promise((resolve) => setTimeout(resolve, 60)));
  await alice.field("Message").press("End");
  await alice.page.keyboard.press("Shift+Enter");
  await alice.page.keyboard.type("more");
  assert.equal(await alice.field("Message").inputValue(), "text\nmore");
  await alice.page.keyboard.press("Enter");
  await bob.message("text more").waitFor();
  assert.equal(await sent(), 1);
});

test("the list stays: at its end with new messages, in the middle with new and with older ones", async () => {
  const [alice, bob] = await couple();
  await alice.sayMany(Array.from({ length: 170 }, (_, i) => `line ${i}`));
  await bob.message("line 169").waitFor();
  await until(() => scroller(bob).evaluate((node) => Math.abs(node.scrollTop) < 2));
  // All is read, so a fresh window has the last page of 50, or two; scrolling up loads the others.
  await alice.message("line 169", "read").waitFor();
  await bob.button("Settings").click();
  await bob.page.getByRole("dialog").getByRole("button", { name: "Log out", exact: true }).click();
  await bob.arrive();
  await bob.chat("Alice").click();
  await bob.message("line 169").waitFor();
  assert.ok((await bob.messages.count()) <= 100);
  await scroller(bob).evaluate((node) => (node.scrollTop = -1500));
  await still(bob);
  await until(async () => (await bob.messages.count()) > 60);
  await still(bob);
  const count = await bob.messages.count();
  const seen = bob.messages.nth(4);
  const name = await seen.getAttribute("aria-label");
  const kept = bob.page.getByRole("listitem", { name, exact: true });
  await kept.evaluate((node) => node.scrollIntoView({ block: "start" }));
  const before = await top(kept);
  await until(async () => (await bob.messages.count()) > count);
  await still(bob);
  const shift = Math.abs((await top(kept)) - before);
  assert.ok(shift <= 1, `older messages moved it by ${shift} px`);

  const place = await top(kept);
  await alice.sayMany(["new 1", "new 2", "new 3", "new 4", "new 5"]);
  const jump = bob.button("Jump to newest messages");
  await jump.getByText("5", { exact: true }).waitFor();
  await still(bob);
  const moved = Math.abs((await top(kept)) - place);
  assert.ok(moved <= 1, `new messages moved it by ${moved} px`);
  await jump.click();
  await until(() => scroller(bob).evaluate((node) => Math.abs(node.scrollTop) < 2));
  await jump.waitFor({ state: "hidden" });
  await bob.field("Message").focus();
  await bob.page.keyboard.press("PageUp");
  await until(() => scroller(bob).evaluate((node) => node.scrollTop < -100));
  await bob.page.keyboard.press("PageDown");
  await until(() => scroller(bob).evaluate((node) => Math.abs(node.scrollTop) < 2));
});

test("with the keyboard only: open a conversation, write, walk through messages, use their menu, go back", async () => {
  const [alice, bob] = await couple();
  const { keyboard } = alice.page;
  await alice.page.getByRole("searchbox", { name: "Search" }).focus();
  await keyboard.press("ArrowDown");
  await keyboard.press("Enter");
  await until(() => alice.page.evaluate(() => location.hash.startsWith("#/u")));
  await alice.field("Message").focus();
  await keyboard.type("by key");
  await keyboard.press("Enter");
  await bob.message("by key").waitFor();
  await keyboard.press("Shift+Tab");
  for (let i = 0; i < 4 && !(await alice.page.evaluate(() => document.activeElement?.closest("ol"))); i++)
    await keyboard.press("Shift+Tab");
  await keyboard.press("Escape");
  await until(() =>
    alice
      .message("by key")
      .evaluate((node) => node === document.activeElement || node.contains(document.activeElement)),
  );
  await keyboard.press("ArrowUp");
  await until(() => alice.message("hello").evaluate((node) => node === document.activeElement));
  await keyboard.press("Enter");
  await alice.page.getByRole("menu", { name: "Message actions" }).waitFor();
  await keyboard.press("r");
  await keyboard.press("Escape");
  await alice.page.getByRole("menu").waitFor({ state: "detached" });
  await until(() => alice.message("hello").evaluate((node) => node.contains(document.activeElement)));
});

test("the live region gets one text for each new message, and none for history", async () => {
  const [alice, bob] = await couple();
  await bob.page.evaluate(() => {
    window.heard = [];
    const live = document.querySelector("[aria-live=polite]");
    new MutationObserver(() => live.textContent && window.heard.push(live.textContent)).observe(live, {
      childList: true,
      characterData: true,
      subtree: true,
    });
  });
  await alice.say("are you there?");
  await bob.message("are you there?").waitFor();
  await until(() => bob.page.evaluate(() => window.heard.length > 0));
  await still(bob);
  assert.deepEqual(await bob.page.evaluate(() => window.heard), ["Alice: are you there?"]);
});

test("a pasted picture is attached, and text that comes with it is put in as plain text", async () => {
  const [alice] = await couple();
  await alice.field("Message").evaluate((field) => {
    const data = new DataTransfer();
    data.setData("text/plain", "plain");
    data.setData("text/html", "<b>plain</b>");
    data.items.add(new File([new Uint8Array(10)], "shot.png", { type: "image/png" }));
    field.dispatchEvent(new ClipboardEvent("paste", { clipboardData: data, bubbles: true, cancelable: true }));
  });
  await alice.page.locator(".composer .upload").getByText("shot.png").waitFor();
  await alice.page.locator(".composer").getByRole("button", { name: "Remove shot.png" }).click();
  await alice.page.locator(".composer .upload").waitFor({ state: "detached" });
});

test("near the bound of a message it says how many bytes are left, and beyond it nothing is sent", async () => {
  const [alice] = await couple();
  await alice.field("Message").fill("x".repeat(16 * 1024 - 10));
  await alice.page.getByText("10 bytes left").waitFor();
  await alice.field("Message").fill("ä".repeat(8 * 1024 + 1));
  await alice.page.getByText("2 bytes too long").waitFor();
  const sent = await sentBy(alice);
  await alice.page.keyboard.press("Enter");
  assert.equal(await sent(), 0);
  const lines = await alice
    .field("Message")
    .evaluate((field) => field.clientHeight / parseFloat(getComputedStyle(field).lineHeight));
  assert.ok(lines < 9, `${lines} lines`);
});

for (const colorScheme of ["light", "dark"]) {
  test(`axe finds nothing (${colorScheme})`, async () => {
    const [alice] = await couple({ colorScheme });
    const check = async (where) => {
      await alice.page.evaluate(AXE);
      // Colours on their way from one to the other are no colours of the theme.
      await still(alice);
      const found = await alice.page.evaluate(async () => {
        const { violations } = await window.axe.run(document);
        return violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html.slice(0, 200)).join(" ")}`);
      });
      assert.deepEqual(found, [], where);
    };
    await alice.act(alice.message("hi"), "Reply");
    await alice.say("an answer to myself");
    await alice.act(alice.message("hello"), "Reply");
    await alice.say("an answer");
    await alice.message("an answer", "sent|delivered|read").waitFor();
    await check("a conversation");
    await alice.message("hi").getByRole("button", { name: "Message actions" }).click();
    await alice.page.getByRole("menu").waitFor();
    await check("the menu of a message");
    await alice.page.keyboard.press("Escape");
    for (const name of ["New chat", "New group", "Settings"]) {
      await alice.button(name).click();
      await alice.page.getByRole("dialog", { name }).waitFor();
      await check(name);
      await alice.page.keyboard.press("Escape");
    }
    await alice.page.setViewportSize(PHONE);
    await check("a conversation on a phone");
    await alice.button("Back").click();
    await check("the list on a phone");
    await alice.button("Settings").click();
    await alice.page.getByRole("dialog").getByRole("button", { name: "Log out", exact: true }).click();
    await alice.page.getByRole("heading", { name: "Log in" }).waitFor();
    await check("log in");
  });
}

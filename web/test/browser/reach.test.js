// What is within reach: where the focus goes, how large fields are, what paper shows, what changes with the time and the version.

import assert from "node:assert/strict";
import { after, afterEach, before, test } from "node:test";

import { until, world } from "./harness.js";

let here;
before(async () => (here = await world(["--contact=open"])));
afterEach(() => here.leave());
after(() => here.end());

const couple = (options) => here.couple(options);

const hasFocus = (locator) => until(() => locator.evaluate((node) => node === document.activeElement), String(locator));

test("each dialog and menu gives the focus back to what opened it", async () => {
  const [alice] = await couple();
  const { page } = alice;
  for (const name of ["New chat", "New group", "Settings"]) {
    await alice.button(name).focus();
    await page.keyboard.press("Enter");
    const dialog = page.getByRole("dialog", { name });
    await dialog.waitFor();
    await until(() => dialog.evaluate((node) => node.contains(document.activeElement)), `the focus is in ${name}`);
    await page.keyboard.press("Escape");
    await dialog.waitFor({ state: "detached" });
    await hasFocus(alice.button(name));
  }
  const menu = alice.button("Chat menu");
  await menu.focus();
  await page.keyboard.press("Enter");
  await page.getByRole("menu").waitFor();
  await page.keyboard.press("Escape");
  await hasFocus(menu);
  await alice.button("Emoji").focus();
  await page.keyboard.press("Enter");
  await page.getByRole("dialog", { name: "Emoji" }).waitFor();
  await page.keyboard.press("Escape");
  await hasFocus(alice.button("Emoji"));
});

test("a page may be enlarged, and no field is so small that a phone enlarges it", async () => {
  const alice = await here.person("Alice");
  const { page } = alice;
  const sizes = async (where) => {
    const small = await page.evaluate(() =>
      [...document.querySelectorAll("input, textarea, select")]
        .filter((field) => field.checkVisibility() && !["checkbox", "file"].includes(field.type))
        .map((field) => [`${field.localName} ${field.type}`, parseFloat(getComputedStyle(field).fontSize)])
        .filter(([, size]) => size < 16),
    );
    assert.deepEqual(small, [], where);
  };
  await sizes("log in");
  const viewport = await page.locator("meta[name=viewport]").getAttribute("content");
  assert.doesNotMatch(viewport, /maximum-scale|user-scalable/);
  await alice.signUp();
  await alice.start(alice);
  await sizes("a conversation");
  for (const name of ["New chat", "New group", "Settings"]) {
    await alice.button(name).click();
    await page.getByRole("dialog", { name }).waitFor();
    await sizes(name);
    await page.keyboard.press("Escape");
  }
});

test("paper shows all messages that are loaded", async () => {
  const [alice] = await couple();
  await alice.sayMany(Array.from({ length: 40 }, (_, i) => `line ${i}`));
  await alice.page.emulateMedia({ media: "print" });
  const { hidden, height } = await alice.page.evaluate(() => {
    const items = [...document.querySelectorAll("ol.messages > li")];
    const isCut = (node) => {
      for (let up = node.parentElement; up; up = up.parentElement) {
        const { overflowY } = getComputedStyle(up);
        const [inner, outer] = [node.getBoundingClientRect(), up.getBoundingClientRect()];
        if (overflowY !== "visible" && (inner.top < outer.top - 1 || inner.bottom > outer.bottom + 1)) return true;
      }
      return false;
    };
    const top = items[0].getBoundingClientRect().top;
    return {
      hidden: items.filter((item) => item.getBoundingClientRect().height === 0 || isCut(item)).length,
      height: items.at(-1).getBoundingClientRect().bottom - top,
    };
  });
  assert.equal(hidden, 0);
  assert.ok(height > 800, `${height} px`);
});

test("over midnight the separator of yesterday's messages says so within a minute", async () => {
  const [alice] = await couple();
  const separator = alice.page.getByRole("list", { name: "Messages" }).locator(".chip time").first();
  const said = await separator.textContent();
  assert.match(said, /^today$/i);
  // The device's clock goes on by a day; the page is not reloaded.
  await alice.page.evaluate(() => {
    const { now } = Date;
    Date.now = () => now() + 86_400_000;
  });
  await until(async () => /^yesterday$/i.test((await separator.textContent()) ?? ""), "yesterday", 60_000);
});

test("a new version is offered once, and a reload keeps what is written", async () => {
  const [alice] = await couple();
  const { page } = alice;
  await alice.field("Message").fill("not sent yet");
  let loads = 0;
  page.on("load", () => loads++);
  // The server has another version now.
  await page.route(`${here.base}/manifest.json`, async (route) => {
    const answer = await route.fetch();
    const body = (await answer.text()).replaceAll(/\/web\/[0-9a-f]+\//g, "/web/0123456789abcdef/");
    await route.fulfill({ response: answer, body });
  });
  await page.evaluate(() => {
    const { now } = Date;
    Date.now = () => now() + 3_600_000;
    dispatchEvent(new Event("focus"));
  });
  await page.getByText("new version").waitFor();
  await page.unroute(`${here.base}/manifest.json`);
  await page.getByRole("button", { name: "Reload" }).click();
  await until(() => loads === 1);
  await alice.arrive();
  await alice.chat("Bob").click();
  await until(async () => (await alice.field("Message").inputValue()) === "not sent yet");
  assert.equal(await page.getByText("new version").isVisible(), false);
  assert.equal(loads, 1);
});

test("what is written from right to left reads so, and a page in that direction has no part out of reach", async () => {
  const [alice, bob] = await couple();
  await alice.field("Message").fill("שלום עולם (1)");
  const direction = (locator) => locator.evaluate((node) => getComputedStyle(node).direction);
  const field = alice.field("Message");
  assert.ok(await field.evaluate((node) => node.matches(":dir(rtl)")));
  await alice.page.keyboard.press("Enter");
  const text = bob.message("שלום עולם (1)").locator(".text");
  await text.waitFor();
  assert.equal(await direction(text), "rtl");
  assert.equal(await direction(bob.message("hi").locator(".text")), "ltr");
  await bob.page.evaluate(() => (document.documentElement.dir = "rtl"));
  for (const viewport of [
    { width: 1280, height: 800 },
    { width: 320, height: 568 },
  ]) {
    await bob.page.setViewportSize(viewport);
    const width = await bob.page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
    assert.ok(width[0] <= width[1], String(width));
    const [send, area] = [await bob.button("Send").boundingBox(), await bob.field("Message").boundingBox()];
    assert.ok(send && area && send.x >= 0 && send.x < area.x, "Send is at the end of the line, to the left");
  }
});

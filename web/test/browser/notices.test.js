// What tells somebody who looks elsewhere: a press on a notification opens its conversation, and a message sounds once.

import assert from "node:assert/strict";
import { after, afterEach, before, test } from "node:test";

import { until, world } from "./harness.js";

let here;
before(async () => (here = await world(["--contact=open"])));
afterEach(() => here.leave());
after(() => here.end());

/** Bob, who has Carol's conversation open, and Alice, whom he knows. @param {() => void} [script] runs first in his pages */
async function three(script = () => {}) {
  const [alice, carol] = [await here.person("Alice"), await here.person("Carol")];
  const bob = await here.person("Bob");
  await bob.context.grantPermissions(["notifications"]);
  await bob.context.addInitScript(script);
  await bob.page.reload();
  for (const person of [alice, carol, bob]) await person.signUp();
  for (const person of [alice, carol]) {
    await person.start(bob);
    await person.say(`hi from ${person.name}`);
    await bob.chat(person.name).waitFor();
  }
  await bob.chat("Carol").click();
  await bob.message("hi from Carol").waitFor();
  return { alice, bob, carol };
}

/** Waits until Bob is in Alice's conversation, at a message. */
async function isAt(bob, text) {
  await bob.page.getByRole("heading", { level: 1, name: "Alice", exact: true }).waitFor();
  await until(() => bob.message(text).evaluate((node) => node === document.activeElement), `${text} has the focus`);
  assert.match(await bob.page.evaluate(() => location.hash), /^#\/u\d+\/\d+$/);
}

test("a press on a notification opens its conversation, in the window that is there or in a new one", async () => {
  const { alice, bob } = await three();
  await until(() => bob.page.evaluate(async () => Boolean((await navigator.serviceWorker.ready).active)), "a worker");
  const [worker] = bob.context.serviceWorkers();
  const shown = () =>
    worker.evaluate(async () => (await self.registration.getNotifications()).map(({ title, body }) => [title, body]));
  // Nobody can press here: the event is made, and what browsers allow only after a press is noted.
  await worker.evaluate(() => {
    self.noted = [];
    self.ExtendableEvent.prototype.waitUntil = (promise) => (self.done = promise);
    self.WindowClient.prototype.focus = async () => void self.noted.push("focus");
    self.Clients.prototype.openWindow = async (url) => void self.noted.push(url);
  });
  const press = () =>
    worker.evaluate(async () => {
      const [notification] = await self.registration.getNotifications();
      self.dispatchEvent(new self.NotificationEvent("notificationclick", { notification }));
      await self.done;
      return self.noted.splice(0);
    });
  await alice.say("to the window");
  await until(async () => (await shown()).some(([, body]) => body === "to the window"), "a notification");
  assert.deepEqual(await shown(), [["Alice", "to the window"]]);
  assert.deepEqual(await press(), ["focus"]);
  await isAt(bob, "to the window");
  assert.deepEqual(await shown(), []);
  await bob.chat("Carol").click();
  await bob.page.getByRole("heading", { level: 1, name: "Carol", exact: true }).waitFor();
  await alice.say("to a new window");
  await until(async () => (await shown()).length === 1, "another notification");
  await bob.page.goto(`${here.base}/livez`);
  const [opened, ...more] = await press();
  assert.deepEqual(more, []);
  assert.match(opened, /^\/#\/u\d+\/\d+$/);
  await bob.page.goto(here.base + opened);
  await isAt(bob, "to a new window");
});

test("without a service worker a press on a notification opens its conversation, too", async () => {
  const { alice, bob } = await three(() => {
    delete Navigator.prototype.serviceWorker;
    window.made = [];
    window.Notification = class extends Notification {
      constructor(...all) {
        super(...all);
        window.made.push(this);
      }
    };
  });
  await alice.say("press here");
  await until(() => bob.page.evaluate(() => window.made.some(({ body }) => body === "press here")), "a notification");
  await bob.page.evaluate(() => window.made.at(-1).dispatchEvent(new Event("click")));
  await isAt(bob, "press here");
});

/** Notes each tone of a page, and when the last one began. */
const listen = () => {
  Object.assign(window, { tones: 0, toneAt: -Infinity });
  const { start } = OscillatorNode.prototype;
  OscillatorNode.prototype.start = function (...all) {
    window.tones += 1;
    window.toneAt = performance.now();
    return start.call(this, ...all);
  };
};

for (const hasLocks of [true, false])
  test(`a message sounds once over all tabs, unless it is in front, muted, or sound is off (${hasLocks ? "with" : "without"} Web Locks)`, async () => {
    const { alice, bob, carol } = await three(listen);
    if (!hasLocks) await bob.context.addInitScript(() => delete Navigator.prototype.locks);
    await bob.page.close();
    const tabs = [];
    for (let i = 0; i < 3; i++) {
      const page = await bob.context.newPage();
      bob.watch(page);
      await page.goto(here.base);
      await page.getByRole("status", { name: "Connection" }).getByText("Connected").waitFor();
      // Browsers let only pages sound that somebody has used.
      await page.getByRole("searchbox", { name: "Search" }).click();
      tabs.push(page);
    }
    const list = (page) => page.getByRole("list", { name: "Conversations" });
    const all = (script) => Promise.all(tabs.map((page) => page.evaluate(script)));
    const tones = async () => (await all(() => window.tones)).reduce((sum, one) => sum + one);
    /** Sends it, waits until all tabs show it and could have sounded, and compares how many did. */
    const expect = async (person, text, count) => {
      // Messages within a second have one tone.
      await until(async () => (await all(() => performance.now() - window.toneAt > 1000)).every(Boolean), "quiet");
      const before = await tones();
      await person.say(text);
      for (const page of tabs) await list(page).getByText(text).waitFor();
      // A tab sounds within 150 ms after it has heard of a message, so before a timer that is set now.
      await all(() => new Promise((resolve) => setTimeout(resolve, 300)));
      assert.equal((await tones()) - before, count, text);
    };
    const sound = async (page, isOn) => {
      await page.getByRole("button", { name: "Settings" }).click();
      await page.getByRole("switch", { name: "Sound" }).setChecked(isOn);
      await page.keyboard.press("Escape");
    };
    await expect(alice, "off at first", 0);
    await sound(tabs[1], true);
    await expect(alice, "once", 1);
    await list(tabs[2]).getByRole("link", { name: "Carol", exact: true }).click();
    await tabs[2].getByRole("heading", { level: 1, name: "Carol" }).waitFor();
    await expect(carol, "in front of one tab", 0);
    await expect(alice, "not in front", 1);
    await list(tabs[0]).getByRole("link", { name: "Alice", exact: true }).click({ button: "right" });
    await tabs[0].getByRole("menuitem", { name: "Mute" }).click();
    await tabs[0].getByRole("dialog", { name: "Mute" }).getByRole("button", { name: "for a week" }).click();
    for (const page of tabs) await list(page).getByText("muted").waitFor();
    await expect(alice, "from a muted one", 0);
    await list(tabs[2]).getByRole("link", { name: "Alice", exact: true }).click();
    await expect(carol, "no longer in front", 1);
    // Whichever goes, one that is left sounds.
    await tabs.shift().close();
    await expect(carol, "over two tabs", 1);
    await sound(tabs[0], false);
    await expect(carol, "off again", 0);
  });

// The list of conversations: its order, its marks, what it finds, and a clock or a focus that is not as it should be.

import assert from "node:assert/strict";
import { after, afterEach, before, test } from "node:test";

import { until, world } from "./harness.js";

let here;
before(async () => (here = await world(["--contact=open"])));
afterEach(() => here.leave());
after(() => here.end());

/** Alice with three people who have written to her, the last one last. */
async function three() {
  const alice = await here.person("Alice");
  await alice.signUp();
  const others = [];
  for (const name of ["Bob", "Carol", "Dave"]) {
    const other = await here.person(name);
    await other.signUp();
    await other.start(alice);
    await other.say(`I am ${name}`);
    await alice.chat(name).waitFor();
    others.push(other);
  }
  return [alice, ...others];
}

const order = (person) => person.page.getByRole("list", { name: "Conversations" }).getByRole("link").allTextContents();

/** Chooses from the menu of the open conversation. */
async function choose(person, item) {
  await person.button("Chat menu").click();
  await person.page.getByRole("menuitem", { name: item, exact: true }).click();
}

test("newest first, pinned before all, archived apart, found by name", async () => {
  const [alice, bob, carol] = await three();
  await until(async () => String(await order(alice)) === "Dave,Carol,Bob");
  await bob.say("again");
  await until(async () => String(await order(alice)) === "Bob,Dave,Carol");
  await alice.chat("Carol").click();
  await choose(alice, "Pin");
  await until(async () => String(await order(alice)) === "Carol,Bob,Dave");
  await alice.item("Carol").getByText("pinned").waitFor();
  await choose(alice, "Unpin");
  await until(async () => String(await order(alice)) === "Bob,Dave,Carol");
  await choose(alice, "Archive");
  await until(async () => String(await order(alice)) === "Bob,Dave");
  await alice.page.getByRole("button", { name: "Archived (1)" }).click();
  await alice.page.getByRole("list", { name: "Archived" }).getByRole("link", { name: "Carol" }).waitFor();
  await choose(alice, "Take out of archive");
  await until(async () => String(await order(alice)) === "Bob,Dave,Carol");
  const search = alice.page.getByRole("searchbox", { name: "Search" });
  await search.fill("car");
  await until(async () => String(await order(alice)) === "Carol");
  await search.fill("nobody at all");
  await alice.page.getByText("Nothing found").waitFor();
  await search.press("Escape");
  await until(async () => String(await order(alice)) === "Bob,Dave,Carol");
  // Other devices have it from the server.
  await choose(alice, "Pin");
  await alice.item("Carol").getByText("pinned").waitFor();
  await alice.button("Settings").click();
  await alice.page.getByRole("dialog").getByRole("button", { name: "Log out", exact: true }).click();
  await alice.page.getByRole("heading", { name: "Log in" }).waitFor();
  await alice.arrive();
  await until(async () => String(await order(alice)) === "Carol,Bob,Dave");
  assert.ok(carol);
});

test("an item has the last message with its tick, its time, a draft; muted and marked unread", async () => {
  const [alice, bob, carol] = await three();
  await alice.chat("Bob").click();
  await alice.message("I am Bob").waitFor();
  await alice.say("and I am Alice");
  const item = alice.item("Bob");
  await item.getByText("and I am Alice").waitFor();
  await bob.page.bringToFront();
  await item.locator(".tick").getByText("read").waitFor();
  assert.match((await item.locator("time").textContent()) ?? "", /\d?\d:\d\d/);
  await alice.field("Message").fill("half a");
  await alice.chat("Carol").click();
  await item.getByText("Draft: half a").waitFor();
  await choose(alice, "Mute");
  await alice.page.getByRole("dialog", { name: "Mute" }).getByRole("button", { name: "for a week" }).click();
  await alice.item("Carol").getByText("muted").waitFor();
  await choose(alice, "Unmute");
  await alice.item("Carol").getByText("muted").waitFor({ state: "detached" });
  await alice.page.bringToFront();
  await carol.message("I am Carol", "read").waitFor();
  await choose(alice, "Mark as unread");
  await alice.item("Carol").getByText("unread").waitFor();
  await choose(alice, "Mark as read");
  await alice.item("Carol").getByText("unread").waitFor({ state: "detached" });
});

test("nothing counts as read while the page is hidden or has no focus; soon after it has, once", async () => {
  const [alice, bob] = await here.couple();
  await alice.page.evaluate(() => {
    const { send } = WebSocket.prototype;
    Object.assign(window, { reads: [] });
    WebSocket.prototype.send = function (data) {
      if (String(data).includes('"read"')) window.reads.push(data);
      return send.call(this, data);
    };
    document.hasFocus = () => false;
    dispatchEvent(new Event("blur"));
  });
  await bob.say("one");
  await bob.say("two");
  await alice.message("two").waitFor();
  await bob.message("two", "delivered").waitFor();
  assert.deepEqual(await alice.page.evaluate(() => window.reads), []);
  await alice.page.evaluate(() => {
    document.hasFocus = () => true;
    dispatchEvent(new Event("focus"));
  });
  await bob.message("two", "read").waitFor();
  await bob.message("one", "read").waitFor();
  assert.equal((await alice.page.evaluate(() => window.reads)).length, 1);
});

for (const hours of [5, -5])
  test(`a device whose clock is ${hours} hours off: the order and the times are the server's, and it is told`, async () => {
    const [alice, bob] = [await here.person("Alice"), await here.person("Bob")];
    await alice.context.addInitScript((ms) => {
      const { now } = Date;
      Date.now = () => now() + ms;
    }, hours * 3_600_000);
    await alice.page.reload();
    await alice.signUp();
    await bob.signUp();
    await alice.start(bob);
    await alice.say("from the wrong time");
    await bob.chat("Alice").click();
    await bob.say("from the right time");
    await alice.message("from the right time").waitFor();
    await alice.message("from the wrong time", "sent|delivered|read").waitFor();
    await alice.say("once more");
    await alice.message("once more", "sent|delivered|read").waitFor();
    const names = (person) =>
      person.messages.evaluateAll((all) => all.map((node) => node.getAttribute("aria-label")?.replace(/^[^,]+, /, "")));
    const bare = (all) => all.map((name) => name.replace(/, \w+$/, ""));
    await bob.message("once more").waitFor();
    assert.deepEqual(bare(await names(alice)), bare(await names(bob)));
    await alice.page.getByText(/The clock of this device is \d+ minutes off/).waitFor();
  });

test("on a phone Back goes from a message to the list and then out", async () => {
  const [alice] = await here.couple({ viewport: { width: 360, height: 640 } });
  const { page } = alice;
  await page.getByRole("button", { name: "Back" }).click();
  await alice.chat("Bob").waitFor();
  await alice.chat("Bob").click();
  await alice.message("hi").waitFor();
  await page.goBack();
  await alice.chat("Bob").waitFor();
  assert.equal(await page.getByRole("list", { name: "Messages" }).count(), 0);
  assert.equal(await page.evaluate(() => location.hash.replace("#/", "")), "");
});

// Nothing that was typed is lost, and nothing is sent twice: reloads, a network that goes away, another tab.

import assert from "node:assert/strict";
import { after, afterEach, before, test } from "node:test";

import { acquaint, until, world } from "./harness.js";

let here;
before(async () => (here = await world()));
afterEach(() => here.leave());
after(() => here.end());

/** Two people who know each other; each has the other's conversation open. */
async function couple() {
  const [alice, bob] = [await here.person("Alice"), await here.person("Bob")];
  await acquaint(alice, bob);
  await bob.say("hello");
  await alice.message("hello").waitFor();
  return [alice, bob];
}

test("reloaded in the middle of sending: each message arrives, once", async () => {
  const [alice, bob] = await couple();
  await alice.context.setOffline(true);
  await alice.say("first");
  await alice.say("second");
  await alice.message("second", "sending").waitFor();
  await alice.context.setOffline(false);
  await alice.page.reload();
  await alice.arrive();
  await alice.chat("Bob").click();
  for (const text of ["first", "second"]) {
    await bob.message(text).waitFor();
    await alice.message(text, "sent|delivered|read").waitFor();
    assert.equal(await alice.message(text).count(), 1);
    assert.equal(await bob.message(text).count(), 1);
  }
});

test("a draft is there after a reload, and so is the answer it was to be", async () => {
  const [alice] = await couple();
  await alice.act(alice.message("hello"), "Reply");
  await alice.page.getByText("Reply to Bob").waitFor();
  await alice.field("Message").fill("not sent yet");
  await alice.field("Message").blur();
  await until(() => alice.page.evaluate(() => new Promise((resolve) => setTimeout(() => resolve(true), 400))));
  await alice.page.reload();
  await alice.arrive();
  await alice.chat("Bob").click();
  await until(async () => (await alice.field("Message").inputValue()) === "not sent yet");
  await alice.page.getByText("Reply to Bob").waitFor();
});

test("without the network it says so, takes messages, and sends them when it is back", async () => {
  const [alice, bob] = await couple();
  here.cut();
  const status = alice.page.getByRole("status", { name: "Connection" });
  await until(async () => (await status.textContent()) !== "Connected");
  await alice.say("later");
  await alice.message("later", "sending").waitFor();
  here.mend();
  await bob.message("later").waitFor();
  await status.getByText("Connected").waitFor();
});

test("a link to a message opens it, focused and on screen, and is kept over the login", async (t) => {
  if (!(await here.knows("around"))) return t.skip("this server has no pages around a message");
  const [alice, bob] = await couple();
  await alice.sayMany(Array.from({ length: 130 }, (_, i) => `line ${i}`));
  await bob.message("line 129").waitFor();
  await alice.page.getByRole("searchbox", { name: "Search" }).fill("line 40");
  const result = alice.page.getByRole("list", { name: "Search results" }).getByRole("link", { name: /line 40/ });
  const href = await result.first().getAttribute("href");
  await alice.button("Settings").click();
  await alice.page.getByRole("dialog").getByRole("button", { name: "Log out", exact: true }).click();
  await alice.page.getByRole("heading", { name: "Log in" }).waitFor();
  await alice.page.goto(`${here.base}/${href}`);
  await alice.page.reload();
  await alice.arrive();
  const target = alice.message("line 40");
  await until(() => target.evaluate((node) => node === document.activeElement));
  const box = await target.boundingBox();
  assert.ok(box && box.y > 0 && box.y + box.height < 800);
});

test("the server is killed while somebody types: nothing typed is lost, and it is sent once it is back", async () => {
  const [alice, bob] = await couple();
  const status = alice.page.getByRole("status", { name: "Connection" });
  await alice.field("Message").pressSequentially("before the ");
  await here.kill();
  await until(async () => (await status.textContent()) !== "Connected");
  await alice.field("Message").pressSequentially("crash");
  assert.equal(await alice.field("Message").inputValue(), "before the crash");
  await alice.page.keyboard.press("Enter");
  await alice.message("before the crash", "sending").waitFor();
  await alice.field("Message").pressSequentially("half a thou");
  await here.restart();
  await bob.message("before the crash").waitFor();
  await alice.message("before the crash", "sent|delivered|read").waitFor();
  assert.equal(await alice.field("Message").inputValue(), "half a thou");
  assert.equal(await bob.message("before the crash").count(), 1);
});

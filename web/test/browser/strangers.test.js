// Requests of people whom one does not know, and how to have peace: accept, decline, block, mute, invitations to groups.

import assert from "node:assert/strict";
import { after, afterEach, before, test } from "node:test";

import { until, world } from "./harness.js";

let here;
before(async () => (here = await world()));
afterEach(() => here.leave());
after(() => here.end());

/** Alice has written to Bob, who does not know her, and he has the request open. */
async function requested() {
  const [alice, bob] = [await here.person("Alice"), await here.person("Bob")];
  await alice.signUp();
  await bob.signUp();
  await alice.start(bob);
  await alice.say("do you know me?");
  await bob.chat("Alice").click();
  await bob.message("do you know me?").waitFor();
  await bob.page.getByText("Alice writes to you for the first time").waitFor();
  return [alice, bob];
}

/** Alice makes a group in which Bob is. */
async function group(alice, bob, name) {
  await alice.button("New group").click();
  const dialog = alice.page.getByRole("dialog", { name: "New group" });
  await dialog.getByRole("textbox", { name: "Name" }).fill(name);
  await dialog.getByRole("textbox", { name: "Email" }).fill(bob.email);
  await dialog.getByRole("button", { name: "Add", exact: true }).click();
  await dialog.getByRole("list", { name: "Members" }).getByText("Bob").waitFor();
  await dialog.getByRole("button", { name: "Create" }).click();
  await alice.page.getByRole("heading", { level: 1, name }).waitFor();
}

test("a stranger's message is a request and tells nothing; once accepted the sender sees what was read", async () => {
  const [alice, bob] = await requested();
  await alice.message("do you know me?", "sent").waitFor();
  await bob.button("Accept").click();
  await bob.button("Accept").waitFor({ state: "detached" });
  await alice.message("do you know me?", "read").waitFor();
  await bob.say("now I do");
  await alice.message("now I do").waitFor();
});

test("an answer accepts too", async () => {
  const [alice, bob] = await requested();
  await bob.say("who are you?");
  await bob.button("Accept").waitFor({ state: "detached" });
  await alice.message("who are you?").waitFor();
  await alice.message("do you know me?", "read").waitFor();
});

test("a declined request is gone, and nothing more arrives", async () => {
  const [alice, bob] = await requested();
  await bob.button("Decline").click();
  await bob.chat("Alice").waitFor({ state: "detached" });
  await alice.say("hello?");
  await alice.message("hello?", "sent").waitFor();
  // What comes later than it arrives.
  const carol = await here.person("Carol");
  await carol.signUp();
  await carol.start(bob);
  await carol.say("from Carol");
  await bob.chat("Carol").waitFor();
  assert.equal(await bob.chat("Alice").count(), 0);
  await bob.page.reload();
  await bob.chat("Carol").waitFor();
  assert.equal(await bob.chat("Alice").count(), 0);
});

test("who is blocked is not heard, cannot tell, and is let in again in Settings", async () => {
  const [alice, bob] = await requested();
  await bob.say("an answer");
  await alice.message("an answer").waitFor();
  await bob.button("Chat menu").click();
  await bob.page.getByRole("menuitem", { name: "Block" }).click();
  const question = bob.page.getByRole("dialog", { name: "Block" });
  await question.getByRole("button", { name: "Block" }).click();
  await bob.page.getByText("You have blocked Alice").waitFor();
  assert.equal(await bob.field("Message").isVisible(), false);
  await alice.say("are you there?");
  await alice.message("are you there?", "sent").waitFor();
  await bob.button("Settings").click();
  const blocked = bob.page.getByRole("list", { name: "Blocked" });
  await blocked.getByText("Alice").waitFor();
  await blocked.getByRole("button", { name: "Unblock" }).click();
  await blocked.getByText("Alice").waitFor({ state: "detached" });
  await bob.page.keyboard.press("Escape");
  await alice.say("and now?");
  await bob.message("and now?").waitFor();
  assert.equal(await bob.message("are you there?").count(), 0);
});

test("who is added to a group by a stranger is asked first, and sees nothing before", async () => {
  const [alice, bob] = [await here.person("Alice"), await here.person("Bob")];
  await alice.signUp();
  await bob.signUp();
  await group(alice, bob, "Trip");
  await alice.say("before");
  await bob.chat("Trip").click();
  await bob.page.getByText("You are invited to the group Trip").waitFor();
  assert.equal(await bob.messages.count(), 0);
  await bob.button("Accept").click();
  await bob.field("Message").waitFor();
  await bob.say("here I am");
  await alice.message("here I am").waitFor();
  await alice.page.getByText("Bob joined").waitFor();
});

test("a declined invitation to a group is gone", async () => {
  const [alice, bob] = [await here.person("Alice"), await here.person("Bob")];
  await alice.signUp();
  await bob.signUp();
  await group(alice, bob, "Trip");
  await bob.chat("Trip").click();
  await bob.button("Decline").click();
  await bob.chat("Trip").waitFor({ state: "detached" });
  await bob.page.reload();
  await bob.page.getByText("No chats yet").waitFor();
});

test("a message is reported to the operator", async () => {
  const [, bob] = await requested();
  await bob.act(bob.message("do you know me?"), "Report");
  const dialog = bob.page.getByRole("dialog", { name: "Report" });
  await dialog.getByRole("textbox").fill("I do not");
  await dialog.getByRole("button", { name: "Report" }).click();
  await bob.page.getByText("Thank you. The operator will look at it.").waitFor();
});

test("who is online, who types and who was seen last shows between people who know each other only", async () => {
  const [alice, bob] = await requested();
  const status = (person) => person.page.locator(".head .status");
  await alice.page.bringToFront();
  await alice.field("Message").pressSequentially("typing");
  assert.equal(await status(alice).textContent(), "");
  await bob.button("Accept").click();
  await until(async () => (await status(alice).textContent()) === "online", "online");
  await bob.field("Message").pressSequentially("typing");
  await until(async () => (await status(alice).textContent()) === "typing…", "typing");
  await alice.page.getByRole("list", { name: "Conversations" }).getByText("typing…").waitFor();
  await until(async () => (await status(alice).textContent()) === "online", "no longer typing", 20_000);
  await bob.page.goto("about:blank");
  await until(async () => /^last seen/.test((await status(alice).textContent()) ?? ""), "last seen", 30_000);
});

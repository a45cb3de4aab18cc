// Groups: their people, roles and changes, who has got and read what, and what is left of one that somebody left.

import assert from "node:assert/strict";
import { after, afterEach, before, test } from "node:test";

import { until, world } from "./harness.js";

let here;
before(async () => (here = await world(["--contact=open"])));
afterEach(() => here.leave());
after(() => here.end());

const trip = () => here.trip();

/** Opens what is known about the open conversation. */
async function info(person) {
  await person.button("Chat menu").click();
  await person.page.getByRole("menuitem", { name: "Info" }).click();
  const dialog = person.page.getByRole("dialog", { name: "Info" });
  await dialog.waitFor();
  return dialog;
}

/** Chooses what happens to a member. */
async function manage(person, dialog, name, item) {
  await dialog.getByRole("button", { name: `Manage ${name}` }).click();
  await person.page.getByRole("menuitem", { name: item }).click();
}

test("an admin changes names, roles and members; everybody sees a line of it; who is removed writes no more", async () => {
  const [alice, bob, carol] = await trip();
  const dialog = await info(alice);
  await dialog.getByRole("heading", { name: "3 members" }).waitFor();
  await manage(alice, dialog, "Bob", "Make admin");
  await bob.page.getByText("You are now an admin").waitFor();
  await carol.page.getByText("Bob is now an admin").waitFor();
  await manage(alice, dialog, "Bob", "Dismiss as admin");
  await carol.page.getByText("Bob is no longer an admin").waitFor();
  await dialog.getByRole("button", { name: "Rename group" }).click();
  const rename = alice.page.getByRole("dialog", { name: "Rename group" });
  await rename.getByRole("textbox", { name: "Name" }).fill("Long trip");
  await rename.getByRole("button", { name: "Save" }).click();
  await bob.page.getByRole("heading", { level: 1, name: "Long trip" }).waitFor();
  await bob.page.getByText("Alice renamed the group to “Long trip”").waitFor();
  await manage(alice, dialog, "Carol", "Remove");
  await carol.page.getByText("You are no longer a member of this group.").waitFor();
  assert.equal(await carol.field("Message").isVisible(), false);
  await dialog.getByRole("heading", { name: "2 members" }).waitFor();
  const dave = await (await here.person("Dave")).signUp();
  await dialog.getByRole("button", { name: "Add a member" }).click();
  const adding = alice.page.getByRole("dialog", { name: "Add a member" });
  await adding.getByRole("textbox", { name: "Email" }).fill(dave.email);
  await adding.getByRole("button", { name: "Add", exact: true }).click();
  await dave.chat("Long trip").waitFor();
  await bob.page.getByText("Alice added Dave").waitFor();
  // Members who are no admins see who is there and change nothing.
  const list = await info(bob);
  await list.getByRole("list", { name: "Members" }).getByText("Dave").waitFor();
  assert.equal(await list.getByRole("button", { name: /^Manage|^Add a member|^Rename/ }).count(), 0);
});

test("a message is read once everybody has read it; its info says who has", async () => {
  const [alice, bob, carol] = await trip();
  await carol.page.goto("about:blank");
  await alice.say("who is here?");
  await bob.message("who is here?").waitFor();
  await alice.act(alice.message("who is here?"), "Info");
  const dialog = alice.page.getByRole("dialog", { name: "Message info" });
  const people = (title) => dialog.locator(`h3:text-is("${title}") + ul`);
  await people("Read by").getByText("Bob").waitFor();
  await people("Not delivered to").getByText("Carol").waitFor();
  await alice.page.keyboard.press("Escape");
  await alice.message("who is here?", "sent").waitFor();
  await carol.page.goto(carol.base);
  await carol.arrive();
  await alice.message("who is here?", "delivered").waitFor();
  await carol.chat("Trip").click();
  await alice.message("who is here?", "read").waitFor();
});

test("who types in a group is named, and so is who wrote each message", async () => {
  const [alice, bob, carol] = await trip();
  await bob.field("Message").pressSequentially("something");
  await alice.page.locator(".head").getByText("Bob is typing…").waitFor();
  await carol.field("Message").pressSequentially("too");
  await alice.page.locator(".head").getByText("2 are typing…").waitFor();
  await bob.page.keyboard.press("Enter");
  await alice.message("something").locator(".sender").getByText("Bob").waitFor();
  assert.match(await alice.message("something").getAttribute("aria-label"), /^Bob, /);
  await alice.page.getByRole("list", { name: "Conversations" }).getByText("Bob: something").waitFor();
});

test("what is typed stays with its conversation, also beside a group that was left, and over a reload", async () => {
  const [alice, bob] = await trip();
  await alice.start(bob);
  await alice.field("Message").fill("for Bob only");
  await alice.chat("Trip").click();
  await until(async () => (await alice.field("Message").inputValue()) === "");
  await alice.field("Message").fill("for the group");
  await alice.button("Chat menu").click();
  await alice.page.getByRole("menuitem", { name: "Leave group" }).click();
  await alice.page.getByRole("dialog").getByRole("button", { name: "Leave group" }).click();
  await bob.page.getByText("Alice left").waitFor();
  // As soon as it is typed: nobody waits before a reload.
  await alice.chat("Bob").click();
  await until(async () => (await alice.field("Message").inputValue()) === "for Bob only");
  await alice.field("Message").press("End");
  await alice.page.keyboard.type(", and at once");
  await alice.page.reload();
  await alice.arrive();
  await alice.chat("Bob").click();
  await until(async () => (await alice.field("Message").inputValue()) === "for Bob only, and at once");
});

test("a message is forwarded to another conversation", async () => {
  const [alice, bob, carol] = await trip();
  await alice.say("worth repeating");
  await carol.start(bob);
  await carol.say("hi Bob");
  await bob.act(bob.message("worth repeating"), "Forward");
  const dialog = bob.page.getByRole("dialog", { name: "Forward to" });
  await dialog.getByRole("button", { name: "Carol" }).click();
  await bob.page.getByRole("heading", { level: 1, name: "Carol" }).waitFor();
  await carol.message("worth repeating").waitFor();
});

test("how long messages are kept is shown, and changed by an admin", async () => {
  const [alice, bob] = await trip();
  const dialog = await info(alice);
  await dialog.getByRole("combobox", { name: "Keep messages" }).selectOption({ label: "7 days" });
  await bob.page.getByText("Alice set messages to be kept for 7 days").waitFor();
  const seen = await info(bob);
  const kept = seen.getByRole("combobox", { name: "Keep messages" });
  assert.equal(await kept.inputValue(), "7");
  assert.ok(await kept.isDisabled());
});

test("a chat is cleared for oneself, and others keep it", async () => {
  const [alice, bob] = await trip();
  await alice.say("to be cleared");
  await bob.message("to be cleared").waitFor();
  await bob.button("Chat menu").click();
  await bob.page.getByRole("menuitem", { name: "Clear chat" }).click();
  await bob.page.getByRole("dialog").getByRole("button", { name: "Clear chat" }).click();
  await bob.message("to be cleared").waitFor({ state: "detached" });
  await alice.message("to be cleared").waitFor();
  await bob.page.reload();
  await bob.arrive();
  await bob.chat("Trip").click();
  await alice.say("after it");
  await bob.message("after it").waitFor();
  assert.equal(await bob.message("to be cleared").count(), 0);
});

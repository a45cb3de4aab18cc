// Two people sign up and chat, on a desktop and on a phone.

import assert from "node:assert/strict";
import { after, afterEach, before, describe, test } from "node:test";

import { DESKTOP, PHONE, until, world } from "./harness.js";

let here;
before(async () => (here = await world()));
afterEach(() => here.leave());
after(() => here.end());

/** Two people who know each other; each has the other's conversation open. */
async function couple(options = {}, names = ["Alice", "Bob"]) {
  const [alice, bob] = [await here.person(names[0], options), await here.person(names[1], options)];
  await alice.signUp();
  await bob.signUp();
  await alice.start(bob);
  await alice.say("hi there");
  await bob.chat(names[0]).click();
  await bob.message("hi there").waitFor();
  await bob.say("hello back");
  await alice.message("hello back").waitFor();
  return [alice, bob];
}

for (const [size, viewport] of Object.entries({ desktop: DESKTOP, phone: PHONE })) {
  test(`two people sign up and chat both ways, with ticks (${size})`, async () => {
    const [alice, bob] = await couple({ viewport });
    await bob.page.bringToFront();
    await alice.message("hi there", "read").waitFor();
    await alice.page.bringToFront();
    await bob.message("hello back", "read").waitFor();
    if (size === "phone") {
      await bob.button("Back").click();
      await bob.chat("Alice").waitFor();
      assert.equal(await bob.page.getByRole("list", { name: "Messages" }).count(), 0);
    }
    await bob.page.getByRole("list", { name: "Conversations" }).getByText("hello back").waitFor();
  });
}

test("what came while the conversation was closed is counted, and stands below the unread line", async () => {
  const [alice, bob] = await couple();
  const carol = await here.person("Carol");
  await carol.signUp();
  await bob.start(carol);
  await alice.sayMany(["one", "two", "three"]);
  await bob.item("Alice").getByText("3 unread").waitFor();
  assert.match(await bob.page.title(), /^\(3\)/);
  await bob.chat("Alice").click();
  const line = bob.page.getByRole("separator", { name: "Unread messages" });
  await line.waitFor();
  const [above, first] = [await line.boundingBox(), await bob.message("one").locator(".bubble").boundingBox()];
  assert.ok(above && first && above.y < first.y);
  await bob.page.getByText("3 unread").waitFor({ state: "detached" });
  await line.waitFor();
  assert.equal(await bob.chat("Alice").getAttribute("aria-current"), "page");
});

test("a message is edited, answered, reacted to, copied and deleted", async () => {
  const [alice, bob] = await couple();
  await alice.act(alice.message("hi there"), "Edit");
  await until(async () => (await alice.field("Message").inputValue()) === "hi there");
  await alice.field("Message").fill("hi again");
  await alice.page.keyboard.press("Enter");
  await bob.message("hi again").waitFor();
  await bob.act(bob.message("hi again"), "Reply");
  await bob.say("an answer");
  await alice
    .message("an answer")
    .getByRole("button", { name: /hi again/ })
    .click();
  await until(() => alice.message("hi again").evaluate((node) => node === document.activeElement));
  await alice.act(alice.message("an answer"), "React");
  await alice.page.getByRole("dialog", { name: "Emoji" }).getByRole("button", { name: "🎉" }).first().click();
  await bob
    .message("an answer")
    .getByRole("button", { name: /🎉 Alice/ })
    .waitFor();
  await alice.field("Message").focus();
  await alice.page.keyboard.press("ArrowUp");
  await until(async () => (await alice.field("Message").inputValue()) === "hi again");
  await alice.page.keyboard.press("Escape");
  await until(async () => (await alice.field("Message").inputValue()) === "");
  await alice.act(alice.message("hi again"), "Delete");
  await bob.message("This message was deleted").waitFor();
  await bob.act(bob.message("an answer"), "Hide for me");
  await bob.message("an answer").waitFor({ state: "detached" });
});

test("names and messages that look like markup stay text, and bidi controls are seen", async () => {
  const evil = `<img src=x onerror="alert(1)">`;
  const [alice, bob] = await couple({}, ["<b>Al</b>", evil]);
  for (const page of [alice.page, bob.page]) page.on("dialog", () => assert.fail("a script ran"));
  const texts = ["<script>alert(1)</script>", `${evil}&amp;`, "javascript:alert(1)", "https://user:pw@example.com/ x"];
  await alice.sayMany(texts);
  for (const text of texts) await bob.message(text).waitFor();
  await alice.say("a\u202eb");
  await bob.message("a�b").waitFor();
  for (const page of [alice.page, bob.page]) {
    assert.equal(await page.locator("main b, nav b, main script, [onerror]").count(), 0);
    assert.equal(await page.getByRole("list", { name: "Messages" }).locator("a[href]").count(), 0);
  }
  await alice.say("see https://example.com/x?y=1.");
  const link = bob.message("see https://example.com/x?y=1.").getByRole("link");
  assert.equal(await link.getAttribute("href"), "https://example.com/x?y=1");
  assert.match((await link.getAttribute("rel")) ?? "", /noopener/);
});

test("what is typed stays with its conversation", async () => {
  const [alice, bob] = await couple();
  const carol = await here.person("Carol");
  await carol.signUp();
  await alice.field("Message").fill("half a thou");
  await alice.start(carol);
  await until(async () => (await alice.field("Message").inputValue()) === "");
  await alice.page.getByText("Draft:").waitFor();
  await alice.chat("Bob").click();
  await until(async () => (await alice.field("Message").inputValue()) === "half a thou");
  await alice.page.keyboard.press("Enter");
  await bob.message("half a thou").waitFor();
});

test("a group is made, everybody writes, who has read is shown", async () => {
  const [alice, bob] = await couple();
  await alice.button("New group").click();
  const dialog = alice.page.getByRole("dialog", { name: "New group" });
  await dialog.getByRole("textbox", { name: "Name" }).fill("Trip");
  await dialog.getByRole("textbox", { name: "Email" }).fill(bob.email);
  await dialog.getByRole("button", { name: "Add", exact: true }).click();
  await dialog.getByRole("list", { name: "Members" }).getByText("Bob").waitFor();
  await dialog.getByRole("button", { name: "Create" }).click();
  await alice.page.getByRole("heading", { level: 1, name: "Trip" }).waitFor();
  await alice.page.getByText("You created the group “Trip”").waitFor();
  await alice.say("who comes?");
  await bob.chat("Trip").click();
  await bob.page.bringToFront();
  await bob.message("who comes?").waitFor();
  await bob.say("I do");
  await alice.message("I do").waitFor();
  await alice.message("who comes?", "read").waitFor();
  await alice.act(alice.message("who comes?"), "Info");
  const info = alice.page.getByRole("dialog", { name: "Message info" });
  await info.getByRole("listitem").filter({ hasText: "Bob" }).waitFor();
});

test("search finds messages while typing, and its links lead to them", async () => {
  const [alice] = await couple();
  await alice.sayMany(["a green apple", "a red apple"]);
  await alice.page.getByRole("searchbox", { name: "Search" }).fill("green");
  const results = alice.page.getByRole("list", { name: "Search results" }).getByRole("link");
  await until(async () => (await results.count()) === 1);
  await results.click();
  await until(() => alice.message("a green apple").evaluate((node) => node === document.activeElement));
});

describe("the account", () => {
  test("what the server refuses is said in an alert; log in and sign up lead to each other", async () => {
    const alice = await here.person("Alice");
    await alice.page.getByRole("heading", { name: "Log in" }).waitFor();
    await alice.logIn("wrong-1");
    await until(async () => (await alice.page.getByRole("alert").textContent()) !== "");
    await alice.page.getByRole("link", { name: "Sign up" }).click();
    await alice.page.getByRole("heading", { name: "Sign up" }).waitFor();
    await alice.page.getByRole("link", { name: "Log in" }).click();
    await alice.signUp();
    await alice.page.getByText("No chats yet.").waitFor();
    await alice.page.getByRole("list", { name: "Conversations" }).waitFor();
  });

  test("settings: devices, log out, log out everywhere, delete the account", async () => {
    const alice = await here.person("Alice");
    await alice.signUp();
    const open = async () => {
      await alice.button("Settings").click();
      const dialog = alice.page.getByRole("dialog", { name: "Settings" });
      await dialog.getByRole("list", { name: "Devices" }).getByText("this device").waitFor();
      return dialog;
    };
    await (await open()).getByRole("button", { name: "Log out", exact: true }).click();
    await alice.page.getByRole("heading", { name: "Log in" }).waitFor();
    await alice.logIn();
    await (await open()).getByRole("button", { name: "Log out everywhere" }).click();
    await alice.page.getByRole("heading", { name: "Log in" }).waitFor();
    await alice.logIn();
    const dialog = await open();
    await dialog.getByRole("button", { name: "Delete account" }).click();
    await dialog.getByLabel("Password").fill("wrong-1");
    await dialog.getByRole("button", { name: "Delete account" }).click();
    await until(async () => (await dialog.getByRole("alert").first().textContent()) !== "");
    await dialog.getByLabel("Password").fill(alice.password);
    await dialog.getByRole("button", { name: "Delete account" }).click();
    await alice.page.getByRole("heading", { name: "Log in" }).waitFor();
    await alice.logIn();
    await until(async () => (await alice.page.getByRole("alert").textContent()) !== "");
  });
});

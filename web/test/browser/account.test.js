// The account and what this device does: invitations, passwords, names, devices, languages, how one likes to type.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, afterEach, before, describe, test } from "node:test";

import { until, world } from "./harness.js";

let here;
before(async () => (here = await world(["--contact=open"])));
afterEach(() => here.leave());
after(() => here.end());

async function settings(person) {
  await person.button("Settings").click();
  const dialog = person.page.getByRole("dialog", { name: "Settings" });
  await dialog.waitFor();
  return dialog;
}

test("what is typed as a password can be shown, and the page says which server it is", async () => {
  const alice = await here.person("Alice");
  const { page } = alice;
  await page.getByLabel("Password").fill("secret-1");
  assert.equal(await page.getByLabel("Password").getAttribute("type"), "password");
  await alice.button("Show").click();
  assert.equal(await page.getByLabel("Password").getAttribute("type"), "text");
  await alice.button("Hide").click();
  assert.equal(await page.getByLabel("Password").getAttribute("type"), "password");
  await page.getByText(new URL(here.base).host).waitFor();
});

test("another name, another password: other devices see the one and are logged out by the other", async () => {
  const [alice, bob] = await here.couple();
  const phone = await alice.context.browser().newContext({ locale: "en-GB" });
  const other = await phone.newPage();
  await other.goto(here.base);
  await other.getByRole("textbox", { name: "Email" }).fill(alice.email);
  await other.getByLabel("Password").fill(alice.password);
  await other.getByRole("button", { name: "Log in", exact: true }).click();
  await other.getByRole("list", { name: "Conversations" }).waitFor();

  const dialog = await settings(alice);
  await dialog.getByRole("button", { name: "Change name" }).click();
  await dialog.getByRole("textbox", { name: "Name" }).fill("Alicia");
  await dialog.getByRole("button", { name: "Save" }).click();
  await dialog.getByText("Alicia").first().waitFor();
  await dialog.getByRole("button", { name: "Change password" }).click();
  await dialog.getByLabel("Current password").fill("wrong-1");
  await dialog.getByLabel("New password").fill("secret-2");
  await dialog.getByRole("button", { name: "Save" }).click();
  await until(async () => (await dialog.getByRole("alert").first().textContent()) !== "");
  await dialog.getByLabel("Current password").fill(alice.password);
  await dialog.getByRole("button", { name: "Save" }).click();
  await dialog.getByText("The password was changed. Other devices are logged out.").waitFor();
  await other.getByRole("heading", { name: "Log in" }).waitFor();
  await phone.close();
  await alice.page.keyboard.press("Escape");
  await alice.say("under another name");
  await bob.page.reload();
  await bob.chat("Alicia").waitFor();
});

test("a device is ended from another one, and all of them at once", async () => {
  const alice = await here.person("Alice");
  await alice.signUp();
  const context = await alice.context.browser().newContext({ locale: "en-GB" });
  const other = await context.newPage();
  await other.goto(here.base);
  const enter = async () => {
    await other.getByRole("textbox", { name: "Email" }).fill(alice.email);
    await other.getByLabel("Password").fill(alice.password);
    await other.getByRole("button", { name: "Log in", exact: true }).click();
    await other.getByRole("status", { name: "Connection" }).getByText("Connected").waitFor();
  };
  await enter();
  const dialog = await settings(alice);
  const devices = dialog.getByRole("list", { name: "Devices" }).getByRole("listitem");
  await until(async () => (await devices.count()) === 2, "two devices");
  await devices.getByRole("button", { name: "End session" }).click();
  await other.getByRole("heading", { name: "Log in" }).waitFor();
  await until(async () => (await devices.count()) === 1, "one device");
  await enter();
  await dialog.getByRole("button", { name: "Log out everywhere" }).click();
  for (const page of [alice.page, other]) await page.getByRole("heading", { name: "Log in" }).waitFor();
  await context.close();
});

test("everything that is kept about the account is exported", async () => {
  const [alice] = await here.couple();
  const dialog = await settings(alice);
  const downloading = alice.page.waitForEvent("download");
  await dialog.getByRole("button", { name: "Export" }).click();
  const download = await downloading;
  const all = JSON.parse(readFileSync(await download.path(), "utf8"));
  assert.ok(JSON.stringify(all).includes(alice.email) && JSON.stringify(all).includes('"hi"'));
});

test("appearance, language and size of the text are changed at once, and stay", async () => {
  const [alice] = await here.couple();
  const { page } = alice;
  const html = () => page.evaluate(() => document.documentElement);
  assert.ok(await html());
  const dialog = await settings(alice);
  const background = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  await dialog.getByRole("combobox", { name: "Appearance" }).selectOption("light");
  const light = await background();
  await dialog.getByRole("combobox", { name: "Appearance" }).selectOption("dark");
  await until(async () => (await background()) !== light, "dark");
  const height = () =>
    page
      .getByRole("listitem")
      .locator(".text", { hasText: /^hi$/ })
      .evaluate((node) => parseFloat(getComputedStyle(node).fontSize));
  const before = await height();
  await dialog.getByRole("combobox", { name: "Text size" }).selectOption("150");
  await until(async () => (await height()) > before * 1.4, "larger");
  await dialog.getByRole("combobox", { name: "Language" }).selectOption("de");
  await page.getByRole("button", { name: "Einstellungen" }).waitFor();
  await page.reload();
  await page.getByRole("button", { name: "Einstellungen" }).waitFor();
  assert.equal(await page.evaluate(() => document.documentElement.lang), "de");
  assert.notEqual(await background(), light);
  await page.getByRole("list", { name: "Unterhaltungen" }).getByRole("link", { name: "Bob" }).click();
  await until(async () => (await height()) > before * 1.4, "still larger");
});

test("a browser that asks for German gets German, also on the first page", async () => {
  const alice = await here.person("Alice", { locale: "de-AT" });
  await alice.page.getByRole("heading", { name: "Anmelden" }).waitFor();
  assert.equal(await alice.page.evaluate(() => document.documentElement.lang), "de");
});

test("Enter may break the line, and Shift+Enter send", async () => {
  const [alice, bob] = await here.couple();
  const dialog = await settings(alice);
  await dialog.getByRole("switch", { name: "Enter sends the message" }).uncheck();
  await alice.page.keyboard.press("Escape");
  await alice.field("Message").focus();
  await alice.page.keyboard.type("two");
  await alice.page.keyboard.press("Enter");
  await alice.page.keyboard.type("lines");
  assert.equal(await alice.field("Message").inputValue(), "two\nlines");
  await alice.page.keyboard.press("Shift+Enter");
  await bob.message("two lines").waitFor();
});

test("an emoji is put where one types, and stays big if it is alone", async () => {
  const [alice, bob] = await here.couple();
  await alice.field("Message").fill("ab");
  await alice.page.keyboard.press("ArrowLeft");
  await alice.button("Emoji").click();
  const picker = alice.page.getByRole("dialog", { name: "Emoji" });
  await picker.getByRole("button", { name: "🎉" }).first().click();
  await alice.page.keyboard.press("Escape");
  await until(async () => (await alice.field("Message").inputValue()) === "a🎉b");
  await alice.page.keyboard.press("Enter");
  await bob.message("a🎉b").waitFor();
  await alice.say("🎉");
  await bob.message("🎉").waitFor();
  const size = (text) =>
    bob
      .message(text)
      .locator(".text")
      .evaluate((node) => parseFloat(getComputedStyle(node).fontSize));
  assert.ok((await size("🎉")) > 1.5 * (await size("a🎉b")));
});

describe("a server to which one is invited", () => {
  let club;
  before(async () => (club = await world(["--contact=open", "--signup=invite"])));
  afterEach(() => club.leave());
  after(() => club.end());

  test("without an invitation the server says so; the link of one leads to a sign up that works, once", async () => {
    const alice = await club.person("Alice");
    const { page } = alice;
    await page.getByRole("link", { name: "Sign up" }).click();
    await alice.field("Email").fill(alice.email);
    await alice.field("Name").fill(alice.name);
    await page.getByLabel("Password").fill(alice.password);
    await alice.button("Sign up").click();
    await until(async () => /invit/i.test((await page.getByRole("alert").textContent()) ?? ""), "it says why");
    const [link] = await club.admin("invite");
    await page.goto("about:blank");
    await page.goto(link);
    await page.getByRole("heading", { name: "Sign up" }).waitFor();
    await page.getByText("You are invited").waitFor();
    await alice.field("Email").fill(alice.email);
    await alice.field("Name").fill(alice.name);
    await page.getByLabel("Password").fill(alice.password);
    await alice.button("Sign up").click();
    await alice.arrive();
    const bob = await club.person("Bob");
    await bob.page.goto("about:blank");
    await bob.page.goto(link);
    await bob.page.getByRole("heading", { name: "Sign up" }).waitFor();
    await bob.field("Email").fill(bob.email);
    await bob.field("Name").fill(bob.name);
    await bob.page.getByLabel("Password").fill(bob.password);
    await bob.button("Sign up").click();
    await until(async () => (await bob.page.getByRole("alert").textContent()) !== "", "it is used");
  });

  test("the operator's link sets another password", async () => {
    const carol = await club.person("Carol");
    const { page } = carol;
    const [link] = await club.admin("invite");
    await page.goto("about:blank");
    await page.goto(link);
    await carol.field("Email").fill(carol.email);
    await carol.field("Name").fill(carol.name);
    await page.getByLabel("Password").fill(carol.password);
    await carol.button("Sign up").click();
    await carol.arrive();
    const [reset] = await club.admin("reset", carol.email);
    const other = await club.browser.newContext({ locale: "en-GB" });
    const fresh = await other.newPage();
    await fresh.goto(reset);
    await fresh.getByRole("heading", { name: "Set a new password" }).waitFor();
    await fresh.getByLabel("New password").fill("secret-2");
    await fresh.getByRole("button", { name: "Save" }).click();
    await fresh.getByRole("heading", { name: "Log in" }).waitFor();
    await fresh.getByRole("textbox", { name: "Email" }).fill(carol.email);
    await fresh.getByLabel("Password").fill("secret-2");
    await fresh.getByRole("button", { name: "Log in", exact: true }).click();
    await fresh.getByRole("status", { name: "Connection" }).getByText("Connected").waitFor();
    await page.getByRole("heading", { name: "Log in" }).waitFor();
    await other.close();
  });
});

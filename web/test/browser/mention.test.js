// Mentions in a group: members are offered behind an @, by keyboard, mouse and for screen readers; one's own are marked.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, afterEach, before, test } from "node:test";

import { until, world } from "./harness.js";

const AXE = readFileSync(new URL("../../../node_modules/axe-core/axe.min.js", import.meta.url), "utf8");
const CAROL = "<i>Carol";

let here;
before(async () => (here = await world(["--contact=open"])));
afterEach(() => here.leave());
after(() => here.end());

test("in a group an @ offers members, and who is mentioned sees it marked", async () => {
  const [alice, bob, carol] = await here.trip(["Alice", "Bob", CAROL]);
  const field = bob.field("Message");
  const { keyboard } = bob.page;
  const offers = bob.page.getByRole("listbox", { name: "Members" });
  const names = () => offers.locator("bdi").allTextContents();
  const offered = (...wanted) => until(async () => (await names()).join() === wanted.join(), `${wanted} are offered`);
  const reads = (text) => until(async () => (await field.inputValue()) === text, `the field reads ${text}`);
  /** What a screen reader says while the field has the focus. */
  const active = () =>
    field.evaluate((node) => {
      const option = document.getElementById(node.getAttribute("aria-activedescendant") ?? "");
      const isChosen = option?.getAttribute("role") === "option" && option.ariaSelected === "true";
      return isChosen && document.activeElement === node ? option.querySelector("bdi").textContent : null;
    });
  await until(() => bob.page.locator(".head .status").getByText("Carol").isVisible(), "the members are known");
  await field.focus();
  await keyboard.type("hi @");
  await offered("Alice", CAROL);
  assert.equal(await active(), "Alice");
  await keyboard.press("ArrowDown");
  assert.equal(await active(), CAROL);
  await bob.page.evaluate(AXE);
  for (const colorScheme of ["light", "dark"]) {
    await bob.page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
    const found = await bob.page.evaluate(async () =>
      (await window.axe.run(document)).violations.map(({ id, nodes }) => [id, ...nodes.map(({ html }) => html)]),
    );
    assert.deepEqual(found, [], colorScheme);
  }
  await keyboard.press("ArrowDown");
  assert.equal(await active(), "Alice");
  await keyboard.press("Escape");
  await offers.waitFor({ state: "hidden" });
  assert.equal(await active(), null);
  await keyboard.type("al");
  await reads("hi @al");
  assert.equal(await offers.isVisible(), false, "what was refused is offered again");
  await field.fill("");
  await keyboard.type("@al");
  await offered("Alice");
  await keyboard.press("Enter");
  await reads("@Alice ");
  await keyboard.type("and @car");
  await offered(CAROL);
  await keyboard.press("Tab");
  await reads(`@Alice and @${CAROL} `);
  await keyboard.type("and @a");
  await offers.getByRole("option", { name: "Alice" }).click();
  await reads(`@Alice and @${CAROL} and @Alice `);
  await keyboard.press("Enter");
  const text = `@Alice and @${CAROL} and @Alice`;
  const marked = async (person) => {
    await person.message(text).waitFor();
    return person.message(text).locator("mark").allTextContents();
  };
  assert.deepEqual(await marked(alice), ["@Alice", "@Alice"]);
  assert.deepEqual(await marked(carol), [`@${CAROL}`]);
  assert.deepEqual(await marked(bob), []);
  assert.equal(await carol.page.locator("main i").count(), 0);
  // Sent by a press, no key tells that the field is empty again; the next message may begin with a mention, too.
  await keyboard.type("@al");
  await offered("Alice");
  await offers.getByRole("option", { name: "Alice" }).click();
  await bob.button("Send").click();
  await reads("");
  await keyboard.type("@");
  await offered("Alice", CAROL);
  // A held arrow key moves the caret before `keyup` says so.
  await field.fill("so @al");
  await offered("Alice");
  await field.evaluate((node) => node.setSelectionRange(0, 0));
  await keyboard.press("Enter");
  await reads("so @al");
});

test("a name that another one begins with is marked only where it is meant", async () => {
  const [alice, bob, lee] = await here.trip(["Alice", "Bob", "Bob Lee"]);
  const isKnown = () => bob.page.locator(".head .status").getByText("Bob Lee").isVisible();
  await until(isKnown, "the members are known");
  await alice.say("@Bob Lee and @Bob");
  const marked = async (person) => {
    await person.message("@Bob Lee and @Bob").waitFor();
    return person.message("@Bob Lee and @Bob").locator("mark").allTextContents();
  };
  assert.deepEqual(await marked(bob), ["@Bob"]);
  assert.deepEqual(await marked(lee), ["@Bob Lee"]);
});

test("nothing is offered while an input method composes, nor in a conversation of two", async () => {
  const [alice, bob] = await here.trip(["Alice", "Bob"]);
  const offers = bob.page.getByRole("listbox", { name: "Members" });
  await until(() => bob.page.locator(".head .status").getByText("Alice").isVisible(), "the members are known");
  await bob.field("Message").focus();
  const devtools = await bob.context.newCDPSession(bob.page);
  await devtools.send("Input.imeSetComposition", { text: "@al", selectionStart: 3, selectionEnd: 3 });
  await until(async () => (await bob.field("Message").inputValue()) === "@al", "the composition");
  assert.equal(await offers.isVisible(), false);
  await devtools.send("Input.insertText", { text: "@al" });
  await offers.getByRole("option", { name: "Alice" }).waitFor();
  await bob.start(alice);
  await bob.field("Message").focus();
  await bob.page.keyboard.type("@al");
  await until(async () => (await bob.field("Message").inputValue()) === "@al", "the text");
  assert.equal(await offers.count(), 0);
});

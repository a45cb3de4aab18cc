// Files: by button, by paste, dropped, shared by another app; how far they are, cancelled, tried again; seen large.

import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { after, afterEach, before, test } from "node:test";

import { attach, until, world } from "./harness.js";

let here;
before(async () => (here = await world(["--contact=open", "--file-max=4194304"])));
afterEach(() => here.leave());
after(() => here.end());

/** A picture of one colour. */
async function picture(page, color, [width, height] = [600, 400]) {
  const bytes = await page.evaluate(
    async ({ color, width, height }) => {
      const canvas = Object.assign(document.createElement("canvas"), { width, height });
      const context = canvas.getContext("2d");
      context.fillStyle = color;
      context.fillRect(0, 0, width, height);
      const blob = await new Promise((resolve) => canvas.toBlob(resolve, "image/png"));
      return Array.from(new Uint8Array(await blob.arrayBuffer()));
    },
    { color, width, height },
  );
  return Buffer.from(bytes);
}

const file = (person, name) =>
  person.page.getByRole("list", { name: "Messages" }).getByRole("link", { name, exact: true });

/** Limits what a page may send, in bytes a second; -1: as fast as it goes. */
async function speed(person, uploadThroughput) {
  person.devtools ??= await person.context.newCDPSession(person.page);
  await person.devtools.send("Network.enable");
  const network = { offline: false, latency: 0, downloadThroughput: -1, uploadThroughput };
  await person.devtools.send("Network.emulateNetworkConditions", network);
}

test("several files go with one text, and others load what was sent", async () => {
  const [alice, bob] = await here.couple();
  const choosing = alice.page.waitForEvent("filechooser");
  await alice.button("Attach file").click();
  const buffer = Buffer.from("what is in it");
  await (
    await choosing
  ).setFiles([
    { name: "red.png", mimeType: "image/png", buffer: await picture(alice.page, "red") },
    { name: "notes.txt", mimeType: "text/plain", buffer },
  ]);
  await alice.say("both of them");
  await bob.message("both of them, red.png, notes.txt").waitFor();
  await alice.message("both of them, red.png, notes.txt", "sent|delivered|read").waitFor();
  const link = file(bob, "notes.txt");
  assert.match(await link.getAttribute("href"), /^\/files\/[\w-]+$/);
  const downloading = bob.page.waitForEvent("download");
  await link.click();
  const download = await downloading;
  assert.equal(download.suggestedFilename(), "notes.txt");
  const text = await bob.page.evaluate(async (href) => (await fetch(href)).text(), await link.getAttribute("href"));
  assert.equal(text, String(buffer));
  const image = bob.page.getByRole("list", { name: "Messages" }).getByRole("img", { name: "red.png" });
  assert.ok(await image.evaluate((node) => node.decode().then(() => node.naturalWidth > 0)));
});

test("files that are dropped are attached, also several, and one that misses its target does not replace the page", async () => {
  const [alice, bob] = await here.couple();
  const drop = (selector, names) =>
    alice.page.evaluate(
      ({ selector, names }) => {
        const data = new DataTransfer();
        for (const name of names) data.items.add(new File([`in ${name}`], name, { type: "text/plain" }));
        const target = document.querySelector(selector);
        for (const type of ["dragenter", "dragover", "drop"])
          target.dispatchEvent(new DragEvent(type, { dataTransfer: data, bubbles: true, cancelable: true }));
      },
      { selector, names },
    );
  await drop("nav", ["missed.txt"]);
  await drop("ol.messages", ["one.txt", "two.txt"]);
  await alice.page.locator(".composer .upload").getByText("two.txt").waitFor();
  await alice.field("Message").focus();
  await alice.page.keyboard.press("Enter");
  await file(bob, "one.txt").waitFor();
  await file(bob, "two.txt").waitFor();
  assert.equal(await file(bob, "missed.txt").count(), 0);
});

test("of a clipboard with a picture, HTML and text the picture is attached and the text is plain", async () => {
  const [alice] = await here.couple();
  await alice.context.grantPermissions(["clipboard-read", "clipboard-write"]);
  const bytes = [...(await picture(alice.page, "green"))];
  await alice.page.evaluate(async (bytes) => {
    const blob = (type, part) => new Blob([part], { type });
    await navigator.clipboard.write([
      new ClipboardItem({
        "image/png": blob("image/png", new Uint8Array(bytes)),
        "text/html": blob("text/html", "<b>bold</b>"),
        "text/plain": blob("text/plain", "bold"),
      }),
    ]);
  }, bytes);
  await alice.field("Message").focus();
  await alice.page.keyboard.press("Control+V");
  await alice.page
    .locator(".composer .upload")
    .getByText(/\.png$/)
    .waitFor();
  await until(async () => (await alice.field("Message").inputValue()) === "bold", "the text");
});

test("an upload says how far it is, can be cancelled, and a failed one tried again", async () => {
  const [alice, bob] = await here.couple();
  await speed(alice, 200_000);
  await attach(alice, { name: "big.bin", mimeType: "application/octet-stream", buffer: randomBytes(3 << 20) });
  const upload = alice.page.locator(".composer .upload");
  await until(async () => (await upload.getByRole("progressbar").evaluate((bar) => bar.value)) > 0, "progress");
  await upload.getByRole("button", { name: "Remove big.bin" }).click();
  await upload.waitFor({ state: "detached" });
  await speed(alice, -1);
  // The server does not take it at first.
  let isRefused = true;
  await alice.page.route("**/files", (route) =>
    isRefused && route.request().method() === "POST"
      ? route.fulfill({ status: 403, json: { error: "not today", code: "forbidden" } })
      : route.continue(),
  );
  await attach(alice, { name: "small.txt", mimeType: "text/plain", buffer: Buffer.from("small") });
  await upload.getByText("not today").waitFor();
  isRefused = false;
  await upload.getByRole("button", { name: "Try again" }).click();
  await upload.getByText("not today").waitFor({ state: "detached" });
  await alice.say("");
  await file(bob, "small.txt").waitFor();
});

test("a file over the limit is refused before it is sent, by its name and with the limit", async () => {
  const [alice] = await here.couple();
  let sent = 0;
  alice.page.on("request", (request) => (sent += Number(/\/files/.test(request.url()) && request.method() === "POST")));
  await attach(alice, { name: "huge.bin", mimeType: "application/octet-stream", buffer: Buffer.alloc((4 << 20) + 1) });
  await alice.page.getByText(/“huge\.bin” is too large.* 4.MB/).waitFor();
  assert.equal(sent, 0);
  assert.equal(await alice.page.locator(".composer .upload").count(), 0);
});

test("a picture is seen large, keys lead to the next one, and the focus comes back", async () => {
  const [alice, bob] = await here.couple();
  for (const color of ["red", "green"]) {
    await attach(alice, { name: `${color}.png`, mimeType: "image/png", buffer: await picture(alice.page, color) });
    await alice.field("Message").focus();
    await alice.page.keyboard.press("Enter");
    await file(bob, `${color}.png`).waitFor();
  }
  await file(bob, "red.png").focus();
  await bob.page.keyboard.press("Enter");
  const red = bob.page.getByRole("dialog", { name: "red.png" });
  await red.getByRole("img", { name: "red.png" }).waitFor();
  await bob.page.keyboard.press("ArrowRight");
  await bob.page.getByRole("dialog", { name: "green.png" }).getByRole("img", { name: "green.png" }).waitFor();
  await bob.page.keyboard.press("Escape");
  await bob.page.getByRole("dialog").waitFor({ state: "detached" });
  await until(() => file(bob, "red.png").evaluate((node) => node === document.activeElement), "the focus is back");
});

test("a picture that loads above moves nothing, and the last message stays when the place gets smaller", async () => {
  const [alice, bob] = await here.couple();
  await alice.sayMany(Array.from({ length: 20 }, (_, i) => `before ${i}`));
  const waiting = [];
  let isHeld = true;
  await bob.page.route("**/files/**", (route) => (isHeld ? void waiting.push(route) : route.continue()));
  await attach(alice, {
    name: "tall.png",
    mimeType: "image/png",
    buffer: await picture(alice.page, "red", [300, 900]),
  });
  await alice.say("a tall one");
  await alice.sayMany(Array.from({ length: 20 }, (_, i) => `after ${i}`));
  await bob.message("after 19").waitFor();
  const row = bob.message("after 3");
  await row.evaluate((node) => node.scrollIntoView({ block: "start" }));
  const top = () => row.locator(".bubble").evaluate((node) => node.getBoundingClientRect().top);
  const before = await top();
  await until(() => waiting.length > 0, "the picture is asked for");
  isHeld = false;
  for (const route of waiting) await route.continue();
  const image = bob.page.getByRole("img", { name: "tall.png" });
  await until(() => image.evaluate((node) => node.complete && node.naturalHeight > 0), "the picture is there");
  assert.ok(Math.abs((await top()) - before) <= 1, `moved by ${(await top()) - before} px`);
  const scroller = bob.page.getByRole("region", { name: "Chat" });
  await scroller.evaluate((node) => (node.scrollTop = 0));
  await bob.page.setViewportSize({ width: 1280, height: 420 });
  const box = await bob.message("after 19").locator(".bubble").boundingBox();
  const composer = await bob.field("Message").boundingBox();
  assert.ok(box && composer && box.y + box.height <= composer.y, JSON.stringify([box, composer]));
});

test("what another app shares goes into the conversation that is opened", async () => {
  const [alice, bob] = await here.couple();
  await until(() => alice.page.evaluate(() => Boolean(navigator.serviceWorker.controller)), "the service worker");
  // A share sheet posts a form to the address that manifest.json names.
  const target = await alice.page.evaluate(async () => (await (await fetch("/manifest.json")).json()).share_target);
  assert.equal(target.method, "POST");
  await alice.page.evaluate(async ({ action, params }) => {
    const form = new FormData();
    form.set(params.text, "look at this");
    form.append(params.files[0].name, new File(["shared words"], "shared.txt", { type: "text/plain" }));
    await fetch(action, { method: "POST", body: form, redirect: "manual" });
  }, target);
  await alice.page.goto("about:blank");
  await alice.page.goto(`${here.base}/#shared`);
  await alice.page.getByText("Open the chat that it is for.").waitFor();
  await alice.chat("Bob").click();
  await until(async () => (await alice.field("Message").inputValue()) === "look at this", "the text");
  await alice.page.locator(".composer .upload").getByText("shared.txt").waitFor();
  await alice.page.keyboard.press("Enter");
  await file(bob, "shared.txt").waitFor();
});

test("a video is shown with its controls", async () => {
  const [alice, bob] = await here.couple();
  const bytes = await alice.page.evaluate(async () => {
    const canvas = Object.assign(document.createElement("canvas"), { width: 64, height: 64 });
    const context = canvas.getContext("2d");
    const recorder = new MediaRecorder(canvas.captureStream(25), { mimeType: "video/webm" });
    const parts = [];
    recorder.ondataavailable = ({ data }) => parts.push(data);
    const ended = new Promise((resolve) => (recorder.onstop = resolve));
    recorder.start();
    const end = performance.now() + 400;
    while (performance.now() < end) {
      context.fillRect(0, 0, performance.now() % 64, 64);
      await new Promise((resolve) => requestAnimationFrame(resolve));
    }
    recorder.stop();
    await ended;
    return Array.from(new Uint8Array(await new Blob(parts).arrayBuffer()));
  });
  await attach(alice, { name: "clip.webm", mimeType: "video/webm", buffer: Buffer.from(bytes) });
  await alice.say("a clip");
  const video = bob.page.getByRole("list", { name: "Messages" }).locator("video");
  await video.waitFor();
  assert.ok(await video.evaluate((node) => node.controls));
  await until(() => video.evaluate((node) => node.readyState >= 1), "it can be played");
});

/** Markup, quotes, an entity, a turned direction, something invisible; the name is too long for a line. */
const hostile = (ending) => `hostile "'&amp;<img src=x onerror=alert(1)>\u202egnp\u200b.${"x".repeat(120)}.${ending}`;

test("a hostile name of a file is text wherever it is shown, does nothing, and is saved under a safe name", async () => {
  const [alice, bob] = await here.couple();
  for (const { page } of [alice, bob]) page.on("dialog", () => assert.fail("a script ran"));
  const buffer = await picture(alice.page, "red");
  await attach(alice, { name: hostile("png"), mimeType: "image/png", buffer });
  await attach(alice, { name: hostile("exe"), mimeType: "application/octet-stream", buffer: Buffer.from("MZ") });
  // Nothing of it is markup, turns the direction or is wider than the page.
  const check = async ({ page, name }) => {
    const found = await page.evaluate(() => {
      const all = [...document.querySelectorAll("*")];
      const texts = all.flatMap((node) => [node.textContent, ...[...node.attributes].map(({ value }) => value)]);
      return {
        nodes: document.querySelectorAll("[onerror], img[src=x]").length,
        hidden: texts.filter((text) => /[\u200b\u202a-\u202e\u2066-\u2069]/.test(text)),
        wide: document.documentElement.scrollWidth - innerWidth,
      };
    });
    assert.deepEqual(found, { nodes: 0, hidden: [], wide: 0 }, name);
  };
  // Who sends it sees its own name of it: what cannot be seen is a sign. The server leaves that out.
  const [local, stored] = ["\ufffd", ""].map((sign) => (name) => name.replace(/[\u200b\u202e]/g, sign));
  await alice.page
    .locator(".composer .upload")
    .getByText(local(hostile("png")))
    .waitFor();
  await check(alice);
  await alice.say("");
  const names = { png: stored(hostile("png")), exe: stored(hostile("exe")) };
  for (const name of Object.values(names)) await file(bob, name).waitFor();
  await file(bob, names.exe).getByText(names.exe).waitFor();
  await check(bob);
  await file(alice, local(hostile("exe"))).waitFor();
  await check(alice);
  await bob.page.getByRole("list", { name: "Conversations" }).getByText(names.exe).waitFor();
  await bob.page.getByRole("searchbox", { name: "Search" }).fill("hostile");
  await bob.page
    .getByRole("list", { name: "Search results" })
    .getByText(/hostile "'&amp;<img src=x/)
    .waitFor();
  await check(bob);
  const save = async (link) => {
    const downloading = bob.page.waitForEvent("download");
    await link.click();
    const name = (await downloading).suggestedFilename();
    assert.match(name, /^hostile [^/\\<>"\p{C}]+$/u);
    assert.ok(Buffer.byteLength(name) <= 255, name);
    return name;
  };
  assert.match(await save(file(bob, names.exe)), /\.exe$/);
  await file(bob, names.png).click();
  const large = bob.page.getByRole("dialog", { name: names.png });
  await large.getByRole("img", { name: names.png }).waitFor();
  await large.getByRole("heading", { name: names.png }).waitFor();
  await check(bob);
  for (const control of [large.getByRole("button", { name: "Close" }), large.getByRole("link", { name: "Download" })]) {
    const box = await control.boundingBox();
    assert.ok(box && box.x >= 0 && box.x + box.width <= 1280, JSON.stringify(box));
  }
  assert.match(await save(large.getByRole("link", { name: "Download" })), /\.png$/);
});

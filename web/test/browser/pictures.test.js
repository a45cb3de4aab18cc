// Pictures: what a camera wrote into them stays behind, people have one, and what only looks like one does nothing.

import assert from "node:assert/strict";
import { after, afterEach, before, test } from "node:test";

import { attach, until, world } from "./harness.js";

let here;
before(async () => (here = await world(["--contact=open"])));
afterEach(() => here.leave());
after(() => here.end());

const couple = (options) => here.couple(options);

/** A picture that is teal on its left half. */
async function drawn(page, type, width = 640, height = 480) {
  const bytes = await page.evaluate(
    async ({ type, width, height }) => {
      const canvas = Object.assign(document.createElement("canvas"), { width, height });
      const context = canvas.getContext("2d");
      context.fillStyle = "teal";
      context.fillRect(0, 0, width / 2, height);
      const blob = await new Promise((resolve) => canvas.toBlob(resolve, type));
      return Array.from(new Uint8Array(await blob.arrayBuffer()));
    },
    { type, width, height },
  );
  return Buffer.from(bytes);
}

const GPS_LATITUDE = Buffer.from("GPS 48.2N");

/** A JPEG with what a camera writes into it: that it is to be turned by 90 degrees, and where it was. */
async function photograph(page) {
  const jpeg = await drawn(page, "image/jpeg");
  // TIFF, little-endian; two entries: orientation 6, and the place of the directory about the place (GPS).
  const orientation = "120103000100000006000000";
  const place = "2588040001000000" + "26000000";
  const gps = "0100" + "010002000900000038000000" + "00000000";
  const tiff = Buffer.from("49492a00080000000200" + orientation + place + "00000000" + gps, "hex");
  const exif = Buffer.concat([Buffer.from("Exif\0\0"), tiff, GPS_LATITUDE]);
  const head = Buffer.from([0xff, 0xe1, 0, exif.length + 2]);
  return Buffer.concat([jpeg.subarray(0, 2), head, exif, jpeg.subarray(2)]);
}

/** The bytes of a file as the server has them, and the size of the picture. */
async function stored(page, path) {
  const { bytes, ...size } = await page.evaluate(async (path) => {
    const blob = await (await fetch(path)).blob();
    const { width, height } = await createImageBitmap(blob, { imageOrientation: "none" });
    return { bytes: Array.from(new Uint8Array(await blob.arrayBuffer())), width, height };
  }, path);
  return { bytes: Buffer.from(bytes), ...size };
}

test("a photograph loses what the camera wrote into it, and stands upright", async () => {
  const [alice, bob] = await couple();
  const buffer = await photograph(alice.page);
  assert.ok(buffer.includes("Exif") && buffer.includes(GPS_LATITUDE));
  await attach(alice, { name: "photo.jpg", mimeType: "image/jpeg", buffer });
  await alice.say("look");
  const link = bob.page.getByRole("list", { name: "Messages" }).getByRole("link", { name: "photo.jpg" });
  const shown = await link.locator("img").getAttribute("src");
  for (const path of [await link.getAttribute("href"), shown]) {
    const { bytes, width, height } = await stored(bob.page, path);
    assert.ok(bytes.length > 100 && !bytes.includes("Exif") && !bytes.includes(GPS_LATITUDE), path);
    assert.ok(height > width, `${path} is ${width}×${height}`);
  }
});

test("a person chooses a picture, which others see in their list and above the conversation, and takes it away", async () => {
  const [alice, bob] = await couple();
  const face = (person, where) => person.page.locator(`${where} .avatar img`);
  await alice.button("Settings").click();
  const settings = alice.page.getByRole("dialog", { name: "Settings" });
  const choosing = alice.page.waitForEvent("filechooser");
  await settings.getByRole("button", { name: "Change picture" }).click();
  const buffer = await photograph(alice.page);
  await (await choosing).setFiles({ name: "me.jpg", mimeType: "image/jpeg", buffer });
  const own = face(alice, "dialog");
  await own.waitFor();
  const path = await own.getAttribute("src");
  const { bytes, width, height } = await stored(alice.page, path);
  assert.deepEqual([width, height], [480, 480]);
  assert.ok(!bytes.includes("Exif") && !bytes.includes(GPS_LATITUDE));
  await bob.page.reload();
  await bob.arrive();
  for (const where of [".chats", ".head"]) {
    await until(async () => (await face(bob, where).getAttribute("src")) === path, where);
    assert.ok(await face(bob, where).evaluate((image) => image.decode().then(() => image.naturalWidth === 480)));
  }
  // Who is written to for the first time sees it at once.
  await alice.page.keyboard.press("Escape");
  const carol = await here.person("Carol");
  await carol.signUp();
  await alice.start(carol);
  await alice.say("it is me");
  await until(async () => (await face(carol, ".chats").count()) === 1, "a picture in the list");
  assert.equal(await face(carol, ".chats").getAttribute("src"), path);
  await alice.button("Settings").click();
  await settings.getByRole("button", { name: "Remove picture" }).click();
  await own.waitFor({ state: "detached" });
  await bob.page.reload();
  await bob.arrive();
  await bob.item("Alice").locator(".avatar").getByText("A").waitFor();
  assert.equal(await face(bob, ".head").count(), 0);
});

test("what is no picture is refused as one, with a sentence", async () => {
  const alice = await here.person("Alice");
  await alice.signUp();
  await alice.button("Settings").click();
  const settings = alice.page.getByRole("dialog", { name: "Settings" });
  const choosing = alice.page.waitForEvent("filechooser");
  await settings.getByRole("button", { name: "Change picture" }).click();
  await (await choosing).setFiles({ name: "me.jpg", mimeType: "image/jpeg", buffer: Buffer.from("no picture") });
  await settings.getByRole("alert").getByText("no picture that can be shown").waitFor();
});

test("an uploaded page or SVG that is opened runs no script and has no origin", async () => {
  const [alice, bob] = await couple();
  const script = "<script>document.title = 'ran ' + self.origin; fetch('/me')</script>";
  const files = {
    "page.html": ["text/html", `<!doctype html><title>still</title><p>a page</p>${script}`],
    "drawing.svg": ["image/svg+xml", `<svg xmlns="http://www.w3.org/2000/svg"><title>still</title>${script}</svg>`],
  };
  for (const [name, [mimeType, text]] of Object.entries(files)) {
    await attach(alice, { name, mimeType, buffer: Buffer.from(text) });
    await alice.say(name);
    const link = bob.page.getByRole("list", { name: "Messages" }).getByRole("link", { name });
    await link.waitFor();
    assert.equal(await link.locator("img").count(), 0, `${name} is shown`);
    const path = await link.getAttribute("href");
    const opened = await bob.context.newPage();
    const calls = [];
    opened.on("request", (request) => request.url().endsWith("/me") && calls.push(request.url()));
    // It is saved; a frame, which a page of others could make, is not shown either.
    const download = opened.waitForEvent("download");
    await opened.goto(`${here.base}${path}`).catch(() => null);
    await (await download).cancel();
    assert.deepEqual([await opened.title(), calls], ["", []]);
    await opened.close();
  }
});

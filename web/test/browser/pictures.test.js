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

/** A GIF that is red and blue in turn, ten times a second, for ever. Its pixels are not compressed. */
function blinking(width, height) {
  const word = (number) => [number & 255, number >> 8];
  const colors = Array.from({ length: 128 }, (_, i) => (i === 1 ? [0, 0, 255] : [255, 0, 0])).flat();
  const frame = (color) => {
    // The codes stay at 8 bits, because they begin anew (128) before there are too many.
    const codes = [];
    for (let n = width * height; n > 0; n -= 120) codes.push(128, ...Array(Math.min(n, 120)).fill(color));
    codes.push(129);
    const blocks = [];
    for (let at = 0; at < codes.length; at += 255) {
      const block = codes.slice(at, at + 255);
      blocks.push(block.length, ...block);
    }
    const control = [0x21, 0xf9, 4, 0, ...word(10), 0, 0];
    return Buffer.from([...control, 0x2c, 0, 0, 0, 0, ...word(width), ...word(height), 0, 7, ...blocks, 0]);
  };
  const head = Buffer.from([...Buffer.from("GIF89a"), ...word(width), ...word(height), 0xf6, 0, 0, ...colors]);
  const loop = Buffer.from([0x21, 0xff, 11, ...Buffer.from("NETSCAPE2.0"), 3, 1, 0, 0, 0]);
  return Buffer.concat([head, loop, frame(0), frame(1), Buffer.from([0x3b])]);
}

/** The colours that a point of something has in the time of many frames of `blinking`. */
async function colors(page, locator) {
  const seen = new Set();
  for (const end = Date.now() + 1000; Date.now() < end;) {
    const color = await page.evaluate(
      async (bytes) => {
        const bitmap = await createImageBitmap(new Blob([new Uint8Array(bytes)]));
        const context = new OffscreenCanvas(1, 1).getContext("2d");
        context.drawImage(bitmap, -bitmap.width >> 1, -bitmap.height >> 2);
        const [red, , blue] = context.getImageData(0, 0, 1, 1).data;
        return red > 200 && blue < 100 ? "red" : blue > 200 && red < 100 ? "blue" : "none";
      },
      [...(await locator.screenshot())],
    );
    seen.add(color);
  }
  return [...seen].sort().join();
}

test("a GIF moves; with reduced motion it stays still until it is pressed, then moves", async () => {
  const [alice, bob] = await couple();
  const carol = await here.person("Carol", { reducedMotion: "reduce" });
  await carol.signUp();
  await alice.start(carol);
  const shown = (person, name) => person.page.getByRole("list", { name: "Messages" }).getByRole("link", { name });
  const send = async (name, size) => {
    await attach(alice, { name, mimeType: "image/gif", buffer: blinking(...size) });
    await alice.page.locator(".composer .upload").waitFor();
    await alice.say("");
  };
  await send("large.gif", [400, 360]);
  await carol.chat("Alice").click();
  await shown(carol, "large.gif").waitFor();
  await send("small.gif", [48, 48]);
  await shown(carol, "small.gif").waitFor();
  // Another client may send none of the small pictures that stand still.
  await alice.page.route("**/files", (route) => {
    const headers = route.request().headers();
    const about = headers["upload-metadata"]?.replace(/,thumbnail [^,]*/, "");
    return route.continue({ headers: about ? { ...headers, "upload-metadata": about } : headers });
  });
  await send("bare.gif", [48, 48]);
  await shown(carol, "bare.gif").waitFor();
  for (const [name, still] of Object.entries({ "large.gif": "red", "small.gif": "red", "bare.gif": "none" })) {
    const link = shown(carol, name);
    for (const image of await link.locator("img").all()) await image.evaluate((node) => node.decode());
    assert.equal(await colors(carol.page, link), still, `${name} before it is pressed`);
    await link.click();
    const large = carol.page.getByRole("dialog", { name }).getByRole("img", { name });
    await large.waitFor();
    await until(async () => (await colors(carol.page, large)) === "blue,red", `${name} moves`);
    await carol.page.keyboard.press("Escape");
  }
  await alice.chat("Bob").click();
  await send("wave.gif", [48, 48]);
  await shown(bob, "wave.gif").waitFor();
  const wave = shown(bob, "wave.gif");
  await until(async () => (await colors(bob.page, wave)) === "blue,red", "it moves where motion is wanted");
});

// Makes the pictures of README.md, in `docs/pictures`: people who chat, on a desktop and on a phone. It needs what the tests in a
// browser need: `node web/test/screenshots.mjs`.

import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

import { attach, world } from "./browser/harness.js";

const FOLDER = fileURLToPath(new URL("../../docs/pictures/", import.meta.url));
/** Bytes that a picture may have, and its quality. */
const BYTES_MAX = 60_000;
const QUALITY = 0.85;

/** Draws a scene at a lake, as a JPEG: it is the photograph that somebody sends. */
function lake() {
    const [width, height] = [900, 560];
    const canvas = Object.assign(document.createElement("canvas"), { width, height });
    const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
    const fill = (/** @type {string[]} */ colors, /** @type {number} */ from, /** @type {number} */ to) => {
        const gradient = context.createLinearGradient(0, from, 0, to);
        colors.forEach((color, i) => gradient.addColorStop(i / (colors.length - 1), color));
        context.fillStyle = gradient;
    };
    fill(["#f6b26b", "#fbe3c0"], 0, 300);
    context.fillRect(0, 0, width, 300);
    context.fillStyle = "#fff6df";
    context.beginPath();
    context.arc(640, 190, 46, 0, 7);
    context.fill();
    for (const [color, peaks] of /** @type {[string, number[]][]} */ ([
        ["#8f9fc0", [0, 210, 130, 120, 260, 220, 420, 90, 600, 230, 760, 140, 900, 220]],
        ["#55678f", [0, 260, 160, 190, 330, 270, 520, 180, 700, 275, 900, 200]],
    ])) {
        context.fillStyle = color;
        context.beginPath();
        context.moveTo(0, 300);
        for (let i = 0; i < peaks.length; i += 2) context.lineTo(peaks[i], peaks[i + 1]);
        context.lineTo(width, 300);
        context.fill();
    }
    fill(["#e5b98a", "#5b7ba3", "#27405f"], 300, height);
    context.fillRect(0, 300, width, height - 300);
    context.fillStyle = "rgb(255 246 223 / 0.35)";
    for (let y = 306; y < 470; y += 14) context.fillRect(640 - (y - 250) / 3, y, (y - 250) / 1.5, 4);
    context.fillStyle = "#3a2418";
    context.beginPath();
    context.moveTo(250, 420);
    context.quadraticCurveTo(330, 480, 420, 420);
    context.lineTo(395, 462);
    context.lineTo(278, 462);
    context.fill();
    return canvas.toDataURL("image/jpeg", 0.9).split(",")[1];
}

/** Chromium can write WebP, the driver cannot. @param {import("playwright-core").Browser} browser @param {Buffer} png */
async function webp(browser, png) {
    const page = await browser.newPage();
    const base64 = await page.evaluate(
        async ({ png, quality }) => {
            const image = new Image();
            image.src = `data:image/png;base64,${png}`;
            await image.decode();
            const canvas = Object.assign(document.createElement("canvas"), {
                width: image.width,
                height: image.height,
            });
            canvas.getContext("2d")?.drawImage(image, 0, 0);
            return canvas.toDataURL("image/webp", quality).split(",")[1];
        },
        { png: png.toString("base64"), quality: QUALITY },
    );
    await page.close();
    return Buffer.from(base64, "base64");
}

const here = await world(["--contact=open"]);
try {
    const [alice, bob, carol] = [
        await here.person("Alice", { viewport: { width: 1080, height: 680 } }),
        await here.person("Bob", {
            viewport: { width: 390, height: 680 },
            hasTouch: true,
            isMobile: true,
            colorScheme: "dark",
        }),
        await here.person("Carol"),
    ];
    for (const person of [alice, bob, carol]) await person.signUp();
    await carol.start(alice);
    await carol.say("The keys are with the neighbours 🔑");
    await alice.chat("Carol").click();
    await alice.say("Thank you!");
    await alice.button("New group").click();
    const group = alice.page.getByRole("dialog", { name: "New group" });
    await group.getByRole("textbox", { name: "Name" }).fill("Rowing club");
    for (const { name, email } of [bob, carol]) {
        await group.getByRole("textbox", { name: "Email" }).fill(email);
        await group.getByRole("button", { name: "Add" }).click();
        await group.getByText(name, { exact: true }).waitFor();
    }
    await group.getByRole("button", { name: "Create" }).click();
    await carol.chat("Rowing club").click();
    await carol.say("Training is at six on Thursday");
    await alice.message("Training is at six on Thursday").waitFor();

    await alice.start(bob);
    await alice.say("Are you coming to the lake on Saturday?");
    await bob.chat("Alice").click();
    await bob.message("Are you coming to the lake on Saturday?").waitFor();
    const photograph = Buffer.from(await bob.page.evaluate(lake), "base64");
    await attach(bob, { name: "lake.jpg", mimeType: "image/jpeg", buffer: photograph });
    await bob.say("Yes! I bring the boat.");
    const picture = (/** @type {import("./browser/harness.js").Person} */ person) =>
        person.page.getByRole("list", { name: "Messages" }).getByRole("link", { name: "lake.jpg" }).locator("img");
    for (const person of [alice, bob]) await picture(person).waitFor();
    await bob.say("Who brings something to eat?");
    await alice.message("Who brings something to eat?").waitFor();
    await alice.act(alice.page.getByRole("listitem", { name: /I bring the boat/ }), "React");
    await alice.page.getByRole("dialog", { name: "Emoji" }).getByRole("button", { name: "🎉" }).first().click();
    await alice.act(alice.message("Who brings something to eat?"), "Reply");
    await alice.say("I do: bread, cheese, and a cake.");
    await bob.message("I do: bread, cheese, and a cake.").waitFor();
    await alice.message("I do: bread, cheese, and a cake.", "read").waitFor();
    mkdirSync(FOLDER, { recursive: true });
    for (const [name, { page }] of Object.entries({ desktop: alice, phone: bob })) {
        await page.mouse.move(0, 0);
        await page.evaluate(() => Promise.all([...document.images].map((image) => image.decode())));
        const bytes = await webp(here.browser, await page.screenshot({ animations: "disabled", caret: "hide" }));
        assert.ok(bytes.length < BYTES_MAX, `${name}: ${bytes.length} bytes`);
        writeFileSync(`${FOLDER}${name}.webp`, bytes);
        console.log(`${name}.webp: ${bytes.length} bytes`);
    }
} finally {
    await here.end();
}

// What the tests in a browser stand on: a real `messenger`, this client before it, people with a browser window each.

import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { connect, createServer } from "node:net";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

import { chromium } from "playwright-core";

import { serve } from "../serve.mjs";

/** Milliseconds that anything may take. */
export const PATIENCE = Number(process.env.PATIENCE ?? 15_000);
const ROOT = fileURLToPath(new URL("../../../", import.meta.url));
const CHROMIUM = process.env.CHROMIUM ?? ["/usr/bin/chromium", "/usr/bin/chromium-browser"].find(existsSync);
export const DESKTOP = { width: 1280, height: 800 };
export const PHONE = { width: 390, height: 844 };

/** With SOURCE=1 the client is read from this directory as it is now, not from the program; nothing then starts again. */
const IS_SOURCE = process.env.SOURCE === "1";
const PROGRAM = process.env.MESSENGER ?? join(ROOT, "target/debug/messenger");

/** Starts the program on free ports; `addresses` has where it listens. */
async function startMessenger(folder, args) {
  const child = spawn(
    PROGRAM,
    [
      "--auth-listen",
      "127.0.0.1:0",
      "--chat-listen",
      "127.0.0.1:0",
      "--database",
      `sqlite:${join(folder, "m.db")}`,
      ...args,
    ],
    { stdio: ["ignore", "pipe", "pipe"], env: { ...process.env, AUTH_SIGNUP_RATE: "0", CHAT_MESSAGE_RATE: "0" } },
  );
  const found = {};
  const all = [];
  const ready = {};
  ready.promise = new Promise((resolve, reject) => Object.assign(ready, { resolve, reject }));
  for (const stream of [child.stdout, child.stderr]) {
    createInterface(stream).on("line", (line) => {
      all.push(line);
      const [, who, where] = /(auth|chat) listening on (\S+)/.exec(line) ?? [];
      if (who) found[who] = `http://${where}`;
      if (found.auth && found.chat) ready.resolve();
    });
  }
  child.on("exit", () => ready.reject(new Error(`messenger ended:\n${all.join("\n")}`)));
  ready.promise.catch(() => {});
  const late = setTimeout(() => ready.reject(new Error(`messenger did not start:\n${all.join("\n")}`)), PATIENCE);
  await ready.promise;
  clearTimeout(late);
  return { child, addresses: found };
}

/**
 * Passes connections on to the program, so that they can be cut, and that it can be started again elsewhere.
 * @param {() => string} to @param {() => Promise<unknown>} open when connections are passed on
 * @returns {Promise<import("node:net").Server>}
 */
function relay(to, open) {
  const server = createServer(async (socket) => {
    socket.on("error", () => socket.destroy());
    await open();
    const { hostname, port } = new URL(to());
    const onward = connect(Number(port), hostname);
    socket.pipe(onward).pipe(socket);
    const end = () => (socket.destroy(), onward.destroy());
    for (const side of [socket, onward]) side.on("error", end).on("close", end);
  });
  return new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve(server)));
}

/**
 * A server and a browser for the tests of a file. `end` removes all of it.
 * @param {string[]} [args] flags of `messenger`
 */
export async function world(args = []) {
  const folder = mkdtempSync(join(tmpdir(), "messenger-web-"));
  let { child, addresses } = await startMessenger(folder, args);
  /** Where connections go, if not to the program, and until when they wait. @type {{url?: string, open?: Promise<any>, end?: (value?: any) => void}} */
  const way = {};
  const front = await relay(
    () => way.url ?? addresses.auth,
    async () => way.open,
  );
  /** Connections of the browsers, and whether there can be any. @type {Set<import("node:net").Socket>} */
  const sockets = new Set();
  let isCut = false;
  front.on("connection", (socket) => {
    if (isCut) return socket.destroy();
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
  });
  const base = `http://127.0.0.1:${/** @type {any} */ (front.address()).port}`;
  const source = IS_SOURCE ? await serve({ port: 0, server: addresses.auth }) : null;
  const own = source ? `http://127.0.0.1:${/** @type {any} */ (source.address()).port}` : undefined;
  way.url = own;
  const browser = await chromium.launch({
    executablePath: CHROMIUM,
    args: ["--no-sandbox", "--force-color-profile=srgb"],
  });
  /** @type {Person[]} */
  const people = [];
  let count = 0;
  return {
    base,
    browser,
    /** The address of the program's chat port. */
    get chat() {
      return addresses.chat;
    },
    /** Somebody with a window of their own. @param {string} name @param {object} [options] of the browser context */
    async person(name, options = {}) {
      const context = await browser.newContext({ viewport: DESKTOP, locale: "en-GB", ...options });
      const person = new Person(base, name, `p${++count}@example.com`, context);
      await person.open();
      people.push(person);
      return person;
    },
    /** Two people, each with the other's conversation open. @param {object} [options] of their browser contexts */
    async couple(options = {}) {
      const [alice, bob] = [await this.person("Alice", options), await this.person("Bob", options)];
      await acquaint(alice, bob);
      return [alice, bob];
    },
    /** People in the group "Trip", which the first of them has made; all have it open. @param {string[]} [names] */
    async trip(names = ["Alice", "Bob", "Carol"]) {
      const all = [];
      for (const name of names) all.push(await (await this.person(name)).signUp());
      const [first, ...others] = all;
      await first.button("New group").click();
      const dialog = first.page.getByRole("dialog", { name: "New group" });
      await dialog.getByRole("textbox", { name: "Name" }).fill("Trip");
      for (const { email, name } of others) {
        await dialog.getByRole("textbox", { name: "Email" }).fill(email);
        await dialog.getByRole("button", { name: "Add", exact: true }).click();
        await dialog.getByRole("list", { name: "Members" }).getByText(name).waitFor();
      }
      await dialog.getByRole("button", { name: "Create" }).click();
      await first.page.getByRole("heading", { level: 1, name: "Trip" }).waitFor();
      for (const other of others) await other.chat("Trip").click();
      return all;
    },
    /** Whether the server's protocol has a word: servers before it skip the tests that need it. */
    async knows(word) {
      const schema = await fetch(`${addresses.chat}/schema.json`);
      return (await schema.text()).includes(`"${word}"`);
    },
    /** Ends all connections to the server, and lets no new ones be made until `mend`. */
    cut() {
      isCut = true;
      for (const socket of sockets) socket.destroy();
    },
    mend() {
      isCut = false;
      way.end?.();
      way.open = undefined;
    },
    /** A network that says nothing: connections end, and new ones get no answer until `mend`. */
    stall() {
      way.open ??= new Promise((resolve) => (way.end = resolve));
      for (const socket of sockets) socket.destroy();
    },
    /** The address of the program's HTTP port. */
    get auth() {
      return addresses.auth;
    },
    /** Something else answers in place of the program, under the same address. @param {string} [url] */
    through(url) {
      way.url = url ?? own;
      for (const socket of sockets) socket.destroy();
    },
    /** A command of the operator on the running server; its lines. @param {...string} words */
    async admin(...words) {
      const all = ["admin", ...words, "--database", `sqlite:${join(folder, "m.db")}`, "--public-url", base];
      const { stdout } = await promisify(execFile)(PROGRAM, all);
      return stdout.trim().split("\n");
    },
    /** The program dies, as in a power cut. */
    async kill() {
      child.removeAllListeners("exit");
      const gone = once(child, "exit");
      child.kill("SIGKILL");
      await gone;
    },
    /** Starts the program again, on the same database, after `kill`. */
    async restart() {
      ({ child, addresses } = await startMessenger(folder, args));
    },
    /** After each test: nobody saw an error, and nothing went elsewhere. */
    async leave() {
      const complaints = people.flatMap((person) => person.complaints.map((text) => `${person.name}: ${text}`));
      for (const person of people.splice(0)) await person.context.close();
      assert.deepEqual(complaints, []);
    },
    async end() {
      await browser.close();
      for (const socket of sockets) socket.destroy();
      way.end?.();
      front.close();
      source?.close();
      child.removeAllListeners("exit");
      const gone = once(child, "exit");
      child.kill("SIGTERM");
      await gone;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Somebody who uses the client by what is seen and heard of it: roles and names. */
export class Person {
  /** @param {string} base @param {string} name @param {string} email @param {import("playwright-core").BrowserContext} context */
  constructor(base, name, email, context) {
    Object.assign(this, { base, name, email, context, password: "secret-1" });
    /** Errors of the console and the page, refused by the CSP, requests to others. @type {string[]} */
    this.complaints = [];
  }

  async open() {
    this.page = await this.context.newPage();
    this.page.setDefaultTimeout(PATIENCE);
    this.watch(this.page);
    await this.page.goto(this.base);
  }

  watch(page) {
    page.on("pageerror", (error) => this.complaints.push(error.stack ?? String(error)));
    page.on("console", (message) => {
      // A refused call is not an error of the page.
      const isCall = /^Failed to load resource|^WebSocket connection to .* failed/.test(message.text());
      if (message.type() === "error" && !isCall) this.complaints.push(message.text());
    });
    page.on("request", (request) => {
      if (!request.url().startsWith(this.base) && !/^(blob|data):/.test(request.url()))
        this.complaints.push(request.url());
    });
  }

  button(name) {
    return this.page.getByRole("button", { name, exact: true });
  }

  field(name) {
    return this.page.getByRole("textbox", { name, exact: true });
  }

  chat(name) {
    return this.page.getByRole("list", { name: "Conversations" }).getByRole("link", { name, exact: true });
  }

  /** The whole item of a conversation in the list. */
  item(name) {
    const has = this.page.getByRole("link", { name, exact: true });
    return this.page.getByRole("list", { name: "Conversations" }).getByRole("listitem").filter({ has });
  }

  get messages() {
    return this.page.getByRole("list", { name: "Messages" }).getByRole("listitem");
  }

  /** The message with this text; `end` is the last word of its name. */
  message(text, end = "") {
    const escaped = text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
    const last = end ? `, (${end})` : "(, (sending|sent|delivered|read|not sent))?";
    const name = new RegExp(`^[^:]+, \\d\\d:\\d\\d: ${escaped}${last}$`);
    return this.page.getByRole("listitem", { name });
  }

  async signUp() {
    await this.page.getByRole("link", { name: "Sign up" }).click();
    await this.page.getByRole("heading", { name: "Sign up" }).waitFor();
    await this.field("Email").fill(this.email);
    await this.field("Name").fill(this.name);
    await this.page.getByLabel("Password").fill(this.password);
    await this.button("Sign up").click();
    await this.arrive();
    return this;
  }

  /** Logs in if the page for it is shown, and waits until connected. */
  async arrive() {
    const list = this.page.getByRole("list", { name: "Conversations" });
    const login = this.page.getByRole("heading", { name: "Log in" });
    await list.or(login).first().waitFor();
    if (await login.isVisible()) await this.logIn();
    await this.page.getByRole("status", { name: "Connection" }).getByText("Connected").waitFor();
  }

  async logIn(password = this.password) {
    await this.field("Email").fill(this.email);
    await this.page.getByLabel("Password").fill(password);
    await this.button("Log in").click();
  }

  /** Opens a conversation with somebody by their email. */
  async start(other) {
    await this.button("New chat").click();
    const dialog = this.page.getByRole("dialog", { name: "New chat" });
    await dialog.getByRole("textbox", { name: "Email" }).fill(other.email);
    await dialog.getByRole("button", { name: "Start" }).click();
    await this.page.getByRole("heading", { level: 1, name: other.name, exact: true }).waitFor();
    await dialog.waitFor({ state: "hidden" });
  }

  async say(text) {
    await this.field("Message").fill(text);
    await this.button("Send").click();
  }

  /** Chooses from the menu of a message. */
  async act(message, action) {
    await message.getByRole("button", { name: "Message actions" }).click();
    await this.page.getByRole("menuitem", { name: action, exact: true }).click();
  }

  /** Sends many messages over the same session, quickly and in order. */
  async sayMany(texts) {
    for (const text of texts) {
      await this.field("Message").fill(text);
      await this.page.keyboard.press("Enter");
    }
    await this.message(texts.at(-1), "sent|delivered|read").waitFor();
  }
}

/** Signs two people up; the first one writes "hi", and both have the conversation open. */
export async function acquaint(alice, bob) {
  await alice.signUp();
  await bob.signUp();
  await alice.start(bob);
  await alice.say("hi");
  await bob.chat("Alice").click();
  await bob.message("hi").waitFor();
}

/** Attaches a file by the button. @param {Person} person @param {{name: string, mimeType: string, buffer: Buffer}} file */
export async function attach(person, file) {
  const choosing = person.page.waitForEvent("filechooser");
  await person.button("Attach file").click();
  await (await choosing).setFiles(file);
}

/** Waits until it holds. @param {() => unknown} holds */
export async function until(holds, what = String(holds), patience = PATIENCE) {
  const end = Date.now() + patience;
  for (;;) {
    if (await holds()) return;
    if (Date.now() > end) throw new Error(`not within ${patience} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
}

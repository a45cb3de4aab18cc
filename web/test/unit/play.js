// For the tests of the reducer: plays events one after another, and keeps what the reducer wanted done.

import { readFileSync, readdirSync } from "node:fs";

import { reduce } from "../../core/reduce.js";
import { rows } from "../../core/select.js";
import { initial } from "../../core/state.js";

/** 2026-09-29 10:00 UTC. */
export const NOW = 1_790_635_395_000;

const GOLDEN = new URL("../../../wire/golden/", import.meta.url);

/** The examples of frames that the server's own tests parse and write. @param {"server" | "client"} side */
export function golden(side) {
  const folder = new URL(`${side}/`, GOLDEN);
  const names = readdirSync(folder).sort();
  return names.map((name) => ({ name, frame: JSON.parse(readFileSync(new URL(name, folder), "utf8")) }));
}

export class Play {
  constructor(now = NOW) {
    this.state = initial("0000000000000000");
    this.now = now;
    this.refs = 0;
    /** @type {any[]} */
    this.effects = [];
  }

  /** Plays one event; the effects of it alone are the answer. */
  do(/** @type {any} */ event) {
    const next = reduce(freeze(this.state), { now: this.now, ref: `r${++this.refs}`, ...event });
    this.state = next.state;
    this.effects.push(...next.effects);
    return next.effects;
  }

  frame(/** @type {any} */ frame) {
    return this.do({ type: "frame", frame });
  }

  /** Logged in as account 1, connected, the list is known. */
  enter(conversations = [bob()], welcome = {}) {
    this.do({ type: "leader", leader: true });
    this.do({ type: "called", call: "session", value: { me: { id: 1, name: "Alice", email: "a@example.com" } } });
    this.frame({ type: "welcome", id: 1, name: "Alice", seq: 9, head: 9, now: this.now, recovered: true, ...welcome });
    this.answer("conversations", { conversations, more: false });
    this.do({ type: "focus", focused: true });
    return this;
  }

  /** The ref of the last request of a type that has no answer. */
  asked(/** @type {string} */ type) {
    const asked = Object.values(this.state.asked).filter((one) => one.frame.type === type);
    return asked.at(-1)?.frame.ref;
  }

  answer(/** @type {string} */ type, /** @type {any} */ answer) {
    return this.frame({ type, ref: this.asked(type), ...answer });
  }

  /** Opens a conversation and gives it a page. */
  open(key = "u2", messages = [], more = false) {
    this.do({ type: "open", key });
    return this.answer("history", { messages, more });
  }

  /** The row of a message of the open conversation. */
  row(/** @type {number} */ id) {
    const found = rows(this.state, /** @type {any} */ (this.state.open));
    return /** @type {any} */ (found.find((row) => row.kind === "message" && row.message.id === id));
  }

  /** What was sent since the beginning, or by the given effects. */
  sent(type, effects = this.effects) {
    return effects
      .filter((effect) => effect.type === "frame" && (!type || effect.frame.type === type))
      .map((effect) => effect.frame);
  }
}

export const bob = (more = {}) => ({
  with: 2,
  name: "Bob",
  activity: 77,
  last: { id: 77, from: 2, to: 1, content: "hello", at: NOW - 1000 },
  unread: 1,
  read: 70,
  delivered_to: 71,
  read_by: 71,
  days: null,
  ...more,
});

export const trip = (more = {}) => ({
  group: 5,
  name: "Trip",
  activity: 60,
  unread: 0,
  read: 0,
  role: "admin",
  days: null,
  ...more,
});

export const said = (id, from = 2, more = {}) => ({
  id,
  from,
  to: from === 1 ? 2 : 1,
  content: `message ${id}`,
  at: NOW - 100_000 + id,
  ...more,
});

/** Nothing may change what the state has: the test fails where it is tried. */
export function freeze(value) {
  if (value && typeof value === "object" && !Object.isFrozen(value)) {
    Object.freeze(value);
    Object.values(value).forEach(freeze);
  }
  return value;
}

// What the answers of the HTTP calls change; `wire/api.js` makes them.

import { complain, effect, learn, notice, set, setConversation, write } from "./context.js";
import { setClock } from "./frames.js";
import { openConversation } from "./pages.js";
import { initial, userKey } from "./state.js";

/** @import {Context} from "./context.js" */
/** @import {ApiError, Me, NoticeKind, State} from "./types.js" */

/** @param {Context} c @param {Partial<State["auth"]>} changes */
const setAuth = (c, changes) => set(c, { auth: { ...c.state.auth, busy: false, ...changes } });

/** @param {Context} c @param {NoticeKind | null} done */
const accountDone = (c, done = null) => set(c, { account: { busy: false, error: null, done } });

/** Somebody is logged in. @param {Context} c @param {Me} me */
function enter(c, me) {
  const { me: before } = c.state;
  if (before && before.id !== me.id) {
    // Another person on this device: nothing of the former one's is theirs to see.
    effect(c, { type: "wipe", all: true });
    forget(c);
  }
  const whole = { ...(before?.id === me.id ? before : null), ...me };
  set(c, { phase: "in", me: whole, auth: { ...initial().auth, email: c.state.auth.email } });
  write(c, { put: "meta", name: "me", value: whole });
  effect(c, { type: "connect" });
  effect(c, { type: "route" });
}

/** The state without anything of an account. @param {Context} c */
function forget(c) {
  const { build, update, abilities, limits, connection, clock, settings, focused, turn, shared } = c.state;
  const kept = { build, update, abilities, limits, connection, clock, settings, focused, turn, shared };
  c.state = { ...initial(), phase: "out", ...kept };
}

/**
 * Nobody is logged in any more. By the person's own wish everything of theirs leaves the device; else what was typed and not
 * sent stays for when they are back.
 * @param {Context} c @param {boolean} isWish
 */
export function leaveAccount(c, isWish) {
  if (c.state.phase === "out") return;
  const { me, drafts, outgoing, asked, uploads } = c.state;
  forget(c);
  const isKept = (/** @type {[string, {keep: boolean}]} */ [, one]) => one.keep;
  if (!isWish) {
    set(c, { me, drafts, outgoing, uploads, asked: Object.fromEntries(Object.entries(asked).filter(isKept)) });
    notice(c, "session_ended");
  }
  effect(c, { type: "disconnect" });
  effect(c, { type: "wipe", all: isWish });
  effect(c, { type: "hash", hash: "#/", replace: true });
}

/** @type {Record<string, (c: Context, value: any, args: any) => void>} */
const CALLED = {
  // At the start: whose session the cookie is of.
  session: (c, { me, date }) => {
    if (date) setClock(c, date);
    enter(c, me);
  },
  login: (c, me, { email }) => {
    enter(c, me);
    effect(c, { type: "tell", event: { type: "in.other" } });
    set(c, { auth: { ...c.state.auth, email } });
    effect(c, { type: "call", call: "me", args: {} });
  },
  // Who has signed up is logged in at once, with the same words.
  signup: (c, _, args) => {
    setAuth(c, { busy: true, email: args.email, code: null });
    effect(c, { type: "call", call: "login", args: { email: args.email, password: args.password } });
  },
  resetRequest: (c) => setAuth(c, { done: "mail_sent" }),
  resetConfirm: (c) => setAuth(c, { page: "login", code: null, done: "password_changed" }),
  confirm: (c) => {
    notice(c, "email_confirmed");
    if (c.state.me) set(c, { me: { ...c.state.me, confirmed: true } });
  },
  logout: (c) => {
    effect(c, { type: "tell", event: { type: "out.other" } });
    leaveAccount(c, true);
  },
  logoutEverywhere: (c) => {
    effect(c, { type: "tell", event: { type: "out.other" } });
    leaveAccount(c, true);
  },
  deleteAccount: (c) => {
    effect(c, { type: "tell", event: { type: "out.other" } });
    leaveAccount(c, true);
  },
  me: (c, me) => setMe(c, me),
  change: (c, me, args) => {
    setMe(c, me);
    accountDone(c, args.email ? "email_changed" : null);
  },
  picture: (c, me) => {
    setMe(c, me);
    accountDone(c);
  },
  password: (c) => {
    accountDone(c, "password_changed");
    effect(c, { type: "call", call: "devices", args: {} });
  },
  devices: (c, devices) => set(c, { devices }),
  endDevice: (c, _, { id }) => {
    set(c, { devices: (c.state.devices ?? []).filter((device) => device.id !== id) });
    accountDone(c);
  },
  export: (c, value) => {
    accountDone(c);
    effect(c, { type: "download", value, name: "messenger-export.json" });
  },
  find: (c, { id, name, picture }, { email, open }) => {
    learn(c, id, name, picture ?? null);
    if (email !== c.state.finder.email) return;
    set(c, { finder: { email, busy: false, person: { id, name }, error: null } });
    if (!open) return;
    openConversation(c, userKey(id));
    setConversation(c, userKey(id), { name });
    set(c, { finder: { email: "", busy: false, person: null, error: null } });
  },
  user: (c, { id, name, picture }) => learn(c, id, name, picture ?? null),
};

/** @param {Context} c @param {any} me */
function setMe(c, me) {
  const whole = { ...c.state.me, picture: null, ...me };
  set(c, { me: whole });
  write(c, { put: "meta", name: "me", value: whole });
}

/** Calls of the login pages: their refusal stands there. */
const AUTH = new Set(["login", "signup", "resetRequest", "resetConfirm"]);

/** @param {Context} c @param {{call: string, value: any, args: any}} event */
export function onCalled(c, { call, value, args }) {
  if (call === "session" && isOld(c, args)) return;
  CALLED[call]?.(c, value, args);
}

/** Whether somebody has logged in since it was asked whose session this is. @param {Context} c @param {any} args */
const isOld = (c, args) => args?.of !== undefined && args.of !== (c.state.me?.id ?? null);

/** @param {Context} c @param {{call: string, error: ApiError, args: any}} event */
export function onRefused(c, { call, error, args }) {
  const { status, message, retryAfter } = error;
  if (call === "session") {
    if (isOld(c, args)) return;
    // Nobody, or no server: with something kept from before the person reads on, and the socket goes on trying.
    if (status === 401 || status === 403 || !c.state.me) {
      if (c.state.phase === "in") leaveAccount(c, false);
      else set(c, { phase: "out" });
    } else if (c.state.phase !== "in") enter(c, c.state.me);
    return;
  }
  if (AUTH.has(call)) {
    const retryAt = retryAfter ? c.now + retryAfter : null;
    // Signed up, but the login after it was refused: the form has the email, the person logs in.
    const page = call === "login" && c.state.auth.page === "signup" ? { page: /** @type {const} */ ("login") } : {};
    return setAuth(c, { error: message, retryAt, ...page });
  }
  if (call === "logout" || call === "logoutEverywhere") {
    if (status === 401) return CALLED.logout(c, null, null);
    set(c, { account: { busy: false, error: message, done: null } });
    return complain(c, message);
  }
  if (status === 401 && call !== "user") return leaveAccount(c, false);
  if (call === "find") {
    if (args.email !== c.state.finder.email) return;
    set(c, { finder: { email: args.email, busy: false, person: null, error: message } });
  } else if (call === "confirm") complain(c, message);
  else if (call !== "user" && call !== "me" && call !== "devices") {
    set(c, { account: { busy: false, error: message, done: null } });
  }
}

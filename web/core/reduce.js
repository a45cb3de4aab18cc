// The heart: one event makes of one state the next, and says what is to be done. It touches nothing else.

import { leaveAccount, onCalled, onRefused } from "./answers.js";
import { dropOutgoing, effect, notice, set, setOutgoing, turn, watch } from "./context.js";
import { caughtUp, onFrame } from "./frames.js";
import { INTENTS, readSeen, setFocused } from "./intents.js";
import { changeUpload, sayAgain, flush } from "./outbox.js";
import { cached, openConversation, search } from "./pages.js";
import { parseHash } from "./state.js";

/** @import {Context} from "./context.js" */
/** @import {Effect, Event, Key, Saved, State} from "./types.js" */

/**
 * @param {State} state @param {Event} event
 * @returns {{state: State, effects: Effect[]}}
 */
export function reduce(state, event) {
  /** @type {Context} */
  const c = { state, effects: [], writes: [], now: event.now ?? 0, ref: event.ref ?? "ref", count: 0 };
  if (Object.hasOwn(HANDLERS, event.type)) HANDLERS[event.type](c, event);
  if (c.writes.length > 0) {
    const { frame } = /** @type {any} */ (event);
    // What everybody hears the leader writes; answers and the person's own doings are written by the tab that they are of.
    const isOwn = !frame || frame.ref in state.asked || state.outgoing.some((one) => one.ref === frame.ref);
    const ack = frame && c.state.seq > state.seq ? c.state.seq : 0;
    c.effects.push({ type: "save", write: c.writes, own: isOwn, ack });
  }
  return { state: c.state, effects: c.effects };
}

/** @param {Context} c @param {Extract<Event, {type: "link"}>} event */
function onLink(c, { status, retryAt = null, attempt = 0, code }) {
  if (code === 4401) return leaveAccount(c, false);
  const { connection } = c.state;
  set(c, {
    connection: {
      ...connection,
      status,
      retryAt,
      attempt,
      catchingUp: connection.catchingUp && status === "connected",
    },
  });
  if (status === "connected") return;
  // Nobody is known to be there while nothing is heard.
  const people = Object.entries(c.state.people).map(([id, { online: _, ...person }]) => [id, person]);
  if (Object.values(c.state.people).some(({ online }) => online)) set(c, { people: Object.fromEntries(people) });
  set(c, { typing: {} });
}

/** @param {Context} c @param {string} hash */
function onRoute(c, hash) {
  const code = /^#(invite|reset|confirm)=([\w-]{1,200})$/.exec(hash);
  if (code) {
    const [, kind, value] = code;
    effect(c, { type: "hash", hash: "#/", replace: true });
    if (kind === "confirm") effect(c, { type: "call", call: "confirm", args: { code: value } });
    else {
      const page = kind === "invite" ? /** @type {const} */ ("signup") : /** @type {const} */ ("reset");
      set(c, { auth: { ...c.state.auth, page, code: value, error: null } });
    }
    return;
  }
  // The address of a conversation waits in the address bar until somebody is logged in.
  if (c.state.phase !== "in") return;
  const { key, id } = parseHash(hash);
  openConversation(c, key, id, true);
}

/** @param {Context} c @param {Saved} saved */
function onSaved(c, saved) {
  const { me, known, seq, conversations, people, drafts, outgoing, asked, uploads, settings } = saved;
  set(c, {
    me,
    seq,
    drafts: { ...drafts, ...c.state.drafts },
    outgoing: [...outgoing].sort((a, b) => a.at - b.at),
    asked,
    conversations: Object.fromEntries(conversations.map((one) => [one.key, one])),
    people: Object.fromEntries(people.map((one) => [one.id, one])),
    uploads: Object.fromEntries(uploads.map((one) => [one.id, one])),
    settings: { ...c.state.settings, ...settings },
  });
  // The server is asked whose session this is; meanwhile one reads what is here, or may log in where nobody is.
  if (me) set(c, { phase: "in" });
  else if (!known) set(c, { phase: "out" });
  askSession(c);
}

/** Whose session the browser has. @param {Context} c */
const askSession = (c) => effect(c, { type: "call", call: "session", args: { of: c.state.me?.id ?? null } });

/** @param {Context} c @param {string} name */
function onTimer(c, name) {
  if (name === "search") return c.state.search.text ? search(c, false) : undefined;
  if (name === "again") return sayAgain(c);
  if (name === "watch") return watch(c, true);
  if (name === "caught up") return caughtUp(c);
  if (name === "typing") {
    const typing = Object.entries(c.state.typing).map(([key, all]) => {
      const left = Object.entries(all).filter(([, until]) => until > c.now);
      return [key, Object.fromEntries(left)];
    });
    return set(c, { typing: Object.fromEntries(typing.filter(([, all]) => Object.keys(all).length > 0)) });
  }
  if (name.startsWith("read ")) readSeen(c, /** @type {Key} */ (name.slice(5)));
}

/** @type {Record<string, (c: Context, event: any) => void>} */
const HANDLERS = {
  .../** @type {any} */ (INTENTS),
  frame: (c, { frame }) => onFrame(c, frame),
  link: onLink,
  leader: (c, { leader }) => set(c, { connection: { ...c.state.connection, leader } }),
  timer: (c, { name }) => onTimer(c, name),
  focus: (c, { focused }) => setFocused(c, focused),
  route: (c, { hash }) => onRoute(c, hash),
  shared: (c, { text, files }) => {
    set(c, { shared: { text, files } });
    notice(c, "share_where");
  },
  "start.loaded": (c, { saved }) => onSaved(c, saved),
  cached: (c, { key, messages }) => cached(c, key, messages),
  called: onCalled,
  refused: onRefused,
  upload: (c, { id, set: changes }) => changeUpload(c, id, changes),
  abilities: (c, { set: changes }) => set(c, { abilities: { ...c.state.abilities, ...changes } }),
  limits: (c, { set: changes }) => set(c, { limits: { ...c.state.limits, ...changes } }),
  "draft.other": (c, { key, draft }) => {
    // Where somebody writes right now nobody else's words appear.
    if (c.state.focused && c.state.open === key) return;
    const here = { ...draft, turn: turn(c) };
    set(c, { drafts: { ...c.state.drafts, [key]: here } });
  },
  "settings.other": (c, { settings }) => set(c, { settings }),
  "outgoing.other": (c, { value }) => {
    setOutgoing(c, value);
    c.writes.length = 0;
    if (c.state.connection.leader) flush(c, ({ ref }) => ref === value.ref);
  },
  "discard.other": (c, { ref }) => {
    dropOutgoing(c, ref);
    c.writes.length = 0;
  },
  "asked.other": (c, { ref, value }) =>
    set(c, { asked: { ...c.state.asked, [ref]: { ...value, purpose: undefined } } }),
  "out.other": (c) => leaveAccount(c, true),
  "in.other": (c) => {
    if (c.state.phase === "out") askSession(c);
  },
  storage: (c, { ok, reason }) => {
    if (c.state.abilities.storage === ok && reason !== "other_version") return;
    set(c, { abilities: { ...c.state.abilities, storage: ok } });
    if (!ok) notice(c, reason === "other_version" ? "other_version" : "storage_failed", { level: "error" });
    if (reason === "other_version") set(c, { update: true });
  },
  "push.refused": (c) => notice(c, "push_refused", { level: "error" }),
  update: (c, { build }) => {
    if (build && build !== c.state.build) set(c, { update: true });
  },
};

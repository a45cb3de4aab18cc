// Several tabs: one of them, the leader, has the socket and writes what comes. The others hear through it and speak
// through it. Without Web Locks (plain http) nobody can be sure to be the only one: then every tab is its own leader.

/** @import {ClientFrame, Event, Key, ServerFrame} from "../core/types.js" */

const NAME = "messenger";
/** Milliseconds after which a tab that said nothing counts as gone. */
const GONE = 40_000;
/** Milliseconds in which claims of other tabs arrive, and after which one is forgotten. */
const CLAIM = 100;
const CLAIMED = 60_000;

/**
 * @typedef {{kind: "join"}
 *   | {kind: "frame", frame: ServerFrame}
 *   | {kind: "send", frame: ClientFrame}
 *   | {kind: "event", event: Event}
 *   | {kind: "claim", tab: string, of: string}
 *   | {kind: "look", tab: string, key: Key | null, focused: boolean}} Told
 */

/**
 * @param {{
 *   onLead: () => void,
 *   onJoin: () => void,
 *   onFrame: (frame: ServerFrame) => void,
 *   onSend: (frame: ClientFrame) => void,
 *   onEvent: (event: Event) => void,
 * }} edges
 */
export function createTabs({ onLead, onJoin, onFrame, onSend, onEvent }) {
  const id = Math.random().toString(36).slice(2);
  const channel = "BroadcastChannel" in globalThis ? new BroadcastChannel(NAME) : null;
  const hasLocks = Boolean(channel && navigator.locks);
  /** @type {Map<string, {key: Key | null, focused: boolean, at: number}>} what the other tabs show */
  const looks = new Map();
  /** @type {Map<string, string>} which tab says that something is new */
  const claims = new Map();
  let isLeader = false;

  /** @param {Told} told */
  const tell = (told) => channel?.postMessage(told);

  channel?.addEventListener("message", ({ data }) => {
    /** @type {Told} */
    const told = data;
    if (told.kind === "look") looks.set(told.tab, { key: told.key, focused: told.focused, at: Date.now() });
    else if (told.kind === "claim") claim(told.of, told.tab);
    else if (told.kind === "event") onEvent(told.event);
    else if (!hasLocks) return;
    else if (told.kind === "frame" && !isLeader) onFrame(told.frame);
    else if (told.kind === "send" && isLeader) onSend(told.frame);
    else if (told.kind === "join" && isLeader) onJoin();
  });

  /** @param {string} of @param {string} tab */
  const claim = (of, tab) => {
    const other = claims.get(of);
    if (!other) setTimeout(() => claims.delete(of), CLAIMED);
    if (!other || tab < other) claims.set(of, tab);
  };
  const lead = () => {
    isLeader = true;
    onLead();
  };

  return {
    /** Joins the others: becomes the leader now, or when the one before is gone. */
    start() {
      if (!hasLocks) return lead();
      // Held until the page is gone; then the next tab has it within milliseconds.
      navigator.locks.request(NAME, () => {
        lead();
        return new Promise(() => {});
      });
      tell({ kind: "join" });
    },
    /** Asks the leader for its connection: somebody has logged in here. */
    join: () => tell({ kind: "join" }),
    get isLeader() {
      return isLeader;
    },
    /** Whether others speak through this tab. */
    get isShared() {
      return hasLocks;
    },
    /** For the others: what the server said. @param {ServerFrame} frame */
    relay: (frame) => (hasLocks ? tell({ kind: "frame", frame }) : undefined),
    /** Through the leader. Messages are not: they are in everybody's outbox, and the leader sends it.
     * @param {ClientFrame} frame */
    send(frame) {
      if (frame.type !== "message" && frame.type !== "presence") tell({ kind: "send", frame });
    },
    /** @param {Event} event */
    tell: (event) => tell({ kind: "event", event }),
    /**
     * Whether it is this tab that says that something is new: the leader. Without one it is the tab that claims it first,
     * and of several at once the one with the lowest id.
     * @param {string} of
     */
    async isSpeaker(of) {
      if (hasLocks) return isLeader;
      if (claims.has(of)) return false;
      claim(of, id);
      tell({ kind: "claim", tab: id, of });
      await new Promise((resolve) => setTimeout(resolve, CLAIM));
      return claims.get(of) === id;
    },
    /** What this tab shows. @param {Key | null} key @param {boolean} focused */
    look: (key, focused) => tell({ kind: "look", tab: id, key, focused }),
    /** Whether another tab shows a conversation to somebody. @param {Key} key */
    isSeen(key) {
      const now = Date.now();
      for (const [tab, look] of looks) if (now - look.at > GONE) looks.delete(tab);
      return [...looks.values()].some((look) => look.focused && look.key === key);
    },
  };
}

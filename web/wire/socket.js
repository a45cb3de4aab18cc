// The connection to the chat: says who it is, comes back after a random wait, and finds out when it is dead.

/** @import {ClientFrame, ServerFrame} from "../core/types.js" */

/** Milliseconds: the first and the longest wait before another try, and after closes that mean "not soon". */
const FIRST = 1000;
const LONGEST = 30_000;
const LONG = 60_000;
/** Of silence before a ping, until its answer, and until the answer to a probe. */
const SILENCE = 45_000;
const ANSWER = 10_000;
const PROBE = 5_000;
/** From the beginning of a try to the welcome. */
const WELCOME = 15_000;

/** A random wait that grows with the tries (full jitter). @param {number} attempt @param {number} [random] */
export const backoff = (attempt, random = Math.random()) =>
  Math.round(random * Math.min(LONGEST, FIRST * 2 ** Math.min(attempt, 10)));

/** How long to stay away after a close; `null`: for ever. @param {number} code @param {number} attempt */
export function waitAfter(code, attempt) {
  if (code === 4401) return null;
  const isLong = [1002, 1007, 1009, 1011, 4429].includes(code);
  return isLong ? LONG + backoff(5) : backoff(attempt);
}

/**
 * @param {{
 *   url: () => string,
 *   ticket: () => Promise<string>,
 *   since: () => number,
 *   onFrame: (frame: ServerFrame) => void,
 *   onLink: (link: {status: "connected" | "connecting" | "offline", retryAt?: number, attempt?: number, code?: number}) => void,
 * }} edges
 */
export function createSocket({ url, ticket, since, onFrame, onLink }) {
  /** @type {WebSocket | null} */
  let socket = null;
  let isWelcome = false;
  let isWanted = false;
  /** Whether a try is under way. */
  let isTrying = false;
  let attempt = 0;
  /** Changes with every try: what belongs to an earlier one is not heard any more. */
  let turn = 0;
  let retry = 0;
  let alarm = 0;

  /** @param {number} ms */
  const closeUnlessHeard = (ms) => {
    clearTimeout(alarm);
    alarm = setTimeout(() => lost(0), ms);
  };
  const heard = () => {
    clearTimeout(alarm);
    alarm = setTimeout(() => {
      socket?.send("ping");
      closeUnlessHeard(ANSWER);
    }, SILENCE);
  };

  function drop() {
    turn++;
    isTrying = false;
    clearTimeout(retry);
    clearTimeout(alarm);
    isWelcome = false;
    socket?.close();
    socket = null;
  }

  /** @param {number} code */
  function lost(code) {
    drop();
    if (!isWanted) return;
    const ms = waitAfter(code, attempt);
    if (ms === null) {
      isWanted = false;
      return onLink({ status: "offline", code });
    }
    attempt++;
    retry = setTimeout(open, ms);
    onLink({ status: "offline", retryAt: Date.now() + ms, attempt, code });
  }

  async function open() {
    drop();
    isTrying = true;
    const mine = turn;
    onLink({ status: "connecting", attempt });
    closeUnlessHeard(WELCOME);
    let proof = "";
    try {
      proof = await ticket();
    } catch (/** @type {any} */ { status }) {
      if (mine === turn) lost(status === 401 || status === 403 ? 4401 : status === 429 ? 4429 : 0);
      return;
    }
    if (mine !== turn) return;
    const opened = new WebSocket(url());
    socket = opened;
    opened.onopen = () => {
      if (mine !== turn) return;
      const seq = since();
      opened.send(JSON.stringify({ type: "hello", token: proof, ...(seq > 0 ? { since: seq } : {}) }));
    };
    opened.onmessage = ({ data }) => {
      if (mine !== turn) return;
      heard();
      const frame = parse(data);
      if (!frame) return;
      if (frame.type === "welcome") {
        isWelcome = true;
        isTrying = false;
        attempt = 0;
      }
      onFrame(frame);
    };
    opened.onclose = ({ code }) => {
      if (mine === turn) lost(code);
    };
  }

  return {
    connect() {
      if (isWanted && (isWelcome || isTrying)) return;
      isWanted = true;
      attempt = 0;
      open();
    },
    disconnect() {
      isWanted = false;
      drop();
      onLink({ status: "offline" });
    },
    /** Sends a frame, or drops it: after the next welcome what still has no answer is said again. @param {ClientFrame} frame */
    send(frame) {
      if (isWelcome && socket?.readyState === WebSocket.OPEN) socket.send(JSON.stringify(frame));
    },
    /** Is it still alive? Asked when the page is looked at again, or the network is back. */
    probe() {
      if (!isWanted) return;
      if (!isWelcome) {
        // A try that is under way goes on; a wait ends.
        this.connect();
        return;
      }
      socket?.send("ping");
      closeUnlessHeard(PROBE);
    },
  };
}

/** @param {unknown} data @returns {ServerFrame | null} */
export function parse(data) {
  if (typeof data !== "string" || data === "pong") return null;
  try {
    const frame = JSON.parse(data);
    return typeof frame?.type === "string" ? frame : null;
  } catch {
    return null;
  }
}

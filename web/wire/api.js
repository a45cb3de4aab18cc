// The HTTP calls. What is refused is thrown as an `ApiError`: status 0 if the server was not reached.

/** @import {ApiError, Device, Me} from "../core/types.js" */

/** Milliseconds after which a call counts as not answered. */
const PATIENCE = 20_000;
/** Names that are asked for at a time. */
const AT_ONCE = 4;

/** @param {number} status @param {string} code @param {string} message @param {number} [retryAfter] @returns {ApiError} */
const refusal = (status, code, message, retryAfter) => ({
  status,
  code,
  message,
  ...(retryAfter ? { retryAfter } : {}),
});

/**
 * @param {string} method @param {string} path @param {{body?: unknown, headers?: Record<string, string>}} [what]
 * @returns {Promise<Response>}
 */
export async function request(method, path, { body, headers = {} } = {}) {
  /** @type {Record<string, string>} */
  const json = body === undefined ? {} : { "Content-Type": "application/json" };
  /** @type {Response} */
  let answer;
  try {
    answer = await fetch(path, {
      method,
      headers: { Accept: "application/json", ...json, ...headers },
      credentials: "same-origin",
      cache: "no-store",
      signal: AbortSignal.timeout(PATIENCE),
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
  } catch {
    throw refusal(0, "offline", "The server cannot be reached.");
  }
  if (answer.ok) return answer;
  const said = await answer.json().catch(() => ({}));
  const seconds = Number(answer.headers.get("Retry-After"));
  throw refusal(answer.status, said.code ?? "", said.error ?? `The server answered ${answer.status}.`, seconds * 1000);
}

/** @param {string} method @param {string} path @param {unknown} [body] */
async function json(method, path, body) {
  const answer = await request(method, path, { body });
  return answer.status === 204 ? null : answer.json();
}

/** @returns {Promise<{me: Me, date: number}>} */
async function session() {
  const answer = await request("GET", "/me");
  return { me: await answer.json(), date: Date.parse(answer.headers.get("Date") ?? "") || 0 };
}

/** @param {{email: string, password: string, device?: string}} args @returns {Promise<Me>} */
async function login({ email, password, device }) {
  const { id, name } = await json("POST", "/login", {
    email,
    password,
    device: device || deviceName(),
    web: true,
  });
  return { id, name, email };
}

const logout = () => json("POST", "/logout");

async function logoutEverywhere() {
  for (const { id, current } of await devices()) if (!current) await json("DELETE", `/sessions/${id}`);
  await logout();
}

/** @returns {Promise<Device[]>} */
const devices = async () => (await json("GET", "/sessions")).sessions;

let running = 0;
/** @type {(() => void)[]} */
const waiting = [];

/** Names are asked for a few at a time: a list may have hundreds. @template T @param {() => Promise<T>} work */
async function inTurn(work) {
  if (running >= AT_ONCE) await new Promise((resolve) => waiting.push(() => resolve(null)));
  running++;
  try {
    return await work();
  } finally {
    running--;
    waiting.shift()?.();
  }
}

/** The calls that effects name. @type {Record<string, (args: any) => Promise<any>>} */
export const calls = {
  session,
  login,
  logout,
  logoutEverywhere,
  devices,
  signup: (account) => json("POST", "/signup", account),
  resetRequest: ({ email }) => json("POST", "/reset", { email }),
  resetConfirm: (args) => json("POST", "/reset/confirm", args),
  confirm: (args) => json("POST", "/confirm", args),
  me: () => json("GET", "/me"),
  change: (changes) => json("PATCH", "/me", changes),
  password: (args) => json("POST", "/password", args),
  deleteAccount: (args) => json("DELETE", "/me", args),
  endDevice: ({ id }) => json("DELETE", `/sessions/${id}`),
  export: () => json("GET", "/export"),
  find: ({ email }) => json("GET", `/users?email=${encodeURIComponent(email.trim())}`),
  user: ({ id }) => inTurn(() => json("GET", `/users/${id}`)),
};

/** What the next `hello` proves itself with: a ticket, good once. */
export const ticket = async () => (await json("POST", "/ticket")).ticket;

/** Bytes that one file may have, as the server says; `null`: it does not. */
export async function fileMax() {
  const answer = await request("OPTIONS", "/files");
  return Number(answer.headers.get("Tus-Max-Size")) || null;
}

/** The build that the server has now. @returns {Promise<string>} */
export async function serverBuild() {
  // It names the build like the page, and is small.
  const answer = await request("GET", "/manifest.json");
  return /\/web\/([0-9a-f]{8,64})\//.exec(await answer.text())?.[1] ?? "";
}

/** @param {PushSubscriptionJSON} subscription */
export const subscribe = ({ endpoint, keys }) =>
  json("POST", "/push", { endpoint, p256dh: keys?.p256dh, auth: keys?.auth });
export const unsubscribe = () => json("DELETE", "/push");
/** @returns {Promise<string>} */
export const pushKey = async () => (await json("GET", "/push/key")).key;

/** What a person calls this device: "Firefox on Linux". */
function deviceName() {
  const agent = navigator.userAgent;
  const browser = /Edg|OPR|Firefox|Chrome|Safari/.exec(agent)?.[0] ?? "Browser";
  const system = /Android|iPhone|iPad|Windows|Mac OS|CrOS|Linux/.exec(agent)?.[0] ?? "";
  const name = { Edg: "Edge", OPR: "Opera" }[browser] ?? browser;
  return system ? `${name} on ${system}` : name;
}

// Desktop notifications and Web Push. Browsers forbid them on plain http, but for loopback.

import { pushKey, subscribe, unsubscribe } from "./api.js";
import { build } from "./build.js";

/** @import {Abilities} from "../core/types.js" */

/** @returns {Partial<Abilities>} what this browser allows here */
export function abilities() {
  const secure = window.isSecureContext;
  return {
    secure,
    serviceWorker: "serviceWorker" in navigator,
    notifications: secure && "Notification" in window ? Notification.permission : "missing",
    push: secure && "PushManager" in window && "serviceWorker" in navigator,
    touch: matchMedia("(pointer: coarse)").matches,
  };
}

/** @returns {Promise<Abilities["notifications"]>} */
export const askPermission = async () => ("Notification" in window ? Notification.requestPermission() : "missing");

/**
 * One notification for each conversation: a later message replaces it.
 * @param {{title: string, body: string, tag: string, url: string, silent: boolean}} what @param {() => void} onClick
 */
export async function show({ title, body, tag, url, silent }, onClick) {
  if (!("Notification" in window) || Notification.permission !== "granted") return;
  const options = {
    body,
    tag,
    renotify: true,
    silent,
    data: { url },
    icon: `/web/${build}/icons/192.png`,
  };
  const registration = await navigator.serviceWorker?.getRegistration().catch(() => undefined);
  // Phones have only the service worker's.
  if (registration?.active) return registration.showNotification(title, options);
  const notification = new Notification(title, options);
  notification.onclick = () => {
    window.focus();
    onClick();
    notification.close();
  };
}

/** Takes a conversation's notification away. @param {string} tag */
export async function hide(tag) {
  const registration = await navigator.serviceWorker?.getRegistration().catch(() => undefined);
  for (const notification of (await registration?.getNotifications({ tag })) ?? []) notification.close();
}

/** Milliseconds from the beginning of a tone in which no other one begins: many messages may come at once. */
const BEEP_EVERY = 1000;
let beepedAt = -Infinity;

/** A short tone, so that no sound file is needed. Whether there is one: browsers forbid it before the first click. */
export function beep() {
  if (navigator.userActivation?.hasBeenActive === false) return false;
  if (performance.now() - beepedAt < BEEP_EVERY) return true;
  let audio;
  try {
    audio = new AudioContext();
  } catch {
    return false; // There is none, or there are too many.
  }
  beepedAt = performance.now();
  // Also one that the browser keeps silent comes to an end.
  setTimeout(() => audio.close(), BEEP_EVERY);
  const gain = audio.createGain();
  const tone = audio.createOscillator();
  gain.gain.setValueAtTime(0.08, audio.currentTime);
  gain.gain.exponentialRampToValueAtTime(0.001, audio.currentTime + 0.25);
  tone.frequency.value = 660;
  tone.connect(gain).connect(audio.destination);
  tone.start();
  tone.stop(audio.currentTime + 0.25);
  return true;
}

/** Subscribes this device, or says again where it is: the browser may have changed it. */
export async function subscribePush() {
  const { pushManager } = await navigator.serviceWorker.ready;
  const applicationServerKey = bytes(await pushKey());
  let subscription = await pushManager.getSubscription();
  // A server that was restored has another key, and cannot use what was made for the old one.
  if (subscription && !isSame(subscription.options.applicationServerKey, applicationServerKey)) {
    await subscription.unsubscribe();
    subscription = null;
  }
  subscription ??= await pushManager.subscribe({ userVisibleOnly: true, applicationServerKey });
  await subscribe(subscription.toJSON());
}

export async function unsubscribePush() {
  const registration = await navigator.serviceWorker?.getRegistration();
  const subscription = await registration?.pushManager.getSubscription();
  await subscription?.unsubscribe();
  await unsubscribe();
}

/** @param {ArrayBuffer | null} one @param {Uint8Array} other */
const isSame = (one, other) => one !== null && String(new Uint8Array(one)) === String(other);

/** @param {string} base64url */
const bytes = (base64url) =>
  Uint8Array.from(atob(base64url.replaceAll("-", "+").replaceAll("_", "/")), (char) => char.charCodeAt(0));

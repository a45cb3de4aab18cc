// What the database has not confirmed when a page goes away, such as the last words before a reload: `localStorage` takes it at
// once, and the next page writes it before it reads.

/** @import {Write} from "../core/types.js" */

const PREFIX = "messenger.unsaved.";
/** Milliseconds. What is older was overtaken by what other pages have written since. */
const KEPT_FOR = 10 * 60 * 1000;

/** @param {Write[]} writes @returns {string} the name to forget them by, if the page comes back */
export function keepUnsaved(writes) {
  const name = `${PREFIX}${Date.now()}.${Math.random()}`;
  try {
    if (writes.length > 0) globalThis.localStorage.setItem(name, JSON.stringify(writes));
  } catch {
    // Too much, or a browser that keeps nothing here. The database may still write it.
  }
  return name;
}

/** @param {string} name */
export function forgetUnsaved(name) {
  try {
    globalThis.localStorage.removeItem(name);
  } catch {
    // Nothing was kept.
  }
}

/** Takes out what pages have left, the oldest first. @returns {Write[]} */
export function takeUnsaved() {
  try {
    const storage = globalThis.localStorage;
    const names = Array.from({ length: storage.length }, (_, i) => storage.key(i) ?? "");
    const left = names.filter((name) => name.startsWith(PREFIX)).sort();
    return left.flatMap((name) => {
      const writes = JSON.parse(storage.getItem(name) ?? "[]");
      storage.removeItem(name);
      return Date.now() - parseInt(name.slice(PREFIX.length)) < KEPT_FOR ? writes : [];
    });
  } catch {
    return [];
  }
}

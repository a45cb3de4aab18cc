// Whether somebody may be logged in on this device: in `localStorage`, which answers at once, and still does where IndexedDB has
// lost who it is or does not work at all.

const KEY = "messenger.in";

/** @param {boolean} is */
export function setKnown(is) {
  try {
    if (is) globalThis.localStorage.setItem(KEY, "1");
    else globalThis.localStorage.removeItem(KEY);
  } catch {
    // A browser that keeps nothing here says so when it is asked.
  }
}

export function isKnown() {
  try {
    return globalThis.localStorage.getItem(KEY) !== null;
  } catch {
    return true;
  }
}

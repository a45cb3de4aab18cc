// Menus and other small things that open beside a button, close on Escape or a click elsewhere, and give focus back.

import { el } from "./el.js";
import { icon } from "./icons.js";

/** @typedef {{label: string, icon?: string, danger?: boolean, run: () => void} | null | undefined | false | ""} MenuItem */

/**
 * Shows a node beside the opener, in the top layer.
 * @param {HTMLElement} opener @param {HTMLElement} node @param {{x: number, y: number} | null} [at]
 */
export function openPopover(opener, node, at = null) {
  node.setAttribute("popover", "auto");
  (opener.closest("dialog, main, nav") ?? document.body).append(node);
  opener.setAttribute("aria-expanded", "true");
  node.addEventListener("toggle", (event) => {
    if (/** @type {ToggleEvent} */ (event).newState !== "closed") return;
    const hadFocus = node.contains(document.activeElement) || document.activeElement === document.body;
    opener.setAttribute("aria-expanded", "false");
    node.remove();
    if (hadFocus && opener.isConnected) opener.focus();
  });
  node.showPopover();
  place(opener, node, at);
}

/** @param {HTMLElement} opener @param {HTMLElement} node @param {{x: number, y: number} | null} at */
function place(opener, node, at) {
  const from = opener.getBoundingClientRect();
  const { width, height } = node.getBoundingClientRect();
  const [wide, high] = [document.documentElement.clientWidth, window.innerHeight];
  // The menu grows towards the middle of the page.
  const isLeft = from.left + from.right < wide;
  const x = at ? at.x : isLeft ? from.left : from.right - width;
  const below = at ? at.y : from.bottom + 4;
  const y = below + height <= high - 8 ? below : (at ? at.y : from.top - 4) - height;
  node.style.setProperty("left", `${Math.max(8, Math.min(x, wide - width - 8))}px`);
  node.style.setProperty("top", `${Math.max(8, Math.min(y, high - height - 8))}px`);
}

/**
 * @param {HTMLElement} opener @param {MenuItem[]} items @param {string} label
 * @param {{x: number, y: number} | null} [at] where, if not at the opener
 */
export function openMenu(opener, items, label, at = null) {
  const buttons = items.flatMap((item) => {
    if (!item) return [];
    const run = () => {
      // Focus goes back to the opener first, so that what opens next gives it back to there.
      node.hidePopover();
      opener.focus();
      item.run();
    };
    const props = {
      type: "button",
      role: "menuitem",
      tabindex: "-1",
      class: item.danger ? "danger" : "",
      onclick: run,
    };
    return [el("button", props, item.icon && icon(item.icon, 20), item.label)];
  });
  const node = el("div", { class: "popover menu", role: "menu", "aria-label": label }, ...buttons);
  node.addEventListener("keydown", (event) => {
    if (event.key === "Tab") {
      event.preventDefault();
      node.hidePopover();
      return;
    }
    const at = buttons.indexOf(/** @type {any} */ (document.activeElement));
    const letter = buttons.findIndex((one, i) => i > at && startsWith(one, event.key));
    const next = letter >= 0 ? letter : stepped(event.key, at, buttons.length);
    if (next === null) return;
    event.preventDefault();
    buttons[next].focus();
  });
  openPopover(opener, node, at);
  buttons[0]?.focus();
}

const startsWith = (/** @type {HTMLElement} */ node, /** @type {string} */ key) =>
  key.length === 1 && (node.textContent ?? "").toLowerCase().startsWith(key.toLowerCase());

/** Where an arrow key leads in a list of `count`. @param {string} key @param {number} at @param {number} count */
export function stepped(key, at, count) {
  switch (key) {
    case "ArrowDown":
      return (at + 1) % count;
    case "ArrowUp":
      return (at + count - 1) % count;
    case "Home":
      return 0;
    case "End":
      return count - 1;
    default:
      return null;
  }
}

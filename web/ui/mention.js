// The members of a group who are offered behind an @: a listbox above the field, which keeps the focus.

import { fitting, typed } from "../core/mention.js";
import { personName } from "../core/select.js";
import { idOf } from "../core/state.js";
import { el, fill, newId, set } from "./el.js";
import { stepped } from "./menu.js";
import { avatar } from "./parts.js";
import { t } from "./words.js";

/** @import {Key, Store} from "../core/types.js" */

/**
 * @param {Store} store @param {Key} key @param {HTMLTextAreaElement} area
 * @param {(text: string, from: number, to: number) => void} replace
 */
export function mentionView(store, key, area, replace) {
  const id = newId("l");
  const node = el("ul", { id, role: "listbox", class: "mention", "aria-label": t("members_list"), hidden: true });
  set(area, { "aria-autocomplete": "list", "aria-controls": id });
  /** @type {{id: number, name: string}[]} */
  let offers = [];
  /** Where the @ is, where the one is that is done with, and the offer that is taken by Enter. */
  let [start, done, at] = [-1, -1, 0];

  const mark = (/** @type {number} */ next) => {
    at = next;
    [...node.children].forEach((option, i) =>
      set(/** @type {HTMLElement} */ (option), { "aria-selected": String(i === at) }),
    );
    set(area, { "aria-activedescendant": offers.length ? `${id}-${at}` : null });
  };
  const offer = (/** @type {typeof offers} */ next) => {
    if (next.map((one) => one.id).join() === offers.map((one) => one.id).join()) return;
    offers = next;
    fill(
      node,
      ...offers.map((one, i) =>
        el(
          "li",
          { id: `${id}-${i}`, role: "option", onclick: () => take(i) },
          avatar(one.name, one.id, store.state.people[one.id]?.picture),
          el("bdi", null, one.name),
        ),
      ),
    );
    set(node, { hidden: offers.length === 0 });
    mark(0);
  };
  const close = () => {
    done = start;
    offer([]);
  };
  const take = (/** @type {number} */ i) => {
    const { name } = offers[i];
    close();
    // A key that is held moves the caret before its event says so.
    if (area.selectionStart > start) replace(`@${name} `, start, area.selectionStart);
  };
  const look = (/** @type {Event} */ event) => {
    // On a phone every word is a composition.
    const isComposing = /** @type {InputEvent} */ (event).isComposing && !store.state.abilities.touch;
    const found = area.selectionStart === area.selectionEnd && typed(area.value, area.selectionStart);
    if (!found) done = -1;
    if (isComposing || !found || found.start === done) return offer([]);
    start = found.start;
    const me = store.state.me?.id;
    const members = store.state.groups[idOf(key)]?.members ?? [];
    const others = members.filter((member) => member.id !== me && member.role !== "invited");
    return offer(
      fitting(
        others.map((member) => ({ id: member.id, name: personName(store.state, member.id) })),
        found.query,
      ),
    );
  };
  for (const type of ["input", "click", "keyup", "compositionend"]) area.addEventListener(type, look);
  area.addEventListener("blur", () => offer([]));
  // A press on it leaves the focus where it is.
  node.addEventListener("mousedown", (event) => event.preventDefault());
  return {
    node,
    /** The field has another text, which nobody typed. */
    reset() {
      done = -1;
      offer([]);
    },
    /** Whether a key was for the list. @param {KeyboardEvent} event */
    handleKey(event) {
      if (offers.length === 0 || event.altKey || event.ctrlKey || event.metaKey || event.shiftKey) return false;
      if (event.key === "Enter" || event.key === "Tab") take(at);
      else if (event.key === "Escape") close();
      else if (event.key === "ArrowDown" || event.key === "ArrowUp") mark(stepped(event.key, at, offers.length) ?? 0);
      else return false;
      event.preventDefault();
      return true;
    },
  };
}

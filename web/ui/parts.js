// Small things that are shown in several places.

import { partnerOf, personName, typists } from "../core/select.js";
import { idOf, isGroup } from "../core/state.js";
import { el, fill } from "./el.js";
import { icon } from "./icons.js";
import { t, when } from "./words.js";

/** @import {Key, State, Tick} from "../core/types.js" */

/**
 * A round picture, or the first letter of the name.
 * @param {string} name @param {number} id @param {string | null | undefined} picture
 */
export function avatar(name, id, picture, style = "") {
  const node = el("span", { class: `avatar hue-${id % 8} ${style}`, "aria-hidden": "true" });
  face(node, name, picture);
  return node;
}

/** @param {HTMLElement} node @param {string} name @param {string | null | undefined} picture */
export function face(node, name, picture) {
  const key = picture
    ? `/files/${picture}`
    : (new Intl.Segmenter().segment(name)[Symbol.iterator]().next().value?.segment ?? "");
  if (node.dataset.face === key) return;
  node.dataset.face = key;
  fill(node, picture ? el("img", { src: key, alt: "", loading: "lazy" }) : key.toLocaleUpperCase());
}

/** A line with a person. @param {string} name @param {number} id @param {string | null | undefined} picture @param {...import("./el.js").Child} more */
export const personRow = (name, id, picture, ...more) =>
  el("li", { class: "person" }, avatar(name, id, picture), el("bdi", { class: "grow" }, name), ...more);

/** The sign of what became of an own message, with its name. @param {Tick} tick */
export function tickIcon(tick) {
  if (!tick) return null;
  const of = { sending: "clock", sent: "check", delivered: "checks", read: "checks", failed: "alert" }[tick];
  return el(
    "span",
    { class: `tick ${tick}`, title: t(tick) },
    icon(of, 16),
    el("span", { class: "hidden-text" }, t(tick)),
  );
}

/** The line below a conversation's name: who types, who is online, who is in it. @param {State} state @param {Key} key */
export function statusOf(state, key) {
  const now = Date.now();
  const who = typists(state, key, now);
  if (who.length > 1) return t("typing_many", { n: who.length });
  if (who.length === 1) return isGroup(key) ? t("typing_one", { name: personName(state, who[0]) }) : t("typing");
  if (isGroup(key)) {
    const members = (state.groups[idOf(key)]?.members ?? []).filter(({ role }) => role !== "invited");
    return members.map(({ id }) => (id === state.me?.id ? t("you") : personName(state, id))).join(", ");
  }
  const person = partnerOf(state, key);
  if (person?.online) return t("online");
  return person?.lastSeen ? t("last_seen", { ago: when().ago(person.lastSeen, now + state.clock.offset) }) : "";
}

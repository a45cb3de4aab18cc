// The list "Messages". Its scroller is `column-reverse` around a list in reading order: it stays at its end by itself,
// and what comes before moves nothing. Positions are counted from the end, negative upwards.

import { personName, rows } from "../core/select.js";
import { dayOf } from "../core/time.js";
import { messageMenu, react } from "./actions.js";
import { button, iconButton } from "./dialog.js";
import { el, fill, list, say, set, watcher } from "./el.js";
import { changeLine, messageView, openPicture } from "./message.js";
import { t } from "./words.js";

/** @import {Key, State, Store} from "../core/types.js" */
/** @import {Entry} from "./message.js" */

/** Pixels from the end within which it counts as the end. */
const END = 15;
/** Pixels from both ends at which more is loaded. */
const NEAR = 800;

/** @param {Store} store @param {Key} key @param {() => void} focusField */
export function timelineView(store, key, focusField) {
  const messages = el("ol", { class: "messages", role: "list", "aria-label": t("messages") });
  const start = el("p", { class: "hint center" });
  const end = el("div", { class: "messages-end" });
  const scroller = el(
    "div",
    { class: "scroller", role: "region", "aria-label": t("chat"), tabindex: "-1" },
    el("div", { class: "column" }, start, messages, end),
  );
  const count = el("span", { class: "badge" });
  const jump = iconButton(t("jump"), "down", () => store.dispatch({ type: "newest", key }), { hidden: true });
  jump.classList.add("jump");
  jump.append(count);
  const error = el("div", { class: "center", hidden: true });
  const node = el("div", { class: "timeline" }, scroller, error, jump);
  const isOther = watcher();
  /** @type {Map<string, Entry>} */
  let entries = new Map();
  let turn = 0;
  /** Whether there are newer messages than those that are shown. */
  let hasNewer = false;
  /** The message that the arrow keys have reached. */
  let current = "";

  const isAtEnd = () => scroller.scrollTop > -END;
  const look = () => {
    const timeline = store.state.timelines[key];
    if (!timeline || !node.isConnected) return;
    const above = scroller.scrollHeight - scroller.clientHeight + scroller.scrollTop;
    if (above < NEAR && timeline.older && !timeline.loading) store.dispatch({ type: "older", key });
    else if (scroller.scrollTop > -NEAR && timeline.newer && !timeline.loading) store.dispatch({ type: "newer", key });
    store.dispatch({ type: "bottom", key, at: isAtEnd() });
    set(jump, { hidden: isAtEnd() && !timeline.newer });
    const id = lastSeen();
    if (id > (store.state.seen[key] ?? 0)) store.dispatch({ type: "seen", key, id });
  };
  /** The highest message whose beginning is on screen. */
  const lastSeen = () => {
    const edge = scroller.getBoundingClientRect().bottom;
    const all = messages.children;
    let [low, high] = [0, all.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      const { top, height } = all[middle].getBoundingClientRect();
      if (top + Math.min(height, 32) <= edge + 1) low = middle + 1;
      else high = middle;
    }
    for (let i = low - 1; i >= 0; i--) {
      const id = entries.get(keyOfNode(all[i]))?.row.message.id;
      if (id) return id;
    }
    return 0;
  };

  let isDue = false;
  const lookSoon = () => {
    if (isDue) return;
    isDue = true;
    requestAnimationFrame(() => {
      isDue = false;
      look();
    });
  };
  scroller.addEventListener("scroll", lookSoon, { passive: true });
  new ResizeObserver(lookSoon).observe(scroller);

  /** @param {Element | null | undefined} item @param {HTMLElement} opener @param {{x: number, y: number} | null} [at] */
  const openMenu = (item, opener, at) => {
    const entry = item && entries.get(keyOfNode(item));
    if (entry) messageMenu(store, key, entry.row, opener, focusField, at);
  };
  scroller.addEventListener("click", (event) => {
    const target = /** @type {HTMLElement} */ (event.target);
    const item = target.closest("li");
    const entry = item && entries.get(keyOfNode(item));
    const act = /** @type {HTMLElement | null} */ (target.closest("[data-act]"));
    if (!entry || !act) return;
    const { message, outgoing } = entry.row;
    switch (act.dataset.act) {
      case "menu":
        return openMenu(item, act);
      case "quote":
        return store.dispatch({ type: "jump", key, id: message.reply_to ?? 0 });
      case "react":
        return react(store, key, message, act.dataset.emoji ?? "");
      case "retry":
        return outgoing ? store.dispatch({ type: "retry", ref: outgoing.ref }) : undefined;
      case "discard":
        return outgoing ? store.dispatch({ type: "discard", ref: outgoing.ref }) : undefined;
      case "picture":
        if (event.ctrlKey || event.metaKey || event.shiftKey) return undefined;
        event.preventDefault();
        return openPicture(
          store,
          /** @type {HTMLAnchorElement} */ (act),
          /** @type {any} */ ([...messages.querySelectorAll("[data-act=picture]")]),
        );
    }
  });
  scroller.addEventListener("contextmenu", (event) => {
    const target = /** @type {HTMLElement} */ (event.target);
    const bubble = target.closest(".bubble");
    // A link has the browser's own menu, and so has what was selected.
    if (!bubble || target.closest("a, img") || !getSelection()?.isCollapsed) return;
    event.preventDefault();
    const item = target.closest("li");
    const opener = /** @type {HTMLElement | null} */ (item?.querySelector("[data-act=menu]"));
    if (opener) openMenu(item, opener, event.clientX ? { x: event.clientX, y: event.clientY } : null);
  });
  messages.addEventListener("dblclick", (event) => {
    const target = /** @type {HTMLElement} */ (event.target);
    const entry = entries.get(keyOfNode(target.closest("li")));
    if (!entry?.row.can.reply || target.closest("button, a, .text")) return;
    store.dispatch({ type: "reply", key, id: entry.row.message.id });
    focusField();
  });
  messages.addEventListener("keydown", (event) => {
    const item = /** @type {HTMLElement} */ (event.target);
    if (!item.matches("li")) {
      if (event.key === "Escape") item.closest("li")?.focus();
      return;
    }
    const next = {
      ArrowUp: item.previousElementSibling,
      ArrowDown: item.nextElementSibling,
      Home: messages.firstElementChild,
      End: messages.lastElementChild,
    }[event.key];
    if (next) {
      event.preventDefault();
      /** @type {HTMLElement} */ (next).focus();
      next.scrollIntoView({ block: "nearest" });
    } else if (event.key === "Enter") {
      event.preventDefault();
      openMenu(item, /** @type {HTMLElement} */ (item.querySelector("[data-act=menu]")));
    } else if (event.key === "Escape") focusField();
  });
  // One of the messages can be reached by Tab, and what is in it.
  messages.addEventListener("focusin", (event) => {
    const item = /** @type {HTMLElement} */ (event.target).closest("li");
    if (item) mark(keyOfNode(item));
  });
  /** @type {Element | null} */
  let marked = null;
  const mark = (/** @type {string} */ next) => {
    current = entries.has(next) ? next : "";
    const isReached = (/** @type {Element} */ item) => keyOfNode(item) === current;
    const reached = (current && [...messages.children].find(isReached)) || messages.lastElementChild;
    if (marked !== reached) setTab(marked, -1);
    setTab(reached, 0);
    marked = reached;
  };

  /** Runs what changes the list; what is on screen stays where it is, unless that is the end. @param {() => void} change */
  const keepPlace = (change) => {
    const edge = scroller.getBoundingClientRect().top;
    const isEnd = isAtEnd() && !hasNewer;
    const anchor = isEnd ? null : [...messages.children].find((item) => item.getBoundingClientRect().bottom > edge);
    const before = anchor?.getBoundingClientRect().bottom ?? 0;
    change();
    if (!anchor?.isConnected) return;
    const moved = anchor.getBoundingClientRect().bottom - before;
    if (Math.abs(moved) > 0.5) scroller.scrollTop += moved;
  };

  /** @param {NonNullable<import("../core/types.js").Timeline["target"]>} target */
  const aim = ({ id, focus }) => {
    if (id === 0) {
      scroller.scrollTop = 0;
      return true;
    }
    const item = [...messages.children].find((one) => entries.get(keyOfNode(one))?.row.message.id === id);
    if (!item) return false;
    const line = item.querySelector(".unread-line");
    (line ?? item).scrollIntoView({ block: focus ? "center" : "start" });
    if (!focus) return true;
    mark(keyOfNode(item));
    /** @type {HTMLElement} */ (item).focus({ preventScroll: true });
    item.classList.remove("flash");
    requestAnimationFrame(() => item.classList.add("flash"));
    return true;
  };

  const show = (/** @type {State} */ state) => {
    const { groups, tail } = grouped(state, key);
    const isEmpty = groups.length === 0;
    keepPlace(() => {
      entries = reused(entries, groups);
      list(
        messages,
        [...entries.values()],
        ({ row }) => row.id,
        (entry) => messageView(store, key, entry),
      );
      fill(end, ...tail.map((row) => changeLine(state, row)));
      const timeline = state.timelines[key];
      say(start, timeline?.loading ? t("loading") : isEmpty && tail.length === 0 && timeline ? t("empty_chat") : "");
    });
    hasNewer = state.timelines[key]?.newer === true;
    mark(current);
  };
  return {
    node,
    /** @param {number} pages */
    scrollBy: (pages) => scroller.scrollBy({ top: pages * scroller.clientHeight * 0.9 }),
    /** @param {State} state */
    update(state) {
      const timeline = state.timelines[key];
      const conversation = state.conversations[key];
      const isNew = isOther(
        timeline?.messages,
        timeline?.unreadAfter,
        timeline?.older,
        timeline?.newer,
        timeline?.loading,
        conversation?.changes,
        conversation?.deliveredTo,
        conversation?.readBy,
        conversation?.role,
        state.outgoing,
        state.uploads,
        state.people,
        dayOf(Date.now()),
      );
      if (isNew) show(state);
      const below = timeline?.below || (conversation?.unread ?? 0);
      set(count, { hidden: below === 0 });
      say(count, below ? String(below) : "");
      const wrong = timeline?.error ?? null;
      if (error.hidden !== !wrong) {
        fill(
          error,
          wrong && el("p", { class: "alert", role: "alert" }, wrong),
          button(t("retry"), () => store.dispatch({ type: "older", key })),
        );
        error.hidden = !wrong;
      }
      const { target } = timeline ?? {};
      if (target && target.turn !== turn && aim(target)) turn = target.turn;
      if (isNew) lookSoon();
    },
  };
}

/** Whether Tab leads to a message and what is in it. @param {Element | null} item @param {0 | -1} index */
function setTab(item, index) {
  if (!item) return;
  const inside = item.querySelectorAll("[data-act]:not(a)");
  for (const node of [item, ...inside]) /** @type {HTMLElement} */ (node).tabIndex = index;
}

/** @param {Element | null | undefined} node */
const keyOfNode = (node) => /** @type {HTMLElement | null | undefined} */ (node)?.dataset.key ?? "";

/** Each message with the days and lines above it: the list has messages only. @param {State} state @param {Key} key */
function grouped(state, key) {
  /** @type {Entry[]} */
  const groups = [];
  /** @type {Entry["before"]} */
  let before = [];
  const day = dayOf(Date.now());
  for (const row of rows(state, key)) {
    if (row.kind === "message") {
      const names = before.map((one) => (one.kind === "change" ? namesIn(state, one.change) : one.id)).join();
      groups.push({ row, before, day, names });
      before = [];
    } else before.push(row);
  }
  return { groups, tail: before };
}

/** @param {State} state @param {import("../core/types.js").Change} change */
const namesIn = (state, { seq, by, member }) =>
  [seq, personName(state, by), member && personName(state, member)].join();

/** The entries by their keys; those in which nothing changed are the old objects. @param {Map<string, Entry>} old @param {Entry[]} groups */
function reused(old, groups) {
  return new Map(
    groups.map((entry) => {
      const before = old.get(entry.row.id);
      return [entry.row.id, before && isSame(before, entry) ? before : entry];
    }),
  );
}

/** @param {Entry} a @param {Entry} b */
const isSame = (a, b) =>
  a.day === b.day &&
  a.names === b.names &&
  a.before.length === b.before.length &&
  Object.entries(b.row).every(([name, value]) => isSameValue(/** @type {any} */ (a.row)[name], value));

/** Objects of the state are the same or differ; those made for this row are small. @param {any} a @param {any} b */
const isSameValue = (a, b) =>
  a === b ||
  (typeof b === "object" && b !== null && !("content" in b && "at" in b) && JSON.stringify(a) === JSON.stringify(b));

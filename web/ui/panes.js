// The two panes of somebody who is logged in, the state of the connection, and the live region.

import { isMuted, nameOf, personName } from "../core/select.js";
import { visible } from "../core/text.js";
import { conversationView } from "./conversation.js";
import { button, dialogs } from "./dialog.js";
import { el, fill, say, set, watcher } from "./el.js";
import { icon } from "./icons.js";
import { sideView } from "./side.js";
import { t } from "./words.js";

/** @import {State, Store} from "../core/types.js" */

/** @param {Store} store */
export function panesView(store) {
  const side = sideView(store);
  const pane = el("div", { class: "pane" });
  const connection = connectionView(store);
  const live = el("div", { class: "hidden-text", "aria-live": "polite", "aria-atomic": "true" });
  const node = el("div", { class: "app" }, connection.node, el("main", { class: "panes" }, side.node, pane), live);
  const isOther = watcher();
  /** @type {State["open"] | undefined} */
  let before;
  const isNews = watcher();
  /** @type {ReturnType<typeof conversationView> | null} */
  let conversation = null;
  let cameFromList = false;
  let isFocusDue = false;
  const goBack = () => {
    if (cameFromList) history.back();
    else location.replace("#/");
  };
  return {
    node,
    /** @param {State} state */
    update(state) {
      connection.update(state);
      side.update(state);
      if (isOther(state.open)) {
        set(node, { "data-open": state.open !== null });
        // The list was what was seen before: Back goes back to it.
        if (before !== undefined) cameFromList = before === null;
        before = state.open;
        conversation = state.open ? conversationView(store, state.open, goBack) : null;
        fill(pane, conversation?.node ?? emptyPane());
        if (state.open && !state.abilities.touch && dialogs.open.length === 0) isFocusDue = true;
      }
      conversation?.update(state);
      // A message that was aimed at may have the focus already.
      if (isFocusDue && !pane.contains(document.activeElement)) conversation?.focus();
      isFocusDue = false;
      if (isNews(state.announce) && state.announce) {
        const { key, from, content } = state.announce;
        const now = Date.now() + state.clock.offset;
        const isQuiet = state.conversations[key] && isMuted(state.conversations[key], now) && state.open !== key;
        const name = key[0] === "g" ? `${personName(state, from)}, ${nameOf(state, key)}` : nameOf(state, key);
        if (!isQuiet) live.textContent = t("new_message", { name, text: visible(content) });
      }
    },
  };
}

const emptyPane = () =>
  el(
    "div",
    { class: "nothing" },
    el("span", { class: "logo" }, icon("chat", 48)),
    el("p", { class: "big-name" }, t("app")),
    el("p", null, t("now_pick")),
  );

/** The state of the connection: always said, seen only when there is something to see. @param {Store} store */
function connectionView(store) {
  const status = el("span", { role: "status", "aria-label": t("connection") });
  const hint = el("span", { class: "hint" });
  const retry = button(t("retry"), () => store.dispatch({ type: "reconnect" }), "small");
  const update = el(
    "div",
    { class: "strip update" },
    t("new_version"),
    " ",
    button(t("reload"), () => store.dispatch({ type: "reload" }), "small"),
  );
  const strip = el("div", { class: "strip" }, status, hint, retry);
  return {
    node: el("header", { class: "strips" }, update, strip),
    /** @param {State} state */
    update({ connection, update: isOld }) {
      say(status, t(connection.status));
      say(hint, connection.status === "offline" ? t("away") : connection.catchingUp ? t("catching_up") : "");
      set(retry, { hidden: connection.status !== "offline" });
      set(strip, { "data-status": connection.status, "data-busy": connection.catchingUp });
      set(update, { hidden: !isOld });
    },
  };
}

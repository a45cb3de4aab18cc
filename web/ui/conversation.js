// An open conversation: its head, its messages, and what is written.

import { nameOf, partnerOf } from "../core/select.js";
import { idOf, isGroup } from "../core/state.js";
import { conversationMenu, showInfo } from "./actions.js";
import { composerView } from "./composer.js";
import { button, iconButton } from "./dialog.js";
import { el, fill, say, set, watcher } from "./el.js";
import { avatar, face, statusOf } from "./parts.js";
import { timelineView } from "./timeline.js";
import { pieces, t } from "./words.js";

/** @import {Key, State, Store} from "../core/types.js" */

/** @param {Store} store @param {Key} key @param {() => void} goBack */
export function conversationView(store, key, goBack) {
  const picture = avatar("", idOf(key), null);
  const name = el("bdi");
  const status = el("p", { class: "status" });
  const menu = iconButton(t("menu"), "more", () => conversationMenu(store, key, menu), { "aria-haspopup": "menu" });
  const head = el(
    "header",
    { class: "head" },
    iconButton(t("back"), "back", goBack),
    el(
      "button",
      { type: "button", class: "who", "aria-label": t("info"), onclick: () => showInfo(store, key) },
      picture,
    ),
    el("div", { class: "grow" }, el("h1", null, name), status),
    menu,
  );
  head.firstElementChild?.classList.add("only-narrow");
  const bar = el("div", { class: "bar" });
  const composer = composerView(store, key, (by) => timeline.scrollBy(by));
  const timeline = timelineView(store, key, () => composer.focus());
  const drop = el("div", { class: "drop", "aria-hidden": "true" }, t("drop_here"));
  const node = el("div", { class: "conversation" }, head, timeline.node, bar, composer.node, drop);
  dropFiles(store, key, node);
  const isOther = watcher();
  return {
    node,
    focus: () => composer.focus(),
    /** @param {State} state */
    update(state) {
      const title = nameOf(state, key);
      say(name, title);
      say(status, statusOf(state, key));
      face(picture, title, state.conversations[key]?.picture ?? partnerOf(state, key)?.picture);
      const conversation = state.conversations[key];
      const isBlocked = !isGroup(key) && state.blocked.includes(idOf(key));
      if (isOther(title, conversation?.request, conversation?.role, isBlocked)) {
        const { content, canWrite } = barOf(store, key, title, isBlocked);
        fill(bar, ...content);
        set(bar, { hidden: content.length === 0 });
        set(composer.node, { hidden: !canWrite });
      }
      timeline.update(state);
      composer.update(state);
    },
  };
}

/** What stands above the composer or in its place. @param {Store} store @param {Key} key @param {string} title @param {boolean} isBlocked */
function barOf(store, key, title, isBlocked) {
  const conversation = store.state.conversations[key];
  const id = idOf(key);
  const name = el("bdi", null, title);
  const accept = button(t("accept"), () => store.dispatch({ type: "accept", key }), "primary");
  const decline = button(t("decline"), () => store.dispatch({ type: "decline", key }));
  const block = button(t("block"), () => store.dispatch({ type: "block", id }), "danger");
  if (isBlocked) {
    const unblock = button(t("unblock"), () => store.dispatch({ type: "unblock", id }));
    return { content: [el("p", null, ...pieces("blocked", { name })), unblock], canWrite: false };
  }
  if (conversation?.role === "invited") {
    return { content: [el("p", null, ...pieces("invited_group", { name })), decline, accept], canWrite: false };
  }
  if (isGroup(key) && conversation?.role === null)
    return { content: [el("p", null, t("left_group"))], canWrite: false };
  if (conversation?.request) {
    return { content: [el("p", null, ...pieces("accept_hint", { name })), block, decline, accept], canWrite: true };
  }
  return { content: [], canWrite: true };
}

/** Files that are dropped on the conversation are attached. @param {Store} store @param {Key} key @param {HTMLElement} node */
function dropFiles(store, key, node) {
  const hasFiles = (/** @type {DragEvent} */ event) => event.dataTransfer?.types.includes("Files") === true;
  const over = (/** @type {boolean} */ isOver) => node.classList.toggle("dropping", isOver);
  node.addEventListener("dragenter", (event) => over(hasFiles(event)));
  node.addEventListener("dragleave", (event) => {
    if (!node.contains(/** @type {Node | null} */ (event.relatedTarget))) over(false);
  });
  node.addEventListener("drop", (event) => {
    over(false);
    event.preventDefault();
    const files = [...(event.dataTransfer?.files ?? [])];
    if (files.length) store.dispatch({ type: "attach", key, files });
  });
}

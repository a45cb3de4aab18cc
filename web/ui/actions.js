// What one may do with a conversation and with a message: their menus.

import { canDeleteForAll, isMuted, nameOf } from "../core/select.js";
import { idOf, isGroup } from "../core/state.js";
import { ask, button, field, form, later, openDialog } from "./dialog.js";
import { el } from "./el.js";
import { openMenu } from "./menu.js";
import { t } from "./words.js";

/** @import {Key, Row, Store} from "../core/types.js" */

const HOUR = 3_600_000;
/** A time that does not come: muted for ever. */
const EVER = 4102444800000;

/** @param {Store} store @param {Key} key @param {HTMLElement} opener @param {{x: number, y: number} | null} [at] */
export function conversationMenu(store, key, opener, at = null) {
  const conversation = store.state.conversations[key];
  if (!conversation) return;
  const { pinned, archived, marked, unread, role } = conversation;
  const muted = isMuted(conversation, Date.now() + store.state.clock.offset);
  const set = (/** @type {object} */ changes) => store.dispatch({ type: "set", key, ...changes });
  openMenu(
    opener,
    [
      { label: t("info"), run: () => showInfo(store, key) },
      { label: t(pinned ? "unpin" : "pin"), run: () => set({ pinned: !pinned }) },
      muted
        ? { label: t("unmute"), run: () => set({ muted_until: 0 }) }
        : { label: t("mute"), run: () => askMute(store, key) },
      { label: t(archived ? "unarchive" : "archive"), run: () => set({ archived: !archived }) },
      marked && { label: t("mark_read"), run: () => set({ unread: false }) },
      !marked && !unread && { label: t("mark_unread"), run: () => set({ unread: true }) },
      { label: t("clear"), danger: true, run: () => askClear(store, key) },
      isGroup(key)
        ? role && role !== "invited" && { label: t("leave"), danger: true, run: () => askThen(store, key, "leave") }
        : blockItem(store, key),
    ],
    t("menu"),
    at,
  );
}

/** @param {Store} store @param {Key} key */
export const showInfo = (store, key) => later(store, import("./info.js"), (part) => part.openInfo(store, key));

/** @param {Store} store @param {Key} key @param {"block" | "leave"} what */
const askThen = (store, key, what) =>
  later(store, import("./info.js"), (part) => (what === "block" ? part.askBlock : part.askLeave)(store, key));

/** @param {Store} store @param {Key} key */
function blockItem(store, key) {
  const id = idOf(key);
  if (id === store.state.me?.id) return null;
  if (store.state.blocked.includes(id))
    return { label: t("unblock"), run: () => store.dispatch({ type: "unblock", id }) };
  return { label: t("block"), danger: true, run: () => askThen(store, key, "block") };
}

/** @param {Store} store @param {Key} key */
function askMute(store, key) {
  const now = Date.now() + store.state.clock.offset;
  const until = (/** @type {number} */ muted_until) => () => store.dispatch({ type: "set", key, muted_until });
  ask(store, t("mute"), el("bdi", null, nameOf(store.state, key)), [
    { label: t("mute_8h"), run: until(now + 8 * HOUR) },
    { label: t("mute_week"), run: until(now + 7 * 24 * HOUR) },
    { label: t("mute_ever"), run: until(EVER) },
  ]);
}

/** @param {Store} store @param {Key} key */
const askClear = (store, key) =>
  ask(store, t("clear"), t("clear_sure"), [
    { label: t("clear"), danger: true, run: () => store.dispatch({ type: "clear", key }) },
  ]);

/**
 * @param {Store} store @param {Key} key @param {Extract<Row, {kind: "message"}>} row @param {HTMLElement} opener
 * @param {() => void} focusField @param {{x: number, y: number} | null} [at]
 */
export function messageMenu(store, key, row, opener, focusField, at = null) {
  const { message, can, outgoing } = row;
  const { id } = message;
  const to = (/** @type {any} */ intent) => () => {
    store.dispatch(intent);
    focusField();
  };
  const forAll = canDeleteForAll(store.state, message);
  openMenu(
    opener,
    [
      can.reply && { label: t("reply"), icon: "reply", run: to({ type: "reply", key, id }) },
      can.react && { label: t("react"), icon: "smile", run: () => pickReaction(store, key, row, opener) },
      can.copy && { label: t("copy"), icon: "copy", run: () => copy(message.content) },
      can.edit && { label: t("edit"), icon: "edit", run: to({ type: "edit", key, id }) },
      can.forward && {
        label: t("forward"),
        icon: "forward",
        run: () => later(store, import("./people.js"), (part) => part.openForward(store, key, id)),
      },
      row.mine &&
        isGroup(key) &&
        id > 0 && {
          label: t("info"),
          icon: "checks",
          run: () => later(store, import("./info.js"), (part) => part.openReceipts(store, key, id)),
        },
      outgoing?.error && {
        label: t("retry"),
        icon: "retry",
        run: () => store.dispatch({ type: "retry", ref: outgoing.ref }),
      },
      outgoing && {
        label: t("discard"),
        icon: "trash",
        danger: true,
        run: () => store.dispatch({ type: "discard", ref: outgoing.ref }),
      },
      id > 0 && !row.mine && !message.deleted && { label: t("report"), icon: "alert", run: () => askReport(store, id) },
      id > 0 && { label: t("hide"), icon: "close", run: () => store.dispatch({ type: "delete", key, id, for: "me" }) },
      forAll && {
        label: t("delete"),
        icon: "trash",
        danger: true,
        run: () => store.dispatch({ type: "delete", key, id, for: "everybody" }),
      },
    ],
    t("actions"),
    at,
  );
}

/** The same emoji again takes the reaction back. @param {Store} store @param {Key} key @param {Extract<Row, {kind: "message"}>} row @param {HTMLElement} opener */
export function pickReaction(store, key, { message }, opener) {
  later(store, import("./emoji.js"), (part) =>
    part.openEmoji(opener, (emoji) => react(store, key, message, emoji), { isOnce: true }),
  );
}

/** @param {Store} store @param {Key} key @param {import("../core/types.js").Message} message @param {string} emoji */
export function react(store, key, message, emoji) {
  const old = message.reactions?.find(({ by }) => by === store.state.me?.id)?.emoji;
  const plain = (/** @type {string | undefined} */ one) => one?.replaceAll("\ufe0f", "");
  store.dispatch({ type: "react", key, id: message.id, emoji: plain(old) === plain(emoji) ? null : emoji });
}

/** Pages on plain http have no clipboard; there the old way works. @param {string} text */
function copy(text) {
  const old = () => {
    const from = document.activeElement;
    const area = el("textarea", { class: "hidden-text", value: text, "aria-hidden": "true" });
    document.body.append(area);
    area.select();
    document.execCommand("copy");
    area.remove();
    if (from instanceof HTMLElement) from.focus();
  };
  if (navigator.clipboard) navigator.clipboard.writeText(text).catch(old);
  else old();
}

/** @param {Store} store @param {number} id */
function askReport(store, id) {
  const reason = field(t("message"), { maxlength: 1000 });
  const send = () => {
    store.dispatch({ type: "report", id, text: reason.input.value.trim() });
    dialog.close();
  };
  const submit = button(t("report"), undefined, "danger", { type: "submit" });
  const dialog = openDialog(
    store,
    { title: t("report"), style: "question" },
    form(send, el("p", null, t("report_hint")), reason.node, el("div", { class: "row end" }, submit)),
  );
}

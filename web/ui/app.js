// The page as a whole: the login pages or the two panes, notices, the state of the connection, the live region.

import { isMuted, nameOf, personName, title, unreadTotal } from "../core/select.js";
import { visible } from "../core/text.js";
import { conversationView } from "./conversation.js";
import { button, dialogs, iconButton } from "./dialog.js";
import { el, fill, list, say, set, watcher } from "./el.js";
import { icon } from "./icons.js";
import { loginView } from "./login.js";
import { sideView } from "./side.js";
import { pickLanguage, setLanguage, size, t } from "./words.js";

/** @import {Notice, State, Store} from "../core/types.js" */

/** Milliseconds between two looks at the clock: days begin, "5 minutes ago" grows. */
const TICK = 20_000;

/**
 * Shows the state in `root`, and keeps it up to date.
 * @param {Store} store @param {HTMLElement} root
 */
export function mount(store, root) {
  const isOtherPage = watcher();
  /** @type {{node: HTMLElement, update: (state: State) => void}} */
  let view;
  const render = (/** @type {State} */ state) => {
    const language = pickLanguage(state.settings.language);
    document.title = title(state, t("app"));
    dress(state, language);
    badge(state);
    if (isOtherPage(state.phase, language)) {
      setLanguage(language);
      dialogs.closeAll();
      view = pageOf(store, state);
      fill(root, view.node);
    }
    view.update(state);
  };
  store.subscribe(render);
  setInterval(() => render(store.state), TICK);
  // A file that misses its target must not replace the page.
  for (const type of ["dragover", "drop"]) document.addEventListener(type, (event) => event.preventDefault());
}

/** Theme, size and language of the page. @param {State} state @param {string} language */
function dress({ settings }, language) {
  const { documentElement: html } = document;
  set(html, { lang: language, "data-theme": settings.theme });
  if (!html.dir) html.dir = "ltr";
  const percent = `${settings.textSize}%`;
  if (html.style.fontSize !== percent) html.style.setProperty("font-size", percent);
}

/** The number at the icon of an installed page. @param {State} state */
function badge(state) {
  const set = /** @type {any} */ (navigator).setAppBadge;
  if (set) set.call(navigator, state.phase === "in" ? unreadTotal(state) : 0).catch(() => {});
}

/** @param {Store} store @param {State} state */
function pageOf(store, state) {
  if (state.phase === "starting") {
    return { node: el("main", { class: "starting", "aria-busy": "true" }, t("loading")), update: () => {} };
  }
  const notices = noticesView(store);
  if (state.phase === "out") {
    const login = loginView(store);
    return {
      node: el("div", { class: "page" }, login.node, notices.node),
      update(/** @type {State} */ state) {
        login.update(state);
        notices.update(state);
      },
    };
  }
  return panesView(store, notices);
}

/** @param {Store} store @param {{node: HTMLElement, update: (state: State) => void}} notices */
function panesView(store, notices) {
  const side = sideView(store);
  const pane = el("main", { class: "pane" });
  const connection = connectionView(store);
  const live = el("div", { class: "hidden-text", "aria-live": "polite", "aria-atomic": "true" });
  const node = el(
    "div",
    { class: "app" },
    connection.node,
    el("div", { class: "panes" }, side.node, pane),
    notices.node,
    live,
  );
  const isOther = watcher();
  const isNews = watcher();
  /** @type {{node: HTMLElement, update: (state: State) => void} | null} */
  let conversation = null;
  return {
    node,
    /** @param {State} state */
    update(state) {
      connection.update(state);
      side.update(state);
      if (isOther(state.open)) {
        set(node, { "data-open": state.open !== null });
        conversation = state.open ? conversationView(store, state.open) : null;
        fill(pane, conversation?.node ?? emptyPane());
      }
      conversation?.update(state);
      notices.update(state);
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
    el("h1", null, t("app")),
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

/** @param {Store} store */
function noticesView(store) {
  const node = el("div", { class: "notices" });
  // Where a modal dialog is open, only what is in it can be read and used.
  dialogs.changed = () => {
    const top = dialogs.open.at(-1) ?? place;
    if (top && node.parentNode !== top) top.append(node);
  };
  /** @type {ParentNode | null} */
  let place = null;
  return {
    node,
    /** @param {State} state */
    update({ notices }) {
      if (!place) place = node.parentNode;
      list(
        node,
        notices,
        ({ id }) => String(id),
        (notice) => ({ node: noticeView(store, notice), update: () => {} }),
      );
    },
  };
}

/** @param {Store} store @param {Notice} notice */
function noticeView(store, notice) {
  const close = () => store.dispatch({ type: "notice.close", id: notice.id });
  const { level, kind } = notice;
  return el(
    "div",
    { class: `notice ${level}`, role: level === "error" ? "alert" : "status" },
    el("p", null, sentence(notice)),
    kind === "other_version" && button(t("reload"), () => store.dispatch({ type: "reload" }), "small"),
    iconButton(t("close"), "close", close),
  );
}

/** @param {Notice} notice */
function sentence({ kind, text, minutes, bytes }) {
  if (kind === "server") return text;
  return t(kind, { text: visible(text), n: minutes ?? 0, size: size(bytes ?? 0) });
}

// The page as a whole: the login pages or the two panes, and notices.

import { title, unreadTotal } from "../core/select.js";
import { visible } from "../core/text.js";
import { button, dialogs, iconButton } from "./dialog.js";
import { el, fill, list, set, watcher } from "./el.js";
import { loginView } from "./login.js";
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
  const notices = noticesView(store);
  const place = el("div", { class: "page" }, starting());
  fill(root, place, notices.node);
  let wanted = "";
  /** @type {Page | null} */
  let page = null;
  const render = (/** @type {State} */ state) => {
    const { phase } = state;
    const language = pickLanguage(state.settings.language);
    document.title = title(state, t("app"));
    dress(state, language);
    badge(state);
    if (isOtherPage(phase, language)) {
      setLanguage(language);
      dialogs.closeAll();
      page = null;
      wanted = `${phase} ${language}`;
      const mine = wanted;
      const show = (/** @type {Page} */ loaded) => {
        if (wanted !== mine) return;
        page = loaded;
        fill(place, page.node);
        page.update(store.state);
      };
      if (phase === "starting") fill(place, starting());
      else pageOf(store, phase).then(show, () => fill(place, unreachable(store)));
    }
    page?.update(state);
    notices.update(state);
  };
  store.subscribe(render);
  setInterval(() => render(store.state), TICK);
  // A file that misses its target must not replace the page.
  for (const type of ["dragover", "drop"]) document.addEventListener(type, (event) => event.preventDefault());
}

const starting = () => el("main", { class: "starting", "aria-busy": "true" }, t("loading"));

/** @param {Store} store */
const unreachable = (store) =>
  el(
    "main",
    { class: "starting" },
    el("p", null, t("part_missing_hint")),
    button(t("reload"), () => store.dispatch({ type: "reload" })),
  );

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

/** @typedef {{node: HTMLElement, update: (state: State) => void}} Page */

/** The page of a phase. What is seen after a login is loaded for it. @param {Store} store @param {State["phase"]} phase @returns {Promise<Page>} */
const pageOf = async (store, phase) =>
  phase === "in" ? (await import("./panes.js")).panesView(store) : loginView(store);

/** @param {Store} store */
function noticesView(store) {
  const node = el("div", { class: "notices" });
  /** @type {ParentNode | null} */
  let place = null;
  // Where a modal dialog is open, only what is in it can be read and used.
  dialogs.changed = () => {
    place ??= node.parentNode;
    const top = dialogs.open.at(-1) ?? place;
    if (top && node.parentNode !== top) top.append(node);
  };
  return {
    node,
    /** @param {State} state */
    update({ notices }) {
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

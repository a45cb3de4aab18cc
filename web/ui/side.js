// The pane at the side: search, the list of conversations, what is new, settings.

import { items } from "../core/select.js";
import { nameOf, personName } from "../core/select.js";
import { hashOf, idOf } from "../core/state.js";
import { cut, visible } from "../core/text.js";
import { dayOf } from "../core/time.js";
import { conversationMenu } from "./actions.js";
import { button, iconButton, later } from "./dialog.js";
import { el, fill, list, newId, say, set, watcher } from "./el.js";
import { icon } from "./icons.js";
import { stepped } from "./menu.js";
import { avatar, face, tickIcon } from "./parts.js";
import { t, when } from "./words.js";

/** @import {ListItem, SearchHit, State, Store} from "../core/types.js" */

/** Pixels from the end of the list at which more is loaded. */
const NEAR = 300;

/** @param {Store} store */
export function sideView(store) {
  const search = el("input", {
    type: "search",
    "aria-label": t("search"),
    placeholder: t("search"),
    autocomplete: "off",
    dir: "auto",
  });
  const chats = el("ul", { class: "chats", role: "list", "aria-label": t("conversations") });
  const archive = el("ul", { class: "chats", role: "list", "aria-label": t("archived"), hidden: true });
  const archiveText = el("span");
  const archiveToggle = el(
    "button",
    { type: "button", class: "archive", "aria-expanded": "false" },
    icon("down", 20),
    archiveText,
  );
  const empty = el("p", { class: "empty" });
  const heading = el("h2", null, t("chats"));
  const results = resultsView(store);
  const scroller = el("div", { class: "scroll" }, chats, empty, archiveToggle, archive, results.node);
  const node = el(
    "nav",
    { class: "side", "aria-label": t("chats") },
    el(
      "header",
      null,
      heading,
      iconButton(t("new_chat"), "chat", () => later(store, import("./people.js"), (part) => part.openNewChat(store))),
      iconButton(t("new_group"), "group", () =>
        later(store, import("./people.js"), (part) => part.openNewGroup(store)),
      ),
      iconButton(t("settings"), "settings", () =>
        later(store, import("./settings.js"), (part) => part.openSettings(store)),
      ),
    ),
    el("div", { class: "search" }, icon("search", 20), search),
    scroller,
  );
  const isOther = watcher();
  const words = () => search.value.trim().toLocaleLowerCase();
  const make = (/** @type {ListItem} */ item) => itemView(store, item);

  const show = (/** @type {State} */ state) => {
    const all = items(state);
    const today = dayOf(Date.now());
    if (!isOther(all, words(), state.listed, today, state.me, archive.hidden)) return;
    const text = words();
    const found = text ? all.filter(({ name }) => name.toLocaleLowerCase().includes(text)) : all;
    const requests = found.filter((item) => isRequest(item) && !item.archived);
    const others = found.filter((item) => !isRequest(item) && !item.archived);
    const archived = found.filter((item) => item.archived);
    list(chats, [...requests, ...others], ({ key }) => key, make);
    label(chats, requests.length, others.length);
    list(archive, text || !archive.hidden ? archived : [], ({ key }) => key, make);
    archive.hidden = !text && archive.hidden;
    set(archiveToggle, { hidden: archived.length === 0 || text !== "" });
    say(archiveText, `${t("archived")} (${archived.length})`);
    say(
      empty,
      text
        ? found.length || state.search.busy || state.search.hits?.length
          ? ""
          : t("found_nothing")
        : all.length
          ? ""
          : state.listed
            ? t("empty_list")
            : t("loading"),
    );
  };

  archiveToggle.addEventListener("click", () => {
    archive.hidden = !archive.hidden;
    set(archiveToggle, { "aria-expanded": String(!archive.hidden) });
    show(store.state);
  });
  search.addEventListener("input", () => {
    store.dispatch({ type: "search", text: search.value });
    show(store.state);
  });
  node.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && event.target === search && search.value) {
      event.preventDefault();
      search.value = "";
      search.dispatchEvent(new Event("input"));
    } else walk(node, event);
  });
  scroller.addEventListener("scroll", () => {
    const { scrollTop, scrollHeight, clientHeight } = scroller;
    if (scrollHeight - clientHeight - scrollTop > NEAR) return;
    if (words()) store.dispatch({ type: "search.more" });
    else if (store.state.moreConversations) store.dispatch({ type: "conversations.more" });
  });
  return {
    node,
    /** @param {State} state */
    update(state) {
      // Where no conversation is open this is the page's heading.
      set(heading, { "aria-level": state.open ? null : "1" });
      show(state);
      results.update(state, words() !== "");
    },
  };
}

const isRequest = (/** @type {ListItem} */ { request, invited }) => request || invited;

/** Says above the first of each part which one it is. */
function label(/** @type {Element} */ chats, /** @type {number} */ requests, /** @type {number} */ others) {
  [...chats.children].forEach((node, i) => {
    const text = requests && i === 0 ? t("requests") : requests && others && i === requests ? t("chats") : "";
    set(/** @type {HTMLElement} */ (node), { "data-part": text || null });
  });
}

/** Arrow keys go through the links of the list, from the search box too. @param {HTMLElement} node @param {KeyboardEvent} event */
function walk(node, event) {
  if (event.key !== "ArrowDown" && event.key !== "ArrowUp") return;
  const links = /** @type {HTMLElement[]} */ ([...node.querySelectorAll(".scroll a")]);
  const at = links.indexOf(/** @type {HTMLElement} */ (document.activeElement));
  const isSearch = document.activeElement?.matches("input");
  if ((at < 0 && !isSearch) || links.length === 0) return;
  event.preventDefault();
  links[stepped(event.key, at, links.length) ?? 0].focus();
}

/** @param {Store} store @param {ListItem} first */
function itemView(store, first) {
  let item = first;
  const moreId = newId("m");
  const picture = avatar(item.name, idOf(item.key), item.picture);
  const dot = el("span", { class: "dot", hidden: true });
  const name = el("bdi");
  const time = el("time");
  const line = el("span", { class: "line" });
  const marks = el("span", { class: "marks" });
  // The link is named by the conversation; its area is the whole item.
  const link = el("a", { href: item.href, "aria-describedby": moreId }, name);
  const node = el(
    "li",
    null,
    el("span", { class: "face" }, picture, dot),
    el("span", { class: "name" }, link),
    time,
    el("span", { class: "more", id: moreId }, line, marks),
  );
  node.addEventListener("contextmenu", (event) => {
    event.preventDefault();
    const at = event.clientX || event.clientY ? { x: event.clientX, y: event.clientY } : null;
    conversationMenu(store, item.key, link, at);
  });
  return {
    node,
    /** @param {ListItem} next */
    update(next) {
      item = next;
      say(name, next.name);
      face(picture, next.name, next.picture);
      set(dot, { hidden: !next.online });
      set(link, { "aria-current": next.current ? "page" : null });
      set(node, { class: next.unread || next.marked ? "chat new" : "chat" });
      say(time, next.at ? when().brief(next.at, Date.now() + store.state.clock.offset) : "");
      fill(line, ...lineOf(next));
      fill(marks, ...marksOf(next));
    },
  };
}

/** @param {ListItem} item */
function lineOf(item) {
  if (item.typing) return [el("em", { class: "typing" }, t("typing"))];
  if (item.draft) return [el("em", { class: "draft" }, t("draft")), " ", el("bdi", null, item.draft)];
  if (item.invited) return [t("invited")];
  if (item.deleted) return [el("em", null, t("deleted"))];
  const files = item.files.length ? item.files.map(kindOf).join(", ") : "";
  const text = item.line || files;
  return [
    tickIcon(item.tick),
    item.by && el("bdi", null, `${item.by}: `),
    item.files.length > 0 && icon("file", 16),
    el("bdi", null, text),
  ];
}

/** @param {{type: string, name: string}} file */
const kindOf = ({ type, name }) => (type.startsWith("image/") ? t("photo") : visible(name));

/** @param {ListItem} item */
const marksOf = (item) => [
  item.muted && mark("mute", t("muted")),
  item.pinned && mark("pin", t("pinned")),
  item.unread > 0
    ? el(
        "span",
        { class: "badge" },
        item.unread >= 500 ? "500+" : String(item.unread),
        el("span", { class: "hidden-text" }, ` ${t("unread_mark")}`),
      )
    : item.marked && el("span", { class: "badge" }, el("span", { class: "hidden-text" }, t("unread_mark"))),
];

const mark = (/** @type {string} */ of, /** @type {string} */ text) =>
  el("span", { class: "mark", title: text }, icon(of, 16), el("span", { class: "hidden-text" }, text));

/** @param {Store} store */
function resultsView(store) {
  const results = el("ul", { class: "chats results", role: "list", "aria-label": t("search_results") });
  const title = el("h3", null, t("messages"));
  const more = button(t("more"), () => store.dispatch({ type: "search.more" }));
  const status = el("p", { class: "empty" });
  const node = el("section", { hidden: true }, title, results, status, more);
  const isOther = watcher();
  return {
    node,
    /** @param {State} state @param {boolean} isOn */
    update(state, isOn) {
      if (!isOther(state.search, isOn, dayOf(Date.now()), state.people)) return;
      const { hits, busy, error } = state.search;
      node.hidden = !isOn || (!hits?.length && !busy && !error);
      list(
        results,
        (isOn && hits) || [],
        ({ id }) => String(id),
        (hit) => hitView(state, hit),
      );
      say(status, error ?? (busy && !hits?.length ? t("loading") : ""));
      set(more, { hidden: !state.search.more });
    },
  };
}

/** @param {State} state @param {SearchHit} first */
function hitView(state, first) {
  const name = el("bdi");
  const time = el("time");
  const line = el("span", { class: "more line" });
  const link = el("a", { href: hashOf(first.key, first.id) }, el("span", { class: "name" }, name), time, line);
  const update = (/** @type {SearchHit} */ hit) => {
    say(name, nameOf(state, hit.key));
    say(time, when().brief(hit.at, Date.now() + state.clock.offset));
    const who = hit.from === state.me?.id ? t("you") : personName(state, hit.from);
    const files = (hit.files ?? []).map(kindOf).join(", ");
    fill(line, el("bdi", null, `${who}: `), el("bdi", null, excerpt(hit.content || files, state.search.text)));
  };
  return { node: el("li", null, link), update };
}

/** What stands around the first word that was looked for. @param {string} text @param {string} words */
function excerpt(text, words) {
  const at = text.toLocaleLowerCase().indexOf(words.toLocaleLowerCase().split(/\s+/)[0]);
  const from = at > 40 ? text.indexOf(" ", at - 30) + 1 : 0;
  return visible(cut((from ? "…" : "") + text.slice(from, from + 400).replace(/\s+/g, " "), 120));
}

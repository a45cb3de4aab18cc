// What a person writes: text, files, an answer, a change of what was said.

import { draftOf, nameOf, quoteOf } from "../core/select.js";
import { isGroup } from "../core/state.js";
import { byteLength, visible } from "../core/text.js";
import { iconButton, later } from "./dialog.js";
import { el, fill, list, say, set, watcher } from "./el.js";
import { icon } from "./icons.js";
import { mentionView } from "./mention.js";
import { percent, size, t } from "./words.js";

/** @import {Key, State, Store, Upload} from "../core/types.js" */

/** Milliseconds after a composition in which Enter still belongs to it. */
const AFTER_COMPOSITION = 30;
/** Bytes below the bound from which on it says how many are left. */
const NEAR_MAX = 1024;

/** @param {Store} store @param {Key} key @param {(pages: number) => void} scrollBy */
export function composerView(store, key, scrollBy) {
  const area = el("textarea", {
    "aria-label": t("message"),
    placeholder: t("message"),
    rows: "1",
    dir: "auto",
    enterkeyhint: "send",
  });
  const chooser = el("input", { type: "file", multiple: true, hidden: true, "aria-hidden": "true", tabindex: "-1" });
  const attach = iconButton(t("attach"), "attach", () => chooser.click());
  const smile = iconButton(
    t("emoji"),
    "smile",
    () => later(store, import("./emoji.js"), (part) => part.openEmoji(smile, insert, { next: area })),
    { "aria-haspopup": "dialog" },
  );
  const send = iconButton(t("send"), "send", () => submit());
  send.classList.add("send");
  const about = el("div", { class: "about", hidden: true });
  const uploads = el("ul", { class: "uploads", role: "list" });
  const counter = el("p", { class: "counter", role: "status", hidden: true });
  const mention = isGroup(key) && mentionView(store, key, area, (...all) => insert(...all));
  const node = el(
    "div",
    { class: "composer" },
    mention && mention.node,
    about,
    uploads,
    counter,
    el("div", { class: "line" }, smile, attach, chooser, area, send),
  );
  let composedAt = -Infinity;
  let turn = -1;
  const isOther = watcher();

  const submit = () => {
    if (send.getAttribute("aria-disabled") === "true") return;
    store.dispatch({ type: "send", key, text: area.value });
    area.focus();
  };
  /** @param {string} text @param {number} [from] @param {number} [to] */
  const insert = (text, from = area.selectionStart, to = area.selectionEnd) => {
    area.setRangeText(text, from, to, "end");
    changed();
  };
  const changed = () => {
    fit(area);
    count();
    store.dispatch({ type: "draft", key, text: area.value });
  };
  const count = () => {
    const { contentMax } = store.state.limits;
    const { uploads } = draftOf(store.state, key);
    // Most texts are far from the bound: no need to count exactly.
    const left =
      area.value.length * 3 < contentMax - NEAR_MAX ? contentMax : contentMax - byteLength(area.value.trim());
    say(counter, left < 0 ? t("bytes_over", { n: -left }) : left < NEAR_MAX ? t("bytes_left", { n: left }) : "");
    set(counter, { hidden: left >= NEAR_MAX, class: left < 0 ? "counter over" : "counter" });
    set(area, { "aria-invalid": left < 0 ? "true" : null });
    const isEmpty = area.value.trim() === "" && uploads.length === 0;
    set(send, { "aria-disabled": isEmpty || left < 0 ? "true" : null });
  };

  area.addEventListener("input", changed);
  area.addEventListener("compositionend", (event) => (composedAt = event.timeStamp));
  area.addEventListener("keydown", (event) => {
    if (event.isComposing || event.keyCode === 229) return;
    const isEmpty = area.value === "";
    const isOwn = event.timeStamp - composedAt >= AFTER_COMPOSITION;
    if (mention && isOwn && mention.handleKey(event)) return;
    if (event.key === "Enter") {
      const isPlain = !event.shiftKey && !event.altKey;
      const sends = event.ctrlKey || event.metaKey || (store.state.settings.enterSends ? isPlain : event.shiftKey);
      if (!sends) return;
      event.preventDefault();
      if (isOwn && !event.repeat) submit();
    } else if (event.key === "ArrowUp" && isEmpty) {
      event.preventDefault();
      store.dispatch({ type: "edit.last", key });
    } else if (event.key === "Escape") {
      const { editing, reply } = draftOf(store.state, key);
      if (editing === null && reply === null) return;
      event.preventDefault();
      leave();
    } else if ((event.key === "PageUp" || event.key === "PageDown") && isEmpty) {
      event.preventDefault();
      scrollBy(event.key === "PageUp" ? -1 : 1);
    }
  });
  area.addEventListener("paste", (event) => {
    const files = [...(event.clipboardData?.files ?? [])];
    // Text that comes along is put in by the browser, as plain text.
    if (files.length) store.dispatch({ type: "attach", key, files });
  });
  chooser.addEventListener("change", () => {
    const files = [...(chooser.files ?? [])];
    chooser.value = "";
    if (files.length) store.dispatch({ type: "attach", key, files });
    area.focus();
  });
  const leave = () => {
    const { editing } = draftOf(store.state, key);
    store.dispatch(editing === null ? { type: "reply", key, id: null } : { type: "edit", key, id: null });
    area.focus();
  };

  return {
    node,
    focus: () => area.focus(),
    /** @param {State} state */
    update(state) {
      const draft = draftOf(state, key);
      if (draft.turn !== turn) {
        turn = draft.turn;
        if (area.value !== draft.text) {
          area.value = draft.text;
          fit(area);
          if (mention) mention.reset();
        }
      }
      const now = draft.uploads.map((id) => state.uploads[id]).filter(Boolean);
      if (isOther(draft.reply, draft.editing, state.timelines[key]?.messages, draft.uploads.length, state.limits)) {
        fill(about, ...aboutOf(state, key, leave));
        about.hidden = draft.reply === null && draft.editing === null;
      }
      list(
        uploads,
        now,
        ({ id }) => id,
        (upload) => uploadView(store, upload),
      );
      count();
    },
  };
}

/** Browsers that cannot size a field by its content are told its height. @param {HTMLTextAreaElement} area */
function fit(area) {
  if (CSS.supports("field-sizing", "content")) return;
  area.style.setProperty("height", "auto");
  area.style.setProperty("height", `${area.scrollHeight}px`);
}

/** What is answered or changed. @param {State} state @param {Key} key @param {() => void} leave */
function aboutOf(state, key, leave) {
  const { reply, editing } = draftOf(state, key);
  const id = editing ?? reply;
  if (id === null) return [];
  const quote = quoteOf(state, key, id);
  const title = editing !== null ? t("editing") : t("replies_to", { name: quote?.name ?? nameOf(state, key) });
  return [
    icon(editing !== null ? "edit" : "reply", 20),
    el(
      "div",
      { class: "grow" },
      el("strong", null, el("bdi", null, title)),
      el("p", null, el("bdi", null, quote?.content ?? "")),
    ),
    iconButton(t("cancel"), "close", leave),
  ];
}

/**
 * A file that is to be sent: in the composer, and in a message that waits.
 * @param {Store} store @param {Upload} first
 */
export function uploadView(store, first) {
  const { id, name } = first;
  const sign = el("span", { class: "sign" });
  const isOther = watcher();
  const state = el("span", { class: "hint" });
  const bar = el("progress", { max: "1", "aria-label": visible(name) });
  const retry = iconButton(t("retry"), "retry", () => store.dispatch({ type: "upload.retry", id }));
  const cancel = iconButton(t("remove_name", { name: visible(name) }), "close", () =>
    store.dispatch({ type: "upload.cancel", id }),
  );
  const node = el(
    "li",
    { class: "upload" },
    sign,
    el("div", { class: "grow" }, el("bdi", { class: "cut" }, visible(name)), state, bar),
    retry,
    cancel,
  );
  return {
    node,
    /** @param {Upload} upload */
    update({ status, sent, size: whole, error, preview }) {
      // A picture is there once it is made ready.
      if (isOther(preview)) fill(sign, preview ? el("img", { src: preview, alt: "" }) : icon("file"));
      const share = whole ? Math.min(1, sent / whole) : 0;
      set(bar, { value: share, hidden: status !== "sending" });
      say(state, error ?? (status === "sending" ? percent(share) : size(whole)));
      set(state, { class: status === "failed" ? "hint bad" : "hint" });
      set(retry, { hidden: status !== "failed" });
    },
  };
}

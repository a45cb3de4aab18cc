// A message in the list, the lines above it, and its pictures in full size.

import { mentions } from "../core/mention.js";
import { personName } from "../core/select.js";
import { idOf, isGroup } from "../core/state.js";
import { pieces as linked, visible } from "../core/text.js";
import { uploadView } from "./composer.js";
import { button, iconButton, openDialog } from "./dialog.js";
import { el, fill, list, say, set, watcher } from "./el.js";
import { icon } from "./icons.js";
import { tickIcon } from "./parts.js";
import { firstOf, hour, pieces, size, t, when } from "./words.js";

/** @import {FileInfo, Key, Row, State, Store} from "../core/types.js" */
/** @typedef {Extract<Row, {kind: "message"}>} MessageRow */
/** @typedef {{row: MessageRow, before: Exclude<Row, MessageRow>[], day: number, names: string}} Entry
 *   A message, and what stands above it. */

/** CSS pixels of the longer side of a picture in the list. */
const PICTURE = 320;
/** Kinds that the server shows inside a page. */
const PICTURES = /^image\/(png|jpeg|gif|webp)$/;
/** Those of them that may move. */
const MOVING = /^image\/(gif|webp)$/;
const SOUNDS = /^(audio\/(mpeg|ogg|mp4|webm|wav)|video\/(mp4|webm|ogg))$/;

const isStill = matchMedia("(prefers-reduced-motion: reduce)");

/** @param {Store} store @param {Key} key @param {Entry} first */
export function messageView(store, key, first) {
  const above = el("div", { class: "above" });
  const content = el("div", { class: "content" });
  const meta = el("span", { class: "meta" });
  const uploads = el("ul", { class: "uploads", role: "list" });
  const actions = el(
    "button",
    {
      type: "button",
      class: "act",
      "aria-label": t("actions"),
      title: t("actions"),
      "aria-haspopup": "menu",
      "data-act": "menu",
      tabindex: "-1",
    },
    icon("down", 20),
  );
  const bubble = el("div", { class: "bubble" }, content, uploads, meta, actions);
  const reactions = el("div", { class: "reactions" });
  const failed = el("div", { class: "refused" });
  const node = el("li", { tabindex: "-1", "data-key": first.row.id }, above, bubble, reactions, failed);
  const [isAbove, isContent, isMeta, isReacted, isFailed] = [watcher(), watcher(), watcher(), watcher(), watcher()];
  return {
    node,
    /** @param {Entry} entry */
    update({ row, before, day, names }) {
      const { state } = store;
      const { message, mine, quote, tick } = row;
      const side = mine ? "mine" : "other";
      const marks = [row.first && "first", row.last && "last", row.big && "big", message.deleted && "gone"];
      set(node, { "aria-label": nameOfRow(row), class: [side, ...marks].filter(Boolean).join(" ") });
      if (isAbove(day, names)) fill(above, ...before.map((one) => changeLine(state, one)));
      const isNamed = isGroup(key) && !mine && row.first;
      const me = isGroup(key) && state.me ? personName(state, state.me.id) : "";
      const text = JSON.stringify([message.content, message.files, quote, message.reply_to]);
      const others = () => (state.groups[idOf(key)]?.members ?? []).map(({ id }) => personName(state, id));
      if (isContent(text, message.deleted, isNamed, row.name, me))
        fill(content, ...contentOf(row, isNamed, me, others));
      list(
        uploads,
        row.uploads,
        ({ id }) => id,
        (upload) => uploadView(store, upload),
      );
      if (isMeta(tick, message.edited_at, message.at, message.pending?.content)) {
        const edited = message.edited_at ?? message.pending?.content;
        fill(
          meta,
          edited && `${t("edited")} `,
          el("time", { title: when().full(message.at) }, when().time(message.at)),
          tickIcon(tick),
        );
      }
      if (isReacted(JSON.stringify(message.reactions ?? []), state.me)) fill(reactions, ...reactionsOf(state, row));
      if (isFailed(row.outgoing?.error)) fill(failed, ...failedOf(row));
    },
  };
}

/** "You, 10:16: hi, read" @param {MessageRow} row */
function nameOfRow({ message, mine, name, tick }) {
  const files = (message.files ?? []).map((file) => visible(file.name));
  const text = message.deleted
    ? t("deleted")
    : [visible(message.content).replace(/\s+/g, " ").trim(), ...files].filter(Boolean).join(", ");
  return `${mine ? t("you") : name}, ${hour(message.at)}: ${text}${tick ? `, ${t(tick)}` : ""}`;
}

/**
 * @param {MessageRow} row @param {boolean} isNamed @param {string} me the name by which one is mentioned
 * @param {() => string[]} others the names of the members
 */
function contentOf({ message, name, quote }, isNamed, me, others) {
  const { content, files = [], deleted, from, reply_to } = message;
  const sender = isNamed && el("p", { class: `sender hue-${from % 8}` }, el("bdi", null, name));
  if (deleted) return [sender, el("p", { class: "text" }, icon("trash", 16), " ", t("deleted"))];
  return [
    sender,
    reply_to && quoteView(quote),
    ...files.filter(isPicture).map(pictureView),
    ...files.filter((file) => !isPicture(file)).map(fileView),
    content && el("p", { class: "text", dir: "auto" }, ...textOf(content, me, others)),
  ];
}

/** @param {string} content @param {string} me @param {() => string[]} others */
const textOf = (content, me, others) =>
  linked(content).flatMap(({ text, href }) =>
    href
      ? el("a", { href, target: "_blank", rel: "noopener noreferrer nofollow" }, text)
      : mentions(text, me, others).map((piece, i) => (i % 2 ? el("mark", null, piece) : piece)),
  );

/** @param {MessageRow["quote"]} quote */
function quoteView(quote) {
  const text = quote ? (quote.deleted ? t("deleted") : quote.content) : t("message_missing");
  return el(
    "button",
    { type: "button", class: "quote", "data-act": "quote", tabindex: "-1" },
    quote && el("strong", null, quote.mine ? t("you") : el("bdi", null, quote.name)),
    el("bdi", { class: "cut" }, text),
  );
}

const isPicture = (/** @type {FileInfo} */ { type }) => PICTURES.test(type);

/** A picture in the list. Its place is reserved before it is there. @param {FileInfo} file */
function pictureView(file) {
  const { id, name, type, width = 4, height = 3, thumbnail } = file;
  const scale = Math.min(PICTURE / width, PICTURE / height, file.width ? 1 : Infinity);
  // Where motion is not wanted, what may move shows its thumbnail, or its name, until it is pressed.
  const isHeld = isStill.matches && MOVING.test(type);
  const isSmall = thumbnail && (type !== "image/gif" || isHeld);
  const src = `/files/${isSmall ? thumbnail : id}`;
  const [wide, high] = [Math.max(48, Math.round(width * scale)), Math.max(48, Math.round(height * scale))];
  const image =
    isHeld && !thumbnail
      ? el("bdi", null, visible(name))
      : el("img", { src, alt: visible(name), width: wide, height: high, decoding: "async" });
  return el(
    "a",
    {
      class: isHeld && type === "image/gif" ? "picture held" : "picture",
      href: `/files/${id}`,
      target: "_blank",
      rel: "noopener",
      "data-act": "picture",
      "data-name": visible(name),
    },
    image,
  );
}

/** @param {FileInfo} file */
function fileView(file) {
  const { id, type, name } = file;
  const href = `/files/${id}`;
  const tag = type.startsWith("video/") ? "video" : "audio";
  const player =
    SOUNDS.test(type) &&
    el(tag, { src: href, controls: true, preload: "metadata", "aria-label": visible(name), class: "player" });
  return el(
    "div",
    { class: "file" },
    player,
    el(
      "div",
      { class: "file-line" },
      icon("file"),
      el("a", { href, download: visible(name), target: "_blank", rel: "noopener" }, el("bdi", null, visible(name))),
      el("span", { class: "hint" }, size(file.size)),
    ),
  );
}

/** @param {State} state @param {MessageRow} row */
function reactionsOf(state, { message }) {
  /** @type {Map<string, number[]>} */
  const all = new Map();
  for (const { by, emoji } of message.reactions ?? []) all.set(emoji, [...(all.get(emoji) ?? []), by]);
  return [...all].map(([emoji, people]) => {
    const shown = people.length > 1 ? `${emoji} ${people.length}` : emoji;
    const isMine = people.includes(state.me?.id ?? 0);
    const names = people.map((id) => (id === state.me?.id ? t("you") : personName(state, id))).join(", ");
    const props = {
      type: "button",
      class: "reaction",
      "data-act": "react",
      "data-emoji": emoji,
      "aria-pressed": String(isMine),
      tabindex: "-1",
    };
    return el("button", { ...props, "aria-label": `${shown} ${names}`, title: names }, shown);
  });
}

/** @param {MessageRow} row */
function failedOf({ outgoing }) {
  if (!outgoing?.error) return [];
  return [
    el("span", { role: "alert" }, outgoing.error),
    button(t("retry"), undefined, "small", { "data-act": "retry" }),
    button(t("discard"), undefined, "small", { "data-act": "discard" }),
  ];
}

/** A day, the unread line, or what changed in a group. @param {State} state @param {Exclude<Row, MessageRow>} row */
export function changeLine(state, row) {
  if (row.kind === "unread") {
    return el(
      "div",
      { class: "unread-line", role: "separator", "aria-label": t("unread_line") },
      el("span", null, t("unread_line")),
    );
  }
  if (row.kind === "day") {
    const now = Date.now() + state.clock.offset;
    return el("p", { class: "chip" }, el("time", null, when().day(row.at, now)));
  }
  const { change, by, name, days } = row.change;
  // Who accepts an invitation acts alone.
  const member = row.change.member ?? by;
  const person = (/** @type {number | undefined} */ id) =>
    el("bdi", null, id === state.me?.id ? t("you") : personName(state, id ?? 0));
  const values = { by: person(by), member: person(member), name: el("bdi", null, visible(name ?? "")), n: days ?? 0 };
  const word = `change_${change}${change === "retention" && !days ? "_off" : ""}`;
  // What concerns oneself has other forms of words.
  const me = state.me?.id;
  const form = firstOf(member === me ? `${word}_me` : "", by === me ? `${word}_by_me` : "", word);
  return el("p", { class: "chip change" }, el("span", { title: when().full(row.change.at) }, ...pieces(form, values)));
}

/** Shows a picture in full size; arrow keys lead to the others. @param {Store} store @param {HTMLAnchorElement} link @param {HTMLAnchorElement[]} all */
export function openPicture(store, link, all) {
  let at = all.indexOf(link);
  const image = el("img", { class: "full" });
  const save = el("a", { class: "round", "aria-label": t("download"), title: t("download") }, icon("download"));
  const show = () => {
    const { href, dataset } = all[at];
    set(image, { src: href, alt: dataset.name });
    set(save, { href, download: dataset.name });
    say(/** @type {Node} */ (node.querySelector("h2")), dataset.name ?? "");
  };
  const { node } = openDialog(store, { title: link.dataset.name ?? "", style: "lightbox" }, image);
  const step = (/** @type {number} */ by) => {
    at = (at + by + all.length) % all.length;
    show();
  };
  const before = iconButton(t("previous"), "back", () => step(-1));
  const after = iconButton(t("next"), "back", () => step(1));
  after.classList.add("turned");
  node.querySelector("header")?.lastElementChild?.before(...(all.length > 1 ? [before, after] : []), save);
  node.addEventListener("keydown", ({ key }) => {
    if (key === "ArrowLeft") step(-1);
    if (key === "ArrowRight") step(1);
  });
  image.addEventListener("click", () => node.close());
  show();
}

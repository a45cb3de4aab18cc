// Texts of others, made safe to show: nothing invisible, nothing that turns the reading direction.

/** Controls but for line breaks and tabs, what turns the reading direction, and what cannot be seen. */
const HIDDEN =
  // eslint-disable-next-line no-control-regex
  /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u061c\u115f\u1160\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\u3164\ufeff\uffa0\ufff9-\uffff]|[\u{e0000}-\u{e001f}]/gu;
const LONE = /[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g;
/** What is left of a name of nothing but marks and blanks. */
const BLANK = /^[\s\p{M}\u2800\u00a0\ufffd]*$/u;
/** http(s) addresses of at most 2000 characters; where one ends is decided by `trim`. */
const LINK = /\bhttps?:\/\/[^\s<>"“”„«»]{1,2000}/giu;
const EMOJI = /^(?:\p{Emoji_Presentation}|\p{Emoji}\ufe0f|\p{RI}\p{RI}|\p{Emoji_Modifier_Base}\p{EMod})/u;

const segmenter = new Intl.Segmenter(undefined, { granularity: "grapheme" });
const encoder = new TextEncoder();

/** The text with each invisible or direction-turning character as �. @param {string} text */
export const visible = (text) => text.replace(LONE, "\ufffd").replace(HIDDEN, "\ufffd");

/** A name on one line; `fallback` if there is nothing to see in it. @param {string | null | undefined} name */
export function visibleName(name, fallback = "") {
  const shown = visible(name ?? "")
    .replace(/\s+/g, " ")
    .trim();
  return BLANK.test(shown) ? fallback : shown;
}

/** Bytes of UTF-8. @param {string} text */
export const byteLength = (text) => encoder.encode(text).length;

/** @param {string} text */
export const graphemes = (text) => Array.from(segmenter.segment(text), (part) => part.segment);

/** The first `count` characters as a person counts them, with … if something was cut. @param {string} text */
export function cut(text, /** @type {number} */ count) {
  // No character has more than some UTF-16 units on average: do not take apart 16 KiB for 80 characters.
  const parts = graphemes(text.slice(0, count * 16));
  return parts.length > count ? `${parts.slice(0, count).join("")}…` : text.slice(0, count * 16);
}

/** Whether a message is one to three emojis and nothing else, which are shown large. @param {string} text */
export function isBig(text) {
  if (text.length > 60) return false;
  const parts = graphemes(text.trim());
  return parts.length > 0 && parts.length <= 3 && parts.every((part) => EMOJI.test(part));
}

/**
 * A text as pieces of text and of links. A link is http or https, without user or password, and its text is its
 * address, shown as it is sent: a host with characters beyond ASCII is shown in its `xn--` form.
 * @param {string} text
 * @returns {{text: string, href: string | null}[]}
 */
export function pieces(text) {
  const found = [];
  let from = 0;
  for (const match of text.matchAll(LINK)) {
    const raw = trim(match[0]);
    const href = safeHref(raw);
    if (!href) continue;
    if (match.index > from) found.push({ text: visible(text.slice(from, match.index)), href: null });
    found.push({ text: shownLink(raw, href), href });
    from = match.index + raw.length;
  }
  if (from < text.length) found.push({ text: visible(text.slice(from)), href: null });
  return found;
}

/** Without what ends the sentence around it: dots, commas, a bracket that is not opened inside. @param {string} raw */
function trim(raw) {
  let end = raw.length;
  for (;;) {
    const last = raw[end - 1];
    if (/[.,;:!?'*_~…]/.test(last)) end -= 1;
    else if (last === ")" && count(raw, "(", end) < count(raw, ")", end)) end -= 1;
    else if (last === "]" && count(raw, "[", end) < count(raw, "]", end)) end -= 1;
    else return raw.slice(0, end);
  }
}

const count = (/** @type {string} */ text, /** @type {string} */ sign, /** @type {number} */ end) =>
  text.slice(0, end).split(sign).length - 1;

/** The address if it is http(s) and names a host and nobody's password, else `null`. @param {string} raw */
export function safeHref(raw) {
  if (visible(raw) !== raw) return null;
  try {
    const url = new URL(raw);
    const isWeb = url.protocol === "http:" || url.protocol === "https:";
    return isWeb && url.hostname && !url.username && !url.password ? url.href : null;
  } catch {
    return null;
  }
}

/** @param {string} raw @param {string} href */
function shownLink(raw, href) {
  const host = raw.replace(/^https?:\/\//i, "").split(/[/?#]/)[0];
  // eslint-disable-next-line no-control-regex
  return /^[\x00-\x7f]*$/.test(host) ? visible(raw) : href;
}

/** A text that well-formed UTF-8 can carry, without U+0000. @param {string} text */
export const sendable = (text) => text.replace(LONE, "\ufffd").replaceAll("\0", "");

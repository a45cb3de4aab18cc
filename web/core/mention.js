// Mentions: what is being typed behind an @, whom it may name, and where a text names somebody. A mention is text.

/** Characters behind an @ that are looked at, and people that are offered. */
const QUERY_MAX = 40;
const OFFERS_MAX = 8;

/** Scripts that put no spaces between words: beside one of their characters a word may begin and end. */
const UNSPACED = ["Han", "Hira", "Kana", "Thai", "Laoo", "Khmr", "Mymr"].map((script) => `\\p{sc=${script}}`).join("");
const BEGINS = new RegExp(`(?<![^\\s([{"'„“«${UNSPACED}])@((?!\\s)[^@\\n]*)$`, "u");

/**
 * The @ that begins a word before the caret, and what stands between them.
 * @param {string} text @param {number} caret
 */
export function typed(text, caret) {
  const found = BEGINS.exec(text.slice(Math.max(0, caret - QUERY_MAX), caret));
  return found && { start: caret - found[0].length, query: found[1] };
}

/** Without accents and capitals. @param {string} text */
const folded = (text) => text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();

/**
 * Those with a name, or a word in it, that begins so; names that begin so come first.
 * @template {{name: string}} T @param {T[]} people @param {string} query
 */
export function fitting(people, query) {
  const wanted = folded(query);
  /** @type {T[][]} */
  const [first, later] = [[], []];
  for (const one of people) {
    // A group may have 1,000 members: each name is folded once, and no more than are offered.
    if (first.length === OFFERS_MAX) break;
    const name = folded(one.name);
    if (name.startsWith(wanted)) first.push(one);
    else if ([name, name.replace(/[^\p{L}\p{N}]+/gu, " ")].some((words) => ` ${words}`.includes(` ${wanted}`)))
      later.push(one);
  }
  return [...first, ...later].slice(0, OFFERS_MAX);
}

const WORD = `(?![${UNSPACED}])[\\p{L}\\p{M}\\p{N}_]`;
const escaped = (/** @type {string} */ name) => name.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&");

/**
 * A text in pieces, of which every second one mentions this name, and not a longer one of `others` that begins with it.
 * @param {string} text @param {string} name @param {() => string[]} [others] asked only where a text has the name
 */
export function mentions(text, name, others = () => []) {
  if (!name || !text.includes("@")) return [text];
  const pieces = (/** @type {string} */ not) =>
    text.split(new RegExp(`(?<!${WORD})(@${not}${escaped(name)})(?!${WORD})`, "giu"));
  const found = pieces("");
  if (found.length === 1) return found;
  const start = name.toLowerCase();
  const longer = others().filter((other) => other.length > name.length && other.toLowerCase().startsWith(start));
  return longer.length ? pieces(`(?!(?:${longer.map(escaped).join("|")})(?!${WORD}))`) : found;
}

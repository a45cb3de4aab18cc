// The only place that creates DOM nodes. Text becomes a text node, never markup.

const SVG = "http://www.w3.org/2000/svg";
const SVG_TAGS = new Set(["svg", "path"]);

/** @typedef {Node | string | number | null | undefined | false} Child */
/** @typedef {Record<string, any>} Props */

/**
 * An element. Properties that start with `on` are listeners, `value`, `checked` and the like are set as properties,
 * everything else is an attribute: `true` is an empty one, `false`, `null` and `undefined` are none.
 * @template {keyof HTMLElementTagNameMap} T
 * @param {T} tag @param {Props | null} [props] @param {...(Child | Child[])} children
 * @returns {HTMLElementTagNameMap[T]}
 */
export function el(tag, props, ...children) {
  const node = SVG_TAGS.has(tag) ? document.createElementNS(SVG, tag) : document.createElement(tag);
  if (props) set(/** @type {HTMLElement} */ (node), props);
  node.append(...kept(children));
  return /** @type {any} */ (node);
}

/** @param {string} tag @param {Props} props @param {...Child} children @returns {SVGElement} */
export const svg = (tag, props, ...children) => /** @type {any} */ (el(/** @type {any} */ (tag), props, ...children));

const PROPERTIES = new Set(["value", "checked", "hidden", "disabled", "indeterminate"]);

/** Changes properties and attributes, and only those that differ. @param {HTMLElement} node @param {Props} props */
export function set(node, props) {
  for (const [name, value] of Object.entries(props)) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (PROPERTIES.has(name) && node.tagName !== "OPTION") {
      if (/** @type {any} */ (node)[name] !== value) /** @type {any} */ (node)[name] = value;
    } else if (value === false || value === null || value === undefined) node.removeAttribute(name);
    else {
      const text = value === true ? "" : String(value);
      if (node.getAttribute(name) !== text) node.setAttribute(name, text);
    }
  }
}

/** Puts these in place of what was in the element. @param {Element} node @param {...(Child | Child[])} children */
export const fill = (node, ...children) => node.replaceChildren(...kept(children));

/** Shows a text, if it is another one than before. @param {Node} node @param {string} text */
export function say(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/** @param {(Child | Child[])[]} children @returns {(Node | string)[]} */
const kept = (children) =>
  children
    .flat()
    .filter((child) => child !== null && child !== undefined && child !== false && child !== "")
    .map((child) => (child instanceof Node ? child : String(child)));

/**
 * A view of one item of a list: its node, and what to do when the item is another object than before.
 * @template T
 * @typedef {{node: HTMLElement, update: (item: T) => void, item?: T}} View
 */

/** @type {WeakMap<Element, Map<string, View<any>>>} */
const lists = new WeakMap();

/**
 * Makes the children of `parent` those of the items, in their order. The node of a key stays the same, and keeps focus
 * and scroll position.
 * @template T
 * @param {Element} parent @param {T[]} items @param {(item: T) => string} keyOf @param {(item: T) => View<T>} make
 */
export function list(parent, items, keyOf, make) {
  const old = lists.get(parent) ?? new Map();
  const views = new Map();
  for (const item of items) {
    const key = keyOf(item);
    const view = old.get(key) ?? make(item);
    if (view.item !== item) view.update(item);
    view.item = item;
    views.set(key, view);
  }
  for (const [key, view] of old) if (!views.has(key)) view.node.remove();
  lists.set(parent, views);
  let place = parent.firstElementChild;
  for (const { node } of views.values()) {
    if (node === place) place = node.nextElementSibling;
    else move(parent, node, place);
  }
}

/** @param {Element} parent @param {HTMLElement} node @param {Element | null} before */
function move(parent, node, before) {
  const moveBefore = /** @type {any} */ (parent).moveBefore;
  if (moveBefore && node.parentNode === parent) moveBefore.call(parent, node, before);
  else parent.insertBefore(node, before);
}

/** Says whether any of the values differs from those of the last call. @returns {(...values: unknown[]) => boolean} */
export function watcher() {
  /** @type {unknown[] | null} */
  let last = null;
  return (...values) => {
    const before = last;
    last = values;
    return !before || values.some((value, i) => value !== before[i]);
  };
}

let ids = 0;
/** An id that no other element has. @param {string} [start] */
export const newId = (start = "i") => `${start}-${++ids}`;

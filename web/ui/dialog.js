// Modal dialogs, and questions in them.

import { el, newId, say } from "./el.js";
import { icon } from "./icons.js";
import { t } from "./words.js";

/** @import {Child} from "./el.js" */
/** @import {State, Store} from "../core/types.js" */

/**
 * Which dialogs are open, the topmost last, and whom to tell when that changes: what stands outside of a modal dialog
 * cannot be used, so notices move into it.
 */
export const dialogs = {
  open: /** @type {HTMLDialogElement[]} */ ([]),
  changed: () => {},
  closeAll() {
    for (const node of [...dialogs.open].reverse()) node.close();
  },
};

/** A button with a text. @param {Child} text @param {(event: MouseEvent) => void} [onclick] */
export const button = (text, onclick, style = "", props = {}) =>
  el("button", { type: "button", class: `button ${style}`, onclick, ...props }, text);

/** A button with an icon only. @param {string} name @param {string} of @param {(event: MouseEvent) => void} [onclick] */
export const iconButton = (name, of, onclick, props = {}) =>
  el("button", { type: "button", class: "round", "aria-label": name, title: name, onclick, ...props }, icon(of));

/**
 * A labelled field.
 * @param {string} label @param {Record<string, any>} props @param {...Child} after
 */
export function field(label, props, ...after) {
  const id = newId("f");
  const input = el("input", { id, dir: "auto", ...props });
  return { input, node: el("div", { class: "field" }, el("label", { for: id }, label), input, ...after) };
}

/** A password field with a button that shows what is typed. @param {string} label @param {string} autocomplete */
export function passwordField(label, autocomplete) {
  const toggle = button(t("show_password"), () => {
    const isHidden = input.type === "password";
    input.type = isHidden ? "text" : "password";
    say(toggle, t(isHidden ? "hide_password" : "show_password"));
  });
  toggle.classList.add("show");
  const { input, node } = field(label, { type: "password", required: true, autocomplete, dir: "ltr" }, toggle);
  return { input, node };
}

/** The place for the sentence of what went wrong. */
export const alertBox = () => el("p", { class: "alert", role: "alert" });

/** @param {HTMLElement} box @param {string | null | undefined} text */
export function warn(box, text) {
  say(box, text ?? "");
}

/** A form that calls `send` and loads nothing. @param {() => void} send @param {...Child} children */
export const form = (send, ...children) =>
  el(
    "form",
    {
      novalidate: true,
      onsubmit: (/** @type {Event} */ event) => {
        event.preventDefault();
        send();
      },
    },
    ...children,
  );

/**
 * Opens a modal dialog; it is gone when it is closed.
 * @param {Store} store
 * @param {{title: string, style?: string, update?: (state: State, close: () => void) => void, onclose?: () => void}} options
 * @param {...Child} body
 */
export function openDialog(store, { title, style = "", update, onclose }, ...body) {
  const id = newId("d");
  const node = el(
    "dialog",
    { class: `dialog ${style}`, "aria-labelledby": id },
    el(
      "header",
      null,
      el("h2", { id, tabindex: "-1" }, title),
      iconButton(t("close"), "close", () => node.close()),
    ),
    el("div", { class: "body" }, ...body),
  );
  const close = () => node.close();
  let unsubscribe = () => {};
  node.addEventListener("close", () => {
    unsubscribe();
    dialogs.open = dialogs.open.filter((one) => one !== node);
    dialogs.changed();
    node.remove();
    onclose?.();
  });
  node.addEventListener("mousedown", (event) => {
    if (event.target === node) close();
  });
  document.body.append(node);
  node.showModal();
  dialogs.open.push(node);
  dialogs.changed();
  if (update) unsubscribe = store.subscribe((state) => update(state, close));
  return { node, close };
}

/**
 * Asks whether to do it.
 * @param {Store} store @param {string} title @param {Child} text
 * @param {{label: string, run: () => void, danger?: boolean}[]} choices
 */
export function ask(store, title, text, choices) {
  const { close } = openDialog(
    store,
    { title, style: "question" },
    el("p", null, text),
    el(
      "div",
      { class: "row end" },
      button(t("cancel"), () => close()),
      ...choices.map(({ label, run, danger }) =>
        button(
          label,
          () => {
            close();
            run();
          },
          danger ? "danger" : "primary",
        ),
      ),
    ),
  );
}

/**
 * Runs what is in a part of the program that is loaded when it is first needed.
 * @template T @param {Store} store @param {Promise<T>} part @param {(part: T) => void} run
 */
export const later = (store, part, run) =>
  void part.then(run, () =>
    ask(store, t("part_missing"), t("part_missing_hint"), [
      { label: t("reload"), run: () => store.dispatch({ type: "reload" }) },
    ]),
  );

// Dialogs that look for people: a new chat, a new group, another member, somebody to forward to.

import { items, nameOf } from "../core/select.js";
import { idOf } from "../core/state.js";
import { alertBox, button, field, form, openDialog, warn } from "./dialog.js";
import { el, fill, list, set, watcher } from "./el.js";
import { icon } from "./icons.js";
import { avatar, personRow } from "./parts.js";
import { t } from "./words.js";

/** @import {Key, State, Store} from "../core/types.js" */

const emailField = () => field(t("email"), { type: "email", autocomplete: "off", dir: "ltr", required: true });

/** @param {Store} store */
export function openNewChat(store) {
  store.dispatch({ type: "find.clear" });
  const email = emailField();
  const alert = alertBox();
  const submit = button(t("start"), undefined, "primary", { type: "submit" });
  const before = store.state.open;
  let [isSent, isThere] = [false, false];
  const send = () => {
    if (store.state.finder.busy) return;
    isSent = true;
    store.dispatch({ type: "start", email: email.input.value.trim() });
  };
  openDialog(
    store,
    {
      title: t("new_chat"),
      update(state, close) {
        const { busy, person, error } = state.finder;
        warn(alert, error);
        set(submit, { "aria-busy": busy || null });
        isThere = isSent && !busy && !error && (state.open !== before || person !== null);
        if (isThere) close();
      },
      onclose: () => isThere && focusField(store),
    },
    form(
      send,
      el("p", { class: "hint" }, t("new_chat_hint")),
      email.node,
      alert,
      el("div", { class: "row end" }, submit),
    ),
  );
  email.input.focus();
}

/** The composer of what was just opened gets the focus, which the dialog gave back to its opener. @param {Store} store */
function focusField(store) {
  // A keyboard on the screen would cover what is there.
  if (store.state.abilities.touch) return;
  setTimeout(() => /** @type {HTMLElement | null} */ (document.querySelector(".composer textarea"))?.focus());
}

/**
 * An email field with "Add": `found` is called with each person.
 * @param {Store} store @param {(person: {id: number, name: string}) => void} found
 */
function finder(store, found) {
  store.dispatch({ type: "find.clear" });
  const email = emailField();
  const alert = alertBox();
  const add = button(t("add"), () => look());
  let isAsked = false;
  const look = () => {
    const text = email.input.value.trim();
    if (!text || store.state.finder.busy) return;
    isAsked = true;
    store.dispatch({ type: "find", email: text });
  };
  email.input.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.isComposing) return;
    event.preventDefault();
    look();
  });
  return {
    node: el("div", null, el("div", { class: "with-button" }, email.node, add), alert),
    look,
    isEmpty: () => email.input.value.trim() === "",
    focus: () => email.input.focus(),
    /** @param {State} state */
    update({ finder: { busy, person, error } }) {
      warn(alert, error);
      set(add, { "aria-busy": busy || null });
      if (busy || !isAsked) return;
      isAsked = false;
      if (!person) return;
      email.input.value = "";
      found(person);
      // Not in the middle of showing this state.
      queueMicrotask(() => store.dispatch({ type: "find.clear" }));
    },
  };
}

/** @param {Store} store */
export function openNewGroup(store) {
  /** @type {{id: number, name: string}[]} */
  let members = [];
  const name = field(t("name"), { required: true, maxlength: 100, autocomplete: "off" });
  const chosen = el("ul", { class: "people", "aria-label": t("members_list"), role: "list" });
  const submit = button(t("create"), undefined, "primary", { type: "submit" });
  const before = store.state.open;
  let isWanted = false;
  const show = () =>
    list(
      chosen,
      members,
      ({ id }) => String(id),
      (person) => ({
        node: personRow(
          person.name,
          person.id,
          null,
          button(t("remove"), () => remove(person.id), "small", {
            "aria-label": t("remove_name", { name: person.name }),
          }),
        ),
        update: () => {},
      }),
    );
  const remove = (/** @type {number} */ id) => {
    members = members.filter((one) => one.id !== id);
    show();
    search.focus();
  };
  const search = finder(store, (person) => {
    if (person.id !== store.state.me?.id && !members.some(({ id }) => id === person.id)) members.push(person);
    show();
  });
  const create = () => {
    isWanted = false;
    store.dispatch({ type: "group.create", name: name.input.value.trim(), members: members.map(({ id }) => id) });
  };
  const send = () => {
    if (!name.input.value.trim()) return name.input.focus();
    // Whose address stands there still comes along.
    isWanted = true;
    if (store.state.finder.busy) return;
    if (search.isEmpty()) create();
    else search.look();
  };
  openDialog(
    store,
    {
      title: t("new_group"),
      update(state, close) {
        search.update(state);
        const { busy, error } = state.finder;
        if (error) isWanted = false;
        else if (isWanted && !busy) queueMicrotask(create);
        if (state.open !== before) close();
      },
      onclose: () => store.state.open !== before && focusField(store),
    },
    form(send, name.node, search.node, chosen, el("div", { class: "row end" }, submit)),
  );
  name.input.focus();
}

/** @param {Store} store @param {Key} key a group */
export function openAddMember(store, key) {
  const added = el("p", { class: "done", role: "status" });
  const search = finder(store, (person) => {
    store.dispatch({ type: "group.add", group: idOf(key), member: person.id });
    fill(added, icon("check", 20), el("bdi", null, person.name));
  });
  openDialog(store, { title: t("add_member"), update: (state) => search.update(state) }, search.node, added);
  search.focus();
}

/** @param {Store} store @param {Key} from @param {number} id */
export function openForward(store, from, id) {
  const chats = el("ul", { class: "people", role: "list", "aria-label": t("chats") });
  const isOther = watcher();
  openDialog(
    store,
    {
      title: t("forward_to"),
      update(state, close) {
        const all = items(state).filter(({ request, invited, archived }) => !request && !invited && !archived);
        if (!isOther(all)) return;
        const to = (/** @type {Key} */ key) => () => {
          close();
          store.dispatch({ type: "forward", from, id, to: key });
          store.dispatch({ type: "open", key });
        };
        fill(
          chats,
          ...all.map(({ key, picture }) => {
            const name = nameOf(state, key);
            return el(
              "li",
              null,
              el(
                "button",
                { type: "button", class: "person", onclick: to(key) },
                avatar(name, idOf(key), picture),
                el("bdi", null, name),
              ),
            );
          }),
        );
      },
    },
    chats,
  );
}

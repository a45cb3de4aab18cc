// The panel about a conversation: its people, their roles, what is kept; and who has got and read a message.

import { nameOf, partnerOf, personName, receipts } from "../core/select.js";
import { idOf, isGroup } from "../core/state.js";
import { ask, button, field, form, openDialog } from "./dialog.js";
import { el, fill, list, say, set, watcher } from "./el.js";
import { openMenu } from "./menu.js";
import { avatar, personRow, statusOf } from "./parts.js";
import { openAddMember } from "./people.js";
import { pieces, t } from "./words.js";

/** @import {Key, Member, State, Store} from "../core/types.js" */

/** Days for which messages can be kept; 0: for ever. */
const DAYS = [0, 1, 7, 30, 90, 365];

/** @param {Store} store @param {Key} key */
export function openInfo(store, key) {
  const isOther = watcher();
  const top = el("div", { class: "info-top" });
  const name = el("bdi");
  const status = el("p", { class: "hint" });
  const body = el("div");
  if (isGroup(key)) store.dispatch({ type: "group.show", group: idOf(key) });
  const members = isGroup(key) ? membersView(store, key) : null;
  const retention = retentionView(store, key);
  const end = el("div", { class: "stack" });
  fill(body, top, el("p", { class: "big-name" }, name), status, members?.node, retention.node, end);
  openDialog(
    store,
    {
      title: t("info"),
      style: "sheet",
      update(state) {
        const title = nameOf(state, key);
        const picture = state.conversations[key]?.picture ?? partnerOf(state, key)?.picture;
        say(name, title);
        say(status, statusOf(state, key));
        members?.update(state);
        retention.update(state);
        const isBlocked = state.blocked.includes(idOf(key));
        const role = state.conversations[key]?.role;
        if (!isOther(title, picture, isBlocked, role)) return;
        fill(top, avatar(title, idOf(key), picture, "huge"));
        fill(end, ...endOf(store, key, isBlocked));
      },
    },
    body,
  );
}

/** @param {Store} store @param {Key} key @param {boolean} isBlocked */
function endOf(store, key, isBlocked) {
  const id = idOf(key);
  if (!isGroup(key)) {
    if (id === store.state.me?.id) return [];
    if (isBlocked) return [button(t("unblock"), () => store.dispatch({ type: "unblock", id }))];
    return [button(t("block"), () => askBlock(store, key), "danger")];
  }
  const role = store.state.conversations[key]?.role;
  if (!role || role === "invited") return [];
  return [
    role === "admin" && button(t("rename"), () => openRename(store, key)),
    button(t("leave"), () => askLeave(store, key), "danger"),
  ];
}

/** @param {Store} store @param {Key} key */
function openRename(store, key) {
  const name = field(t("name"), { value: nameOf(store.state, key), maxlength: 100, required: true });
  const send = () => {
    const text = name.input.value.trim();
    if (!text) return name.input.focus();
    store.dispatch({ type: "group.rename", group: idOf(key), name: text });
    dialog.close();
  };
  const submit = button(t("save"), undefined, "primary", { type: "submit" });
  const dialog = openDialog(
    store,
    { title: t("rename"), style: "question" },
    form(send, name.node, el("div", { class: "row end" }, submit)),
  );
  name.input.select();
}

/** @param {Store} store @param {Key} key */
function membersView(store, key) {
  const title = el("h3");
  const add = button(t("add_member"), () => openAddMember(store, key));
  const people = el("ul", { class: "people", role: "list", "aria-label": t("members_list") });
  const isOther = watcher();
  return {
    node: el("section", null, title, add, people),
    /** @param {State} state */
    update(state) {
      const group = state.groups[idOf(key)];
      const role = state.conversations[key]?.role;
      if (!isOther(group, state.people, role)) return;
      const members = group?.members ?? [];
      say(title, t("members", { n: members.length }));
      set(add, { hidden: role !== "admin" });
      const rows = members.map((member) => ({ member, role }));
      list(
        people,
        rows,
        ({ member }) => `${member.id} ${member.role} ${role} ${personName(state, member.id)}`,
        ({ member }) => ({
          node: memberRow(store, key, member, role === "admin"),
          update: () => {},
        }),
      );
    },
  };
}

/** @param {Store} store @param {Key} key @param {Member} member @param {boolean} isAdmin */
function memberRow(store, key, { id, role }, isAdmin) {
  const { state } = store;
  const name = personName(state, id);
  const isMe = id === state.me?.id;
  const to = (/** @type {"group.promote" | "group.demote" | "group.remove"} */ type) => () =>
    store.dispatch({ type, group: idOf(key), member: id });
  const open = (/** @type {MouseEvent} */ event) =>
    openMenu(
      /** @type {HTMLElement} */ (event.currentTarget),
      [
        role === "member" && { label: t("promote"), run: to("group.promote") },
        role === "admin" && { label: t("demote"), run: to("group.demote") },
        { label: t("remove"), danger: true, run: to("group.remove") },
      ],
      name,
    );
  return personRow(
    name,
    id,
    isMe ? state.me?.picture : state.people[id]?.picture,
    isMe && el("span", { class: "tag" }, t("you")),
    role !== "member" && el("span", { class: "tag" }, t(role)),
    isAdmin && !isMe && button("…", open, "small", { "aria-label": t("manage", { name }), "aria-haspopup": "menu" }),
  );
}

/** @param {Store} store @param {Key} key */
function retentionView(store, key) {
  const options = DAYS.map((days) =>
    el("option", { value: String(days) }, days ? t("retention_days", { n: days }) : t("retention_ever")),
  );
  const select = el(
    "select",
    {
      onchange: () => store.dispatch({ type: "retention", key, days: Number(select.value) || null }),
    },
    ...options,
  );
  return {
    node: el("label", { class: "setting" }, t("retention"), select),
    /** @param {State} state */
    update(state) {
      const conversation = state.conversations[key];
      const days = conversation?.days ?? 0;
      if (!options.some(({ value }) => value === String(days))) {
        const other = el("option", { value: String(days) }, t("retention_days", { n: days }));
        options.push(other);
        select.append(other);
      }
      if (document.activeElement !== select) select.value = String(days);
      select.disabled = isGroup(key) && conversation?.role !== "admin";
    },
  };
}

/** Who has got and who has read a message of a group. @param {Store} store @param {Key} key @param {number} id */
export function openReceipts(store, key, id) {
  const body = el("div");
  const isOther = watcher();
  store.dispatch({ type: "group.show", group: idOf(key) });
  openDialog(
    store,
    {
      title: t("message_info"),
      style: "sheet",
      update(state) {
        if (!isOther(state.groups[idOf(key)], state.people)) return;
        const { read, delivered, waiting } = receipts(state, key, id);
        const part = (/** @type {string} */ title, /** @type {{id: number, name: string}[]} */ people) => [
          el("h3", null, title),
          el(
            "ul",
            { class: "people", role: "list" },
            ...people.map((one) => personRow(one.name, one.id, state.people[one.id]?.picture)),
          ),
        ];
        fill(
          body,
          ...part(t("read_by"), read),
          read.length === 0 && el("p", { class: "hint" }, t("none")),
          ...(delivered.length ? part(t("delivered_to"), delivered) : []),
          ...(waiting.length ? part(t("waiting_for"), waiting) : []),
        );
      },
    },
    body,
  );
}

/** @param {Store} store @param {Key} key */
export const askLeave = (store, key) =>
  ask(store, t("leave"), t("leave_sure"), [
    { label: t("leave"), danger: true, run: () => store.dispatch({ type: "group.leave", group: idOf(key) }) },
  ]);

/** @param {Store} store @param {Key} key */
export function askBlock(store, key) {
  const name = nameOf(store.state, key);
  const text = el("span", null, ...pieces("block_sure", { name: el("bdi", null, name) }).map(copied));
  ask(store, t("block"), text, [
    { label: t("block"), danger: true, run: () => store.dispatch({ type: "block", id: idOf(key) }) },
  ]);
}

/** A node that stands twice in a sentence is copied. @param {Node | string | number} piece @returns {Node | string | number} */
const copied = (piece) => (piece instanceof Node ? piece.cloneNode(true) : piece);

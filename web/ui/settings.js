// The settings dialog: the account, its devices, and what this device does.

import { idOf } from "../core/state.js";
import { personName } from "../core/select.js";
import { alertBox, button, field, form, openDialog, passwordField, warn } from "./dialog.js";
import { el, fill, list, say, set, watcher } from "./el.js";
import { avatar, face } from "./parts.js";
import { LANGUAGES, size, t, when } from "./words.js";

/** @import {Child} from "./el.js" */
/** @import {Abilities, Device, Settings, State, Store} from "../core/types.js" */

/** Sizes of the text, in percent. */
const SIZES = [90, 100, 115, 130, 150];

/** @param {Store} store */
export function openSettings(store) {
  store.dispatch({ type: "account.load" });
  const alert = alertBox();
  const done = el("p", { class: "done", role: "status" });
  const parts = [accountView(store), deviceSettings(store), privacyView(store), devicesView(store), endView(store)];
  openDialog(
    store,
    {
      title: t("settings"),
      style: "sheet",
      update(state) {
        warn(alert, state.account.error);
        say(done, state.account.done ? t(/** @type {any} */ (state.account.done)) : "");
        for (const part of parts) part.update(state);
      },
    },
    alert,
    done,
    ...parts.map(({ node }) => node),
  );
}

const section = (/** @type {string} */ title, /** @type {Child[]} */ ...body) =>
  el("section", null, el("h3", null, title), ...body);

/**
 * A button that shows a form in its place. What it asks for is answered when `account` is no longer busy.
 * @param {string} label @param {string} action @param {{node: HTMLElement, input: HTMLInputElement}[]} fields
 * @param {() => void} send @param {{danger?: boolean, hint?: string}} [options]
 */
function expander(label, action, fields, send, { danger = false, hint = "" } = {}) {
  const style = danger ? "danger" : "";
  const open = button(label, () => toggle(true), style, { "aria-expanded": "false" });
  const submit = button(action, undefined, danger ? "danger" : "primary", { type: "submit" });
  const cancel = button(t("cancel"), () => toggle(false));
  let isSent = false;
  const body = form(
    () => {
      isSent = true;
      send();
    },
    hint && el("p", null, hint),
    ...fields.map(({ node }) => node),
    el("div", { class: "row end" }, cancel, submit),
  );
  const node = el("div", { class: "expander" }, open);
  const toggle = (/** @type {boolean} */ isOpen) => {
    for (const { input } of fields) if (input.type !== "text" || !isOpen) input.value = input.defaultValue;
    fill(node, isOpen ? body : open);
    (isOpen ? fields[0].input : open).focus();
  };
  return {
    node,
    /** @param {State} state */
    update({ account: { busy, error } }) {
      set(submit, { "aria-busy": busy || null });
      if (!isSent || busy) return;
      isSent = false;
      if (!error) toggle(false);
    },
  };
}

/** @param {Store} store */
function accountView(store) {
  const { me } = store.state;
  const picture = avatar("", me?.id ?? 0, null, "huge");
  const name = el("bdi");
  const email = el("p", { class: "hint" });
  const stored = el("p", { class: "hint" });
  const chooser = el("input", { type: "file", accept: "image/*", hidden: true, tabindex: "-1", "aria-hidden": "true" });
  chooser.addEventListener("change", () => {
    const file = chooser.files?.[0];
    chooser.value = "";
    if (file) store.dispatch({ type: "account.picture", file });
  });
  const remove = button(t("picture_remove"), () => store.dispatch({ type: "account.picture", file: null }));
  const newName = field(t("name"), { autocomplete: "name", maxlength: 100 });
  const rename = expander(t("change_name"), t("save"), [newName], () =>
    store.dispatch({ type: "account.name", name: newName.input.value.trim() }),
  );
  const newEmail = field(t("new_email"), { type: "email", autocomplete: "email", dir: "ltr" });
  const proof = passwordField(t("password"), "current-password");
  const readdress = expander(t("change_email"), t("save"), [newEmail, proof], () =>
    store.dispatch({ type: "account.email", email: newEmail.input.value.trim(), password: proof.input.value }),
  );
  const old = passwordField(t("old_password"), "current-password");
  const next = passwordField(t("new_password"), "new-password");
  const password = expander(t("change_password"), t("save"), [old, next], () =>
    store.dispatch({ type: "account.password", old: old.input.value, new: next.input.value }),
  );
  const forms = [rename, readdress, password];
  return {
    node: el(
      "section",
      { class: "info-top" },
      picture,
      el("p", { class: "big-name" }, name),
      email,
      stored,
      el(
        "div",
        { class: "row center" },
        button(t("picture_change"), () => chooser.click()),
        remove,
        chooser,
      ),
      el("div", { class: "row center" }, ...forms.map(({ node }) => node)),
    ),
    /** @param {State} state */
    update(state) {
      if (!state.me) return;
      const shown = personName(state, state.me.id, t("user"));
      say(name, shown);
      face(picture, shown, state.me.picture);
      say(email, state.me.email ?? "");
      const { stored: used = 0, quota = 0 } = state.me;
      say(stored, quota ? t("storage_used", { size: size(used), quota: size(quota) }) : "");
      set(remove, { hidden: !state.me.picture });
      if (!newName.node.isConnected) newName.input.value = state.me.name;
      for (const form of forms) form.update(state);
    },
  };
}

/** @param {string} label @param {(on: boolean) => void} change @param {string} [hint] */
function toggle(label, change, hint = "") {
  const input = el("input", { type: "checkbox", role: "switch", onchange: () => change(input.checked) });
  const node = el("label", { class: "setting" }, el("span", null, label, hint && el("small", null, hint)), input);
  return { node, input };
}

/** @param {string} label @param {[string, string][]} options @param {(value: string) => void} change */
function choice(label, options, change) {
  const input = el(
    "select",
    { onchange: () => change(input.value) },
    ...options.map(([value, text]) => el("option", { value }, text)),
  );
  return { node: el("label", { class: "setting" }, label, input), input };
}

/** @param {Store} store */
function deviceSettings(store) {
  const change = (/** @type {Partial<Settings>} */ set) => store.dispatch({ type: "settings", set });
  const theme = choice(
    t("theme"),
    [
      ["auto", t("auto")],
      ["light", t("light")],
      ["dark", t("dark")],
    ],
    (value) => change({ theme: /** @type {any} */ (value) }),
  );
  const language = choice(t("language"), [["", t("auto")], ...Object.entries(LANGUAGES)], (value) =>
    change({ language: value }),
  );
  const text = choice(
    t("text_size"),
    SIZES.map((one) => [String(one), `${one} %`]),
    (value) => change({ textSize: Number(value) }),
  );
  const enter = toggle(t("enter_sends"), (enterSends) => change({ enterSends }), t("enter_hint"));
  const notify = toggle(t("notifications"), (on) => {
    change({ notifications: on });
    if (on) store.dispatch({ type: "notifications.enable" });
  });
  const push = toggle(t("push"), (on) => store.dispatch({ type: on ? "push.enable" : "push.disable" }));
  const sound = toggle(t("sound"), (on) => change({ sound: on }));
  const why = el("p", { class: "hint" });
  return {
    node: section(
      t("general"),
      theme.node,
      language.node,
      text.node,
      enter.node,
      notify.node,
      why,
      push.node,
      sound.node,
    ),
    /** @param {State} state */
    update({ settings, abilities }) {
      set(theme.input, { value: settings.theme });
      set(language.input, { value: settings.language });
      set(text.input, { value: String(settings.textSize) });
      set(enter.input, { checked: settings.enterSends });
      const reason = whyNot(abilities);
      const isAllowed = abilities.notifications === "granted";
      set(notify.input, { checked: settings.notifications && isAllowed, disabled: reason !== "" });
      set(push.input, { checked: settings.push && abilities.push && isAllowed, disabled: !abilities.push });
      set(push.node, { hidden: reason !== "" || !abilities.push });
      set(sound.input, { checked: settings.sound });
      say(why, reason);
      set(why, { hidden: reason === "" });
    },
  };
}

/** Why there are no notifications here; "" if there can be. @param {Abilities} abilities */
function whyNot({ secure, notifications }) {
  if (!secure) return t("notifications_insecure");
  if (notifications === "missing") return t("notifications_missing");
  return notifications === "denied" ? t("notifications_denied") : "";
}

/** @param {Store} store */
function privacyView(store) {
  const seen = toggle(t("seen_setting"), (last_seen) => store.dispatch({ type: "account.privacy", last_seen }));
  const read = toggle(t("read_receipts"), (read_receipts) =>
    store.dispatch({ type: "account.privacy", read_receipts }),
  );
  const blocked = el("ul", { class: "people", role: "list", "aria-label": t("blocked_list") });
  const title = el("h4", null, t("blocked_list"));
  return {
    node: section(t("privacy"), seen.node, read.node, el("p", { class: "hint" }, t("no_reading")), title, blocked),
    /** @param {State} state */
    update(state) {
      set(seen.input, { checked: state.me?.last_seen !== false });
      set(read.input, { checked: state.me?.read_receipts !== false });
      title.hidden = state.blocked.length === 0;
      list(
        blocked,
        state.blocked.map(String),
        (id) => id,
        (text) => {
          const id = idOf(/** @type {any} */ (`u${text}`));
          const name = personName(state, id, t("user"));
          return {
            node: el(
              "li",
              { class: "person" },
              el("bdi", { class: "grow" }, name),
              button(t("unblock"), () => store.dispatch({ type: "unblock", id }), "small"),
            ),
            update: () => {},
          };
        },
      );
    },
  };
}

/** @param {Store} store */
function devicesView(store) {
  const devices = el("ul", { class: "people", role: "list", "aria-label": t("devices") });
  const isOther = watcher();
  return {
    node: section(t("devices"), devices),
    /** @param {State} state */
    update(state) {
      if (isOther(state.devices))
        list(
          devices,
          state.devices ?? [],
          ({ id, current }) => `${id} ${current}`,
          (device) => deviceView(store, device),
        );
    },
  };
}

/** @param {Store} store @param {Device} device */
function deviceView(store, { id, device, current }) {
  const seen = el("small");
  const name = device || t("device_unnamed");
  const end = () => store.dispatch({ type: "device.end", id });
  const node = el(
    "li",
    { class: "person" },
    el("span", { class: "grow" }, el("bdi", null, name), seen),
    !current && button(t("end_session"), end, "small"),
  );
  return {
    node,
    /** @param {Device} next */
    update: (next) =>
      say(seen, current ? t("device_now") : when().ago(next.seen_at, Date.now() + store.state.clock.offset)),
  };
}

/** @param {Store} store */
function endView(store) {
  const password = passwordField(t("password"), "current-password");
  const remove = expander(
    t("delete_account"),
    t("delete_account"),
    [password],
    () => store.dispatch({ type: "account.delete", password: password.input.value }),
    { danger: true, hint: t("delete_account_sure") },
  );
  return {
    node: section(
      t("account"),
      el(
        "div",
        { class: "stack" },
        button(t("export"), () => store.dispatch({ type: "account.export" })),
        button(t("log_out"), () => store.dispatch({ type: "logout" })),
        button(t("log_out_all"), () => store.dispatch({ type: "logout.everywhere" })),
        remove.node,
      ),
    ),
    update: remove.update,
  };
}

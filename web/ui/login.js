// The pages before anybody is logged in: log in, sign up, forgotten password, new password.

import { alertBox, button, field, form, passwordField, warn } from "./dialog.js";
import { el, fill, say, set, watcher } from "./el.js";
import { icon } from "./icons.js";
import { t } from "./words.js";

/** @import {Auth, State, Store} from "../core/types.js" */

/** @param {Store} store */
export function loginView(store) {
  const box = el("div", { class: "login-box" });
  const node = el(
    "main",
    { class: "login" },
    el("div", { class: "brand" }, el("span", { class: "logo" }, icon("chat", 32)), el("span", null, t("app"))),
    el("p", { class: "hint" }, location.host),
    box,
  );
  // While somebody types, what comes after the login is loaded.
  node.addEventListener("input", () => import("./panes.js").catch(() => {}), { once: true });
  const isOther = watcher();
  /** @type {{update: (auth: Auth) => void} | null} */
  let page = null;
  return {
    node,
    /** @param {State} state */
    update({ auth }) {
      if (isOther(auth.page)) {
        page = pageView(store, auth);
        fill(box, /** @type {any} */ (page).node);
        box.querySelector("input")?.focus();
      }
      page?.update(auth);
    },
  };
}

/** A link that leads to another page here and leaves the address as it is. */
const link = (/** @type {Store} */ store, /** @type {Auth["page"]} */ page, /** @type {string} */ text) =>
  el(
    "a",
    {
      href: "#/",
      onclick: (/** @type {Event} */ event) => {
        event.preventDefault();
        store.dispatch({ type: "auth.page", page });
      },
    },
    text,
  );

/** @param {Store} store @param {Auth} auth */
function pageView(store, auth) {
  const { page, email: known } = auth;
  const email = field(t("email"), {
    type: "email",
    value: known,
    required: true,
    autocomplete: "username",
    dir: "ltr",
  });
  const name = field(t("name"), { required: true, autocomplete: "name" });
  const isNew = page === "signup" || page === "reset";
  const password = passwordField(
    page === "reset" ? t("new_password") : t("password"),
    isNew ? "new-password" : "current-password",
  );
  const title = { login: t("log_in"), signup: t("sign_up"), forgot: t("forgot"), reset: t("reset") }[page];
  const action = { login: t("log_in"), signup: t("sign_up"), forgot: t("send_mail"), reset: t("save") }[page];
  const submit = button(action, undefined, "primary wide", { type: "submit" });
  const alert = alertBox();
  const done = el("p", { class: "done", role: "status" });
  let isBusy = false;
  const send = () => {
    if (isBusy) return;
    const [to, secret] = [email.input.value.trim(), password.input.value];
    if (page === "login") store.dispatch({ type: "login", email: to, password: secret });
    if (page === "signup")
      store.dispatch({ type: "signup", email: to, name: name.input.value.trim(), password: secret });
    if (page === "forgot") store.dispatch({ type: "reset.request", email: to });
    if (page === "reset") store.dispatch({ type: "reset.confirm", password: secret });
  };
  const fields = { login: [email, password], signup: [email, name, password], forgot: [email], reset: [password] }[
    page
  ];
  const hint = page === "signup" && auth.code ? t("invited_here") : page === "forgot" ? t("forgot_hint") : "";
  const isLogin = page === "login";
  const node = form(
    send,
    el("h1", null, title),
    el("p", { class: "hint", hidden: !hint }, hint),
    done,
    ...fields.map((field) => field.node),
    alert,
    submit,
    isLogin && el("p", null, link(store, "forgot", t("forgot"))),
    el(
      "p",
      { class: "other" },
      page === "login" || page === "signup" ? `${t(isLogin ? "log_in_hint" : "sign_up_hint")} ` : "",
      isLogin ? link(store, "signup", t("sign_up")) : link(store, "login", t("log_in")),
    ),
  );
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  /** @param {Auth} now */
  const update = (now) => {
    clearTimeout(timer);
    const wait = Math.ceil(((now.retryAt ?? 0) - Date.now()) / 1000);
    isBusy = now.busy || wait > 0;
    set(submit, { "aria-disabled": isBusy ? "true" : null, "aria-busy": now.busy ? "true" : null });
    say(submit, wait > 0 ? t("retry_in", { n: wait }) : action);
    warn(alert, now.error);
    say(done, now.done ? t(/** @type {any} */ (now.done)) : "");
    if (wait > 0 && node.isConnected !== false) timer = setTimeout(() => update(now), 1000);
  };
  return { node, update };
}

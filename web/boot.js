// What runs first, before the rest of the program has come: keeps the state, and shows the login where nobody is logged in.

import { initial } from "./core/state.js";
import { isKnown } from "./store/known.js";
import { mount } from "./ui/app.js";
import { build } from "./wire/build.js";

/** @import {Event, State, Store} from "./core/types.js" */

/** An address with a code decides itself what is shown. */
const hasCode = /^#(invite|reset)=/.test(location.hash);
/** @type {State} */
let state = { ...initial(build), phase: isKnown() || hasCode ? "starting" : "out" };
/** @type {Set<(state: State) => void>} */
const views = new Set();
let isDue = false;
/** What a person has done before there was somebody to do it. @type {Event[]} */
const waiting = [];
/** @param {Partial<State["auth"]>} changes */
const setAuth = (changes) => setState({ ...state, auth: { ...state.auth, ...changes } });

/** @param {Event} event */
let take = (event) => {
  if (event.type === "auth.page") return setAuth({ page: event.page });
  waiting.push(event);
  setAuth({ busy: true });
};

/** @type {Store} */
export const store = {
  get state() {
    return state;
  },
  dispatch: (event) => take(event),
  subscribe(view) {
    views.add(view);
    view(state);
    return () => views.delete(view);
  },
};

/** Another state, which is shown at the next frame, or soon where frames are not drawn. @param {State} next */
export function setState(next) {
  if (next === state) return;
  state = next;
  if (isDue) return;
  isDue = true;
  const render = () => {
    if (!isDue) return;
    isDue = false;
    for (const view of views) view(state);
  };
  requestAnimationFrame(render);
  setTimeout(render, 50);
}

/** From now on events go there. @param {(event: Event) => void} dispatch */
export function handle(dispatch) {
  take = dispatch;
  if (waiting.length > 0) setAuth({ busy: false });
  for (const event of waiting.splice(0)) dispatch(event);
}

/** Milliseconds until what could not be loaded is asked for again. */
const AGAIN = 2000;
const load = () =>
  void import("./main.js").then(
    ({ start }) => start(),
    () => setTimeout(load, AGAIN),
  );
load();
// Who is logged in needs that too.
if (isKnown()) import("./ui/panes.js").catch(() => {});

mount(store, document.getElementById("app") ?? document.body);

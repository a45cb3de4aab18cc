// Groups: their members, and what changes in them.

import { effect, learn, meet, set, setConversation, takeAsked, watch } from "./context.js";
import { addChange } from "./list.js";
import { openConversation } from "./pages.js";
import { raise } from "./receipts.js";
import { groupKey, isGroup } from "./state.js";

/** @import {Context} from "./context.js" */
/** @import {Member, ServerFrame} from "./types.js" */

/** @param {Context} c @param {ServerFrame} frame */
export function groupChanged(c, frame) {
  const { group, change, by, member, name, at, seq, ref } = frame;
  const key = groupKey(group);
  const me = c.state.me?.id;
  learn(c, by, frame.by_name);
  learn(c, member, frame.member_name);
  addChange(c, key, { seq, at, change, by, after: 0, ...(member ? { member } : {}), ...(name ? { name } : {}) });
  setConversation(c, key, { name, ...roleAfter(change, by, member, me) });
  meet(c, by);
  meet(c, member);
  const known = c.state.groups[group];
  if (known) {
    const members = membersAfter(known.members, change, by, member);
    set(c, { groups: { ...c.state.groups, [group]: { ...known, name, members } } });
    if (change === "leave" || change === "remove") raise(c, key, members);
  }
  const asked = takeAsked(c, ref);
  if (asked?.purpose === "open") openConversation(c, key);
  if (change === "invite" && member === me) effect(c, { type: "notify", key, id: 0 });
}

/** What a change makes of this account. @returns {{role?: "admin" | "member" | "invited" | null}} */
function roleAfter(
  /** @type {string} */ change,
  /** @type {number} */ by,
  /** @type {number | undefined} */ member,
  /** @type {number | undefined} */ me,
) {
  if (by === me && change === "create") return { role: "admin" };
  if (by === me && change === "join") return { role: "member" };
  if (by === me && change === "leave") return { role: null };
  if (member !== me) return {};
  switch (change) {
    case "add":
    case "demote":
      return { role: "member" };
    case "invite":
      return { role: "invited" };
    case "promote":
      return { role: "admin" };
    case "remove":
      return { role: null };
    default:
      return {};
  }
}

/** @param {Member[]} members @param {string} change @param {number} by @param {number} [member] @returns {Member[]} */
function membersAfter(members, change, by, member = by) {
  const others = members.filter(({ id }) => id !== member);
  const old = members.find(({ id }) => id === member) ?? { delivered: 0, read: 0 };
  const having = (/** @type {Member["role"]} */ role) =>
    members.map((one) => (one.id === member ? { ...one, role } : one));
  switch (change) {
    case "add":
    case "join":
      return [...others, { ...old, id: member, role: "member" }];
    case "invite":
      return [...others, { ...old, id: member, role: "invited" }];
    case "remove":
    case "leave":
      return others;
    case "promote":
      return having("admin");
    case "demote":
      return having("member");
    default:
      return members;
  }
}

/** @param {Context} c @param {ServerFrame} frame */
export function groupShown(c, { group, name, days, members }) {
  const key = groupKey(group);
  for (const member of members) learn(c, member.id, member.name, member.picture ?? null);
  /** @type {Member[]} */
  const list = members.map((/** @type {any} */ { id, role, delivered, read }) => ({ id, role, delivered, read }));
  set(c, { groups: { ...c.state.groups, [group]: { id: group, name, members: list, days } } });
  const mine = list.find(({ id }) => id === c.state.me?.id);
  setConversation(c, key, { name, days, ...(mine ? { role: mine.role } : {}) });
  raise(c, key, list);
  if (!isGroup(c.state.open ?? "u0")) watch(c);
}

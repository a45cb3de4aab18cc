// Every frame that the server's own tests have goes through the reducer: twice, and in any order.

import assert from "node:assert/strict";
import { test } from "node:test";

import { items, rows } from "../../core/select.js";
import { Play, bob, golden, said, trip } from "./play.js";

/** A client with a conversation and a group, both loaded. */
function ready() {
  const play = new Play().enter([bob(), trip()]);
  play.open("u2", [said(70), said(76, 1), said(77), said(78, 1)]);
  play.do({ type: "open", key: "g5" });
  const members = [1, 2, 3].map((id) => ({ id, name: `N${id}`, role: "member", delivered: 0, read: 0 }));
  play.frame({ type: "group.show", group: 5, name: "Trip", days: null, members });
  play.answer("history", { messages: [], more: false });
  return play;
}

/** What a person sees, without what only counts. */
const seen = ({ state }) => ({
  items: items(state),
  rows: Object.keys(state.timelines).map((key) => rows(state, /** @type {any} */ (key))),
  people: state.people,
  groups: state.groups,
  blocked: state.blocked,
  seq: state.seq,
});

for (const { name, frame } of golden("server")) {
  test(`${name} twice is as once`, () => {
    const play = ready();
    play.frame(frame);
    const once = seen(play);
    play.frame(frame);
    assert.deepEqual(seen(play), once);
  });
}

test("frames in any order harm nothing", () => {
  const frames = golden("server");
  // A generator with a seed, so that a failure can be seen again.
  let seed = 7;
  const random = () => (seed = (seed * 48271) % 2147483647) / 2147483647;
  for (let round = 0; round < 40; round++) {
    const play = ready();
    const order = frames.map((one) => ({ ...one, rank: random() })).sort((a, b) => a.rank - b.rank);
    for (const { name, frame } of order) {
      assert.doesNotThrow(() => play.frame(frame), `${name} in round ${round}, ${order.map((one) => one.name)}`);
      for (const key of Object.keys(play.state.timelines)) {
        const ids = play.state.timelines[key].messages.map(({ id }) => id);
        assert.deepEqual(
          ids,
          [...new Set(ids)].sort((a, b) => a - b),
          `${key} after ${name} in round ${round}`,
        );
      }
      assert.doesNotThrow(() => seen(play));
    }
  }
});

test("frames and keys that nobody knows are passed over, and counted", () => {
  const play = ready();
  play.frame({ type: "tomorrow", seq: 11, id: 77 });
  play.frame({ type: "constructor", seq: 12 });
  play.frame({ type: "message", seq: 13, ...said(80), colour: "red" });
  assert.equal(play.state.seq, 13);
});

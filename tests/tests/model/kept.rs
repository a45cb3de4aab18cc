//! Lists of operations on which server and model have disagreed once.

use super::op::Action::{
    Block, Change, Clear, Create, Delete, Edit, Hide, Join, React, Read, Received, Retain, Say,
    Set, Unblock,
};
use super::op::Change::{Add, Leave, Remove, Rename};
use super::op::Op::{self, Again, Burst, Do};
use super::op::Place::{Group, With};
use super::op::{Setting, acquainted, crowded};

/// Each with what was wrong, between people who know each other.
pub fn all() -> Vec<(&'static str, Vec<Op>)> {
    let all = lists().into_iter();
    all.map(|(name, ops)| (name, acquainted().into_iter().chain(ops).collect())).collect()
}

/// The same between people who do not know each other.
pub fn of_strangers() -> Vec<(&'static str, Vec<Op>)> {
    vec![
        (
            "invitations that were taken back reached one stranger after the other",
            vec![
                crowded(0),
                Do(0, Create("lemon", vec![2])),
                Do(0, Change(0, Remove(2))),
                Do(0, Change(0, Add(3))),
                Do(0, Change(0, Add(2))),
                Do(1, Join(0)),
                Do(0, Change(0, Add(3))),
                Do(0, Say(With(4), "lemon", None)),
            ],
        ),
        (
            "a group that ended left its invitations out of the open requests",
            vec![
                crowded(0),
                Do(0, Change(0, Leave)),
                Do(0, Say(With(2), "lemon", None)),
                Do(0, Say(With(3), "lemon", None)),
                Do(1, Say(With(1), "tea, green", None)),
                Do(0, Say(With(3), "lemon", None)),
            ],
        ),
    ]
}

/// One is added to as many groups as may be on a day and to one more; the last one that was made is asked for again.
fn added_too_often() -> Vec<Op> {
    let made = (0..100).map(|_| Do(0, Create("lemon", vec![2])));
    let more = [Again(0, 0), Do(0, Create("lemon", vec![3, 2])), Do(0, Change(0, Add(2)))];
    let others = [Do(0, Create("lemon", vec![3])), Do(1, Create("lemon", vec![1]))];
    made.chain(more).chain(others).collect()
}

fn lists() -> Vec<(&'static str, Vec<Op>)> {
    vec![
        ("somebody was added to groups without end", added_too_often()),
        (
            "who was removed read the group's later name",
            vec![
                Do(4, Create("lemon", vec![2])),
                Do(0, Change(0, Remove(2))),
                Do(0, Change(0, Rename("Lemon tree"))),
            ],
        ),
        (
            "what was done together with a deletion was done to a deleted message",
            vec![
                Do(0, Say(With(2), "lemon", None)),
                Burst(
                    0,
                    vec![
                        Say(With(2), "🍋", None),
                        Say(With(2), "🍋", None),
                        Delete(0),
                        React(0, Some("👍")),
                        Edit(0, "Lemon tree"),
                    ],
                ),
            ],
        ),
        (
            "a message that was edited after somebody had left was never received by all",
            vec![
                Do(0, Create("lemon", vec![2, 3])),
                Do(0, Say(Group(0), "lemon", None)),
                Do(2, Change(0, Leave)),
                Do(0, Edit(0, "🍋")),
                Do(1, Received(0)),
            ],
        ),
        (
            "who had left acknowledged a message that it can no longer get",
            vec![
                Do(0, Create("lemon", vec![2])),
                Do(0, Say(Group(0), "lemon", None)),
                Do(1, Change(0, Leave)),
                Do(0, Edit(0, "🍋")),
                Do(1, Received(0)),
            ],
        ),
        (
            "who came back acknowledged what was said before it left",
            vec![
                Do(0, Create("lemon", vec![2, 3])),
                Do(2, Say(Group(0), "lemon", None)),
                Do(1, Change(0, Leave)),
                Do(0, Change(0, Add(2))),
                Do(1, Join(0)),
                Do(0, Say(Group(0), "🍋", None)),
                Do(1, Received(0)),
            ],
        ),
        (
            "who came back seemed to stop before what was edited then",
            vec![
                Do(0, Create("lemon", vec![2])),
                Do(0, Say(Group(0), "lemon", None)),
                Do(1, Change(0, Leave)),
                Do(0, Change(0, Add(2))),
                Do(1, Join(0)),
                Do(0, Edit(0, "🍋")),
                Do(0, Say(Group(0), "Lemon tree", None)),
                Do(1, Received(0)),
            ],
        ),
        (
            "who was removed read a later reaction in its log",
            vec![
                Do(0, Create("lemon", vec![2])),
                Do(0, Say(Group(0), "lemon", None)),
                Do(0, React(0, Some("👍"))),
                Do(0, Change(0, Remove(2))),
                Do(0, React(0, Some("🍋"))),
            ],
        ),
        (
            "an edit by who was blocked changed what had arrived",
            vec![
                Do(0, Create("lemon", vec![2, 3])),
                Do(1, Say(Group(0), "lemon", None)),
                Do(0, Block(2)),
                Do(1, Edit(0, "tea, green")),
                Do(1, Edit(0, "Lemon tree")),
                Do(0, Unblock(2)),
            ],
        ),
        (
            "a reaction made during a block came when it ended",
            vec![
                Do(0, Say(With(2), "lemon", None)),
                Do(0, Say(With(2), "🍋", None)),
                Do(1, React(1, Some("👍"))),
                Do(0, Block(2)),
                Do(1, React(0, Some("👍"))),
                Do(0, Unblock(2)),
            ],
        ),
        (
            "the same edit again brought a text that a block had withheld",
            vec![
                Do(1, Say(With(1), "lemon", None)),
                Do(0, Block(2)),
                Do(1, Edit(0, "🍋")),
                Do(0, Unblock(2)),
                Do(1, Edit(0, "🍋")),
            ],
        ),
        (
            "the same edit again brought it to who had left",
            vec![
                Do(0, Create("lemon", vec![2, 3])),
                Do(1, Say(Group(0), "lemon", None)),
                Do(0, Block(2)),
                Do(1, Edit(0, "🍋")),
                Do(0, Change(0, Leave)),
                Do(1, Edit(0, "🍋")),
            ],
        ),
        (
            "who set a retention could tell that it was blocked",
            vec![
                Do(1, Say(With(1), "lemon", None)),
                Do(0, Block(2)),
                Do(1, Retain(With(1), Some(7))),
                Do(0, Unblock(2)),
            ],
        ),
        (
            "hidden messages stand between those that a block withholds",
            vec![
                Do(0, Create("lemon", vec![2, 3])),
                Do(1, Say(Group(0), "lemon", None)),
                Do(2, Block(2)),
                Do(1, Say(Group(0), "tea, green", None)),
                Do(0, Say(Group(0), "Lemon tree", None)),
                Do(1, Say(Group(0), "🍋", None)),
                Do(2, Hide(0)),
                Do(2, Hide(0)),
                Do(0, React(1, Some("👍"))),
                Do(0, Edit(0, "lemon")),
                Do(2, Received(0)),
                Do(2, Set(Group(0), Setting::Unread(true))),
                Do(2, Hide(15)),
            ],
        ),
        (
            "a conversation is cleared and goes on",
            vec![
                Do(0, Say(With(2), "lemon", None)),
                Do(1, Say(With(1), "🍋", None)),
                Do(0, Set(With(2), Setting::Pinned(true))),
                Do(0, Clear(With(2))),
                Do(0, Clear(With(2))),
                Do(1, Edit(0, "tea, green")),
                Do(0, Edit(0, "tea, green")),
                Do(1, Say(With(1), "Lemon tree", None)),
                Do(0, Read(0)),
                Do(0, Set(With(2), Setting::Unread(true))),
                Do(0, Read(0)),
            ],
        ),
        (
            "a group is cleared, left and joined again",
            vec![
                Do(0, Create("lemon", vec![2, 3])),
                Do(0, Say(Group(0), "lemon", None)),
                Do(1, Clear(Group(0))),
                Do(1, Set(Group(0), Setting::Archived(true))),
                Do(1, Change(0, Leave)),
                Do(1, Clear(Group(0))),
                Do(0, Change(0, Add(2))),
                Do(1, Join(0)),
                Do(0, Say(Group(0), "Lemon tree", None)),
            ],
        ),
        (
            "a batch hides what it changes afterwards",
            vec![
                Do(0, Say(With(2), "lemon", None)),
                Do(0, Say(With(2), "🍋", None)),
                Burst(0, vec![Hide(0), Edit(0, "tea, green"), React(0, Some("👍")), Hide(0)]),
                Burst(0, vec![Clear(With(2)), Edit(0, "tea, green"), Say(With(2), "🍋", Some(0))]),
            ],
        ),
        (
            "a reaction that had been withheld was told of when it was taken back",
            vec![
                Do(0, Say(With(2), "lemon", None)),
                Do(0, Block(2)),
                Do(1, React(0, Some("👍"))),
                Do(0, Unblock(2)),
                Do(1, React(0, None)),
            ],
        ),
    ]
}

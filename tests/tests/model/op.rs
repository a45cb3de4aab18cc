//! EventBody can happen in a run: what somebody does at a device, and what befalls devices and servers.
//!
//! Printed as the Rust that makes it, so that a list that failed can be kept in `kept.rs`.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

/// One of the [`ACCOUNTS`], from 1.
pub type Who = i64;
/// An entry of a conversation, counted over all of them from 1.
pub type Id = i64;

/// Who lives in every run.
pub const ACCOUNTS: [&str; 4] = ["Ann", "Ben", "Cid", "Dee"];
/// Whose each device is.
pub const DEVICES: [Who; 6] = [1, 2, 3, 4, 1, 2];
/// Accounts that do nothing, and whom nobody knows: who asks all of them has one open request left.
pub const CROWD: std::ops::Range<Who> = 101..150;
/// No account and no group has this number.
pub const NOBODY: i64 = 9;
/// No message has this number, in no run.
pub const NO_MESSAGE: Id = 1_000_000;
/// EventBody is said, and what groups are called.
const WORDS: [&str; 5] = ["lemon", "Lemon tree", "tea, green", "Tree of lemons", "🍋"];
/// Operations of one run.
const OPS: std::ops::Range<usize> = 1..70;

/// Something that happens. A device is a place in [`DEVICES`]; who does something at one that is away comes back first.
#[derive(Clone, Debug)]
pub enum Op {
    /// Somebody does something and is answered.
    Do(usize, Action),
    /// Somebody does several things without waiting for an answer in between.
    Burst(usize, Vec<Action>),
    /// A message or a new group is sent, the server killed before it can be known what came of it, and sent again.
    InDoubt(usize, Action),
    /// EventBody the account sent so many requests ago is sent again, with the same `ref`.
    Again(usize, usize),
    /// The connection breaks.
    Drop(usize),
    /// The device comes back, after the last event that it has heard.
    Back(usize),
    /// The device comes back without knowing anything.
    Blank(usize),
    /// The account shows what it has read from now on, or hides it.
    ShowRead(usize, bool),
    /// The account has another picture from now on, or none.
    Picture(usize, bool),
    /// The server is stopped as an operator does, and started.
    Restart,
    /// The server is killed, and started.
    Kill,
}
use Op::{Again, Back, Blank, Burst, Do, Drop, InDoubt, Kill, Picture, Restart, ShowRead};

/// EventBody an account can do. In an [`Op`] messages and groups are picked by small numbers, see `pick.rs`; the model and the
/// server are given their ids.
#[derive(Clone, Debug)]
pub enum Action {
    /// A message, perhaps an answer to another.
    Say(Place, &'static str, Option<Id>),
    /// Everything up to this event has arrived. In an op: so many less than the device has heard.
    Received(i64),
    /// Everything up to this message has been read.
    Read(Id),
    /// Another text.
    Edit(Id, &'static str),
    /// No text.
    Delete(Id),
    /// A reaction, or none.
    React(Id, Option<&'static str>),
    /// A message is given to the operator.
    Report(Id),
    /// Nothing from this account is to arrive.
    Block(Who),
    /// It may again.
    Unblock(Who),
    /// Whoever has asked is known from now on.
    Accept(Who),
    /// Nothing is to arrive from this account, which has asked.
    Decline(Who),
    /// A message is not seen any more, at the own devices.
    Hide(Id),
    /// Something is set for a conversation, for the own devices.
    Set(Place, Setting),
    /// What was said in a conversation is not seen any more, at the own devices.
    Clear(Place),
    /// For how many days a conversation keeps its messages.
    Retain(Place, Option<i64>),
    /// A new group.
    Create(&'static str, Vec<Who>),
    /// A group changes.
    Change(i64, Change),
    /// An invitation to a group is accepted.
    Join(i64),
    /// One is declined.
    DeclineInvitation(i64),
}
use Action::{
    Accept, Block, Change as Alter, Clear, Create, Decline, DeclineInvitation, Delete, Edit, Hide,
    Join, React, Read, Received, Report, Retain, Say, Set, Unblock,
};

/// A conversation as somebody in it calls it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// The one with this account.
    With(Who),
    /// A group's.
    Group(i64),
}
use Place::{Group, With};

/// What can be set for a conversation.
#[derive(Clone, Copy, Debug)]
pub enum Setting {
    /// Until when it makes no noise.
    MutedUntil(Option<i64>),
    /// Whether it is at the top.
    Pinned(bool),
    /// Whether it is put away.
    Archived(bool),
    /// Whether it is marked as unread.
    Unread(bool),
}

/// How a group can change.
#[derive(Clone, Debug)]
pub enum Change {
    /// One more member.
    Add(Who),
    /// One less.
    Remove(Who),
    /// Another name.
    Rename(&'static str),
    /// One goes by itself.
    Leave,
    /// A member is an admin now.
    Promote(Who),
    /// An admin is none any more.
    Demote(Who),
}

impl Action {
    /// Whether its `ref` belongs to it for ever, once it has made an event.
    pub fn keeps_ref(&self) -> bool {
        matches!(self, Say(..) | Create(..) | Retain(..) | Alter(..) | Join(_))
    }

    /// Whether it has its place among what is sent without waiting for answers: receipts may come after what was sent later.
    fn has_order(&self) -> bool {
        !matches!(self, Received(_) | Read(_))
    }

    /// Whether it changes who hears whom.
    fn parts(&self) -> bool {
        matches!(self, Alter(..) | Join(_) | Block(_) | Unblock(_) | Create(..))
    }

    /// Whether others can tell when it was done by the clock alone.
    pub fn has_time(&self) -> bool {
        matches!(self, React(..))
    }
}

/// Everybody has written to everybody, and has been accepted.
pub fn acquainted() -> Vec<Op> {
    let pairs = (1..=ACCOUNTS.len() as Who).flat_map(|one| (1..one).map(move |other| (one, other)));
    let meet = |(one, other)| {
        [
            Do(one as usize - 1, Say(With(other), "tea, green", None)),
            Do(other as usize - 1, Accept(one)),
        ]
    };
    pairs.flat_map(meet).collect()
}

/// Somebody invites all of the crowd.
pub fn crowded(device: usize) -> Op {
    Do(device, Create("lemon", CROWD.collect()))
}

/// Lists of operations; most begin with a group of everybody, since most of the rules are about groups, and half with people
/// who know each other. In some somebody has asked nearly as many as one may.
pub fn ops() -> impl Strategy<Value = Vec<Op>> {
    let people = option::weighted(0.5, Just(acquainted()));
    let crowd = option::weighted(0.3, (0..ACCOUNTS.len()).prop_map(crowded));
    let group = option::weighted(0.8, Just(Do(0, Create("lemon", vec![2, 3, 4]))));
    (people, crowd, group, vec(op(), OPS)).prop_map(|(people, crowd, group, ops)| {
        people.into_iter().flatten().chain(crowd).chain(group).chain(ops).collect()
    })
}

fn op() -> impl Strategy<Value = Op> {
    let device = || 0..DEVICES.len();
    let ordered = || action().prop_filter("without an order", Action::has_order);
    // IdMap together may be done at the same millisecond, and then it is not told apart which came first.
    let burst = prop_oneof![
        vec(ordered().prop_filter("who is there changes", |action| !action.parts()), 2..6),
        vec(ordered().prop_filter("told by the clock", |action| !action.has_time()), 2..6),
    ];
    prop_oneof![
        60 => (device(), action()).prop_map(|(device, action)| Do(device, action)),
        6 => (device(), burst).prop_map(|(device, actions)| Burst(device, actions)),
        5 => (device(), 0..12_usize).prop_map(|(device, ago)| Again(device, ago)),
        8 => device().prop_map(Drop),
        6 => device().prop_map(Back),
        3 => device().prop_map(Blank),
        3 => (device(), any::<bool>()).prop_map(|(device, shows)| ShowRead(device, shows)),
        3 => (device(), proptest::bool::weighted(0.7)).prop_map(|(device, has)| Picture(device, has)),
        1 => (device(), in_doubt()).prop_map(|(device, action)| InDoubt(device, action)),
        1 => Just(Restart),
        1 => Just(Kill),
    ]
}

fn action() -> impl Strategy<Value = Action> {
    prop_oneof![
        30 => say(),
        16 => (0..4_i64).prop_map(Received),
        12 => pick().prop_map(Read),
        6 => (pick(), word()).prop_map(|(id, text)| Edit(id, text)),
        4 => pick().prop_map(Delete),
        6 => (pick(), option::weighted(0.7, select(&["👍", "🍋"][..]))).prop_map(|(id, it)| React(id, it)),
        3 => pick().prop_map(Report),
        3 => somebody().prop_map(Block),
        3 => somebody().prop_map(Unblock),
        5 => somebody().prop_map(Accept),
        3 => somebody().prop_map(Decline),
        3 => (place(), days()).prop_map(|(place, days)| Retain(place, days)),
        5 => pick().prop_map(Hide),
        5 => (place(), setting()).prop_map(|(place, setting)| Set(place, setting)),
        3 => place().prop_map(Clear),
        3 => create(),
        20 => (pick(), change()).prop_map(|(group, change)| Alter(group, change)),
        8 => pick().prop_map(Join),
        2 => pick().prop_map(DeclineInvitation),
    ]
}

fn say() -> impl Strategy<Value = Action> {
    (place(), word(), option::weighted(0.2, pick())).prop_map(|(to, text, of)| Say(to, text, of))
}

fn create() -> impl Strategy<Value = Action> {
    (word(), vec(somebody(), 0..4)).prop_map(|(name, members)| Create(name, members))
}

fn in_doubt() -> impl Strategy<Value = Action> {
    prop_oneof![3 => say(), 1 => create()]
}

fn change() -> impl Strategy<Value = Change> {
    prop_oneof![
        6 => somebody().prop_map(Change::Add),
        4 => somebody().prop_map(Change::Remove),
        2 => word().prop_map(Change::Rename),
        3 => Just(Change::Leave),
        4 => somebody().prop_map(Change::Promote),
        2 => somebody().prop_map(Change::Demote),
    ]
}

/// Mostly one of the latest.
fn pick() -> impl Strategy<Value = i64> {
    prop_oneof![3 => 0..3_i64, 1 => 0..16_i64]
}

fn place() -> impl Strategy<Value = Place> {
    prop_oneof![3 => somebody().prop_map(With), 4 => pick().prop_map(Group)]
}

fn somebody() -> impl Strategy<Value = Who> {
    prop_oneof![40 => 1..=ACCOUNTS.len() as Who, 1 => Just(NOBODY)]
}

fn word() -> impl Strategy<Value = &'static str> {
    select(&WORDS[..])
}

fn setting() -> impl Strategy<Value = Setting> {
    prop_oneof![
        1 => option::of(1..3_i64).prop_map(Setting::MutedUntil),
        1 => any::<bool>().prop_map(Setting::Pinned),
        1 => any::<bool>().prop_map(Setting::Archived),
        3 => proptest::bool::weighted(0.8).prop_map(Setting::Unread),
    ]
}

fn days() -> impl Strategy<Value = Option<i64>> {
    select(vec![Some(1), Some(7), Some(90), None])
}

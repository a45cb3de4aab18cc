//! Several accounts act on one group at once. EventBody comes of it is the server's choice, but it is one story: everybody's log
//! tells the same one, as far as they were there, and each step of it was allowed when it was taken.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Barrier;
use std::thread;

use anyhow::{Context, Result, anyhow, bail, ensure};
use proptest::array::uniform4;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Value, json};

use super::device::{Device, Since};
use super::name::IdMaps;
use super::op::{ACCOUNTS, Action, Change, Op, Place, Who, acquainted};
use super::run::{people, same};
use crate::harness::Deployment;

/// EventBody each account does, and which of them are admins from the beginning. The last one is not in the group yet.
#[derive(Clone, Debug)]
pub struct Race {
    pub admins: Vec<Who>,
    pub actions: [Vec<Action>; 4],
}

const GROUP: i64 = 1;
/// The message that is there from the beginning, by the first account.
const FIRST: i64 = 1;

/// Races in which much depends on who comes first.
pub fn races() -> impl Strategy<Value = Race> {
    let admins = select(vec![vec![1], vec![1, 2], vec![1, 2, 3]]);
    (admins, uniform4(vec(action(), 0..5))).prop_map(|(admins, actions)| Race { admins, actions })
}

/// Those that everybody asks about.
pub fn known() -> Vec<(&'static str, Race)> {
    let change = |change| Action::Change(GROUP, change);
    let say = || Action::Say(Place::Group(GROUP), "lemon", None);
    let race = |actions| Race { admins: vec![1, 2, 3], actions };
    vec![
        (
            "two admins remove each other",
            race([
                vec![change(Change::Remove(2))],
                vec![change(Change::Remove(1))],
                vec![say()],
                vec![],
            ]),
        ),
        (
            "three admins demote each other",
            race([
                vec![change(Change::Demote(2))],
                vec![change(Change::Demote(3))],
                vec![change(Change::Demote(1))],
                vec![],
            ]),
        ),
        (
            "one is added by two, and leaves",
            race([
                vec![change(Change::Add(4))],
                vec![change(Change::Add(4)), say()],
                vec![say(), change(Change::Leave)],
                vec![change(Change::Leave), say(), change(Change::Leave)],
            ]),
        ),
        (
            "somebody speaks who is being removed",
            race([
                vec![change(Change::Remove(3)), say(), change(Change::Add(3))],
                vec![say(), change(Change::Remove(3)), say()],
                vec![say(), say(), say(), say()],
                vec![],
            ]),
        ),
        (
            "an invitation is answered while it is taken back",
            race([
                vec![change(Change::Remove(3)), change(Change::Add(3)), change(Change::Remove(3))],
                vec![change(Change::Add(3)), say()],
                vec![
                    Action::Join(GROUP),
                    Action::DeclineInvitation(GROUP),
                    Action::Join(GROUP),
                    say(),
                ],
                vec![],
            ]),
        ),
        (
            "everybody leaves",
            race([
                vec![change(Change::Leave)],
                vec![change(Change::Leave)],
                vec![change(Change::Leave)],
                vec![say()],
            ]),
        ),
    ]
}

fn action() -> impl Strategy<Value = Action> {
    let somebody = || 1..=ACCOUNTS.len() as Who;
    let emoji = option::weighted(0.7, select(&["👍", "🍋"][..]));
    prop_oneof![
        8 => Just(Action::Say(Place::Group(GROUP), "lemon", None)),
        6 => somebody().prop_map(|who| Action::Change(GROUP, Change::Add(who))),
        6 => somebody().prop_map(|who| Action::Change(GROUP, Change::Remove(who))),
        3 => somebody().prop_map(|who| Action::Change(GROUP, Change::Promote(who))),
        3 => somebody().prop_map(|who| Action::Change(GROUP, Change::Demote(who))),
        2 => Just(Action::Change(GROUP, Change::Leave)),
        6 => Just(Action::Join(GROUP)),
        1 => Just(Action::DeclineInvitation(GROUP)),
        2 => select(&["tea", "tree"][..]).prop_map(|name| Action::Change(GROUP, Change::Rename(name))),
        2 => emoji.prop_map(|emoji| Action::React(FIRST, emoji)),
        1 => select(&["tea", "tree"][..]).prop_map(|text| Action::Edit(FIRST, text)),
        1 => Just(Action::Delete(FIRST)),
        2 => Just(Action::Read(FIRST)),
        2 => Just(Action::Received(10)),
    ]
}

/// Runs it, and checks what came of it.
pub fn run(deployment: &mut Deployment, race: &Race) -> Result<()> {
    let endpoints = deployment.endpoints.clone();
    let mut names = IdMaps::default();
    let people = people(&endpoints)?;
    let mut devices: Vec<_> =
        people.iter().zip(1..).map(|(client, who)| Device::of(client, who, &endpoints)).collect();
    for (device, client) in devices.iter_mut().zip(&people) {
        names.accounts.learn(client.id, device.who)?;
        device.connect(Since::Seen, 0)?;
    }
    prepare(&mut devices, &mut names, race)?;
    let begin: Vec<_> = devices.iter().map(|device| device.seen as usize).collect();
    let answers = act(&mut devices, &names, race)?;
    let mut logs = Vec::new();
    for (client, device) in people.iter().zip(&mut devices) {
        let mut reader = Device::of(client, device.who, &endpoints);
        let head = reader.connect(Since::Zero, 0)?;
        reader.receive_up_to(head)?;
        // Whoever was there all the time has heard all of it, without a hole.
        device.receive_up_to(head)?;
        device.receive_all()?;
        logs.push(std::mem::take(&mut reader.events));
        reader.drop()?;
    }
    for ((who, answers), log) in (1..).zip(&answers).zip(&logs) {
        answers
            .iter()
            .try_for_each(|answer| is_in(answer, log))
            .with_context(|| format!("{who}"))?;
    }
    let logs: Vec<Vec<_>> = logs
        .iter()
        .map(|log| log.iter().map(|event| names.inside_with_ids(event)).collect())
        .collect();
    let mut history = GroupHistory::new(race);
    history.replay(&logs, &begin)?;
    for (device, log) in devices.iter_mut().zip(&logs) {
        let who = device.who;
        history.check(device, &names, log).with_context(|| format!("what {who} finds"))?;
        device.drop()?;
    }
    Ok(())
}

/// People who know each other, the group, its admins, and a first message that everybody in it has.
fn prepare(devices: &mut [Device], names: &mut IdMaps, race: &Race) -> Result<()> {
    for (n, op) in acquainted().iter().enumerate() {
        let Op::Do(device, action) = op else { bail!("{op:?}") };
        let reference = format!("known {n}");
        devices[*device].write(&names.request(action, &reference))?;
        devices[*device].answer(&reference)?;
    }
    // Everybody's last event so far is what they have done themselves.
    let before: Vec<_> = devices.iter().map(|device| device.seen).collect();
    let mut admin = |names: &IdMaps, reference: &str, action: Action| {
        devices[0].write(&names.request(&action, reference))?;
        devices[0].answer(reference)
    };
    let made = admin(names, "made", Action::Create("lemon", vec![2, 3]))?;
    names.groups.learn(made["group"].as_i64().with_context(|| format!("{made}"))?, GROUP)?;
    for who in race.admins.iter().filter(|who| **who != 1) {
        admin(names, &format!("promoted {who}"), Action::Change(GROUP, Change::Promote(*who)))?;
    }
    let sent = admin(names, "sent", Action::Say(Place::Group(GROUP), "lemon", None))?;
    names.messages.learn(sent["id"].as_i64().with_context(|| format!("{sent}"))?, FIRST)?;
    let events = devices[0].seen - before[0];
    devices[1].receive_up_to(before[1] + events)?;
    devices[2].receive_up_to(before[2] + events)
}

/// Everybody does everything at once; gives the answers.
fn act(devices: &mut [Device], names: &IdMaps, race: &Race) -> Result<Vec<Vec<Value>>> {
    let barrier = Barrier::new(devices.len());
    let act = |(device, actions): (&mut Device, &Vec<Action>)| -> Result<Vec<Value>> {
        barrier.wait();
        let references = (0..actions.len()).map(|n| format!("race {n}"));
        for (action, reference) in actions.iter().zip(references.clone()) {
            device.write(&names.request(action, &reference))?;
        }
        references.map(|reference| device.answer(&reference)).collect()
    };
    let act = &act;
    thread::scope(|scope| {
        let pairs = devices.iter_mut().zip(&race.actions);
        let threads: Vec<_> = pairs.map(|pair| scope.spawn(move || act(pair))).collect();
        let join = |thread: thread::ScopedJoinHandle<'_, _>| {
            thread.join().map_err(|_| anyhow!("a thread panicked"))?
        };
        threads.into_iter().map(join).collect()
    })
}

/// An answer is a refusal that can be, or what the log has at its place.
fn is_in(answer: &Value, log: &[Value]) -> Result<()> {
    if let Some(code) = answer["code"].as_str() {
        let can_be = matches!(code, "not_found" | "forbidden" | "too_late");
        ensure!(can_be, "answered {answer}");
    }
    let Some(seq) = answer["seq"].as_i64() else { return Ok(()) };
    let event = log.get(seq as usize - 1).with_context(|| format!("no event of {answer}"))?;
    // EventBody has been taken out of sight since says no more.
    let is_same = match (answer["type"].as_str(), event["type"].as_str()) {
        (_, Some("expired")) => true,
        (Some("sent"), Some("message")) => event["id"] == answer["id"],
        (Some("group"), Some("group")) => event["change"] == answer["change"],
        (answer, event) => answer == event,
    };
    ensure!(is_same, "answered {answer}, but the log has {event}");
    Ok(())
}

/// The group as its entries make it, one by one.
struct GroupHistory {
    name: String,
    /// Who is in it, and whether as an admin; the longest-standing first.
    members: Vec<(Who, bool)>,
    /// Who is invited, and whether it waits for an answer; the first first.
    invited: Vec<(Who, bool)>,
    /// Who is or was in it or invited.
    known: BTreeSet<Who>,
}

impl GroupHistory {
    fn new(race: &Race) -> Self {
        let members = (1..=3).map(|who| (who, race.admins.contains(&who))).collect();
        let known = (1..=3).collect();
        Self { name: "lemon".to_owned(), members, invited: Vec::new(), known }
    }

    fn is_admin(&self, who: Who) -> Option<bool> {
        self.members.iter().find(|(other, _)| *other == who).map(|(_, is_admin)| *is_admin)
    }

    /// Goes through all logs at once: the next entry is the same for everybody who is in the group, and nobody else has it.
    fn replay(&mut self, logs: &[Vec<Value>], begin: &[usize]) -> Result<()> {
        let mut rest: BTreeMap<Who, Vec<Value>> = (1..)
            .zip(logs.iter().zip(begin))
            .map(|(who, (log, begin))| {
                let mut entries: Vec<_> = log[*begin..].iter().filter_map(entry).collect();
                entries.reverse();
                (who, entries)
            })
            .collect();
        loop {
            // Only who declines hears of it; nothing else is about them before it.
            for (who, entries) in &mut rest {
                if entries.pop_if(|entry| entry["type"] == "decline").is_some() {
                    let waiting = self.invited.iter_mut().find(|invited| **invited == (*who, true));
                    waiting.context("declined by who is not invited")?.1 = false;
                }
            }
            let next = self.members.iter().find_map(|(who, _)| rest[who].last()).cloned();
            let Some(next) = next else { break };
            let other = self.hearer(&next);
            let hearers: Vec<_> = self.members.iter().map(|(who, _)| *who).chain(other).collect();
            for who in hearers {
                let heard = rest.get_mut(&who).and_then(Vec::pop);
                ensure!(heard.as_ref() == Some(&next), "{who} heard {heard:?}, others {next}");
            }
            if next["type"] == "group" {
                self.turn(&next).with_context(|| format!("{next} of {:?}", self.members))?;
            }
        }
        let left: Vec<_> = rest.iter().filter(|(_, entries)| !entries.is_empty()).collect();
        ensure!(left.is_empty(), "heard by who was not there: {left:?}");
        Ok(())
    }

    /// Who hears of an entry without being in the group yet.
    fn hearer(&self, entry: &Value) -> Option<Who> {
        let member = entry["member"].as_i64();
        match entry["change"].as_str()? {
            "add" | "invite" => member,
            "join" => entry["by"].as_i64(),
            "remove" => member.filter(|who| self.invited.contains(&(*who, true))),
            _ => None,
        }
    }

    /// One change, which must be allowed.
    fn turn(&mut self, entry: &Value) -> Result<()> {
        let by = entry["by"].as_i64().context("no `by`")?;
        let change = entry["change"].as_str().context("no `change`")?;
        if change == "join" {
            let waits = self.invited.iter().position(|invited| *invited == (by, true));
            self.invited.remove(waits.context("by who is not invited")?);
            self.members.push((by, false));
            ensure!(entry["name"] == self.name, "the name should be {}", self.name);
            return Ok(());
        }
        let is_admin = self.is_admin(by).context("by somebody who is not there")?;
        ensure!(is_admin || change == "leave", "by somebody who is no admin");
        if change == "rename" {
            entry["name"].as_str().unwrap_or_default().clone_into(&mut self.name);
        }
        ensure!(entry["name"] == self.name, "the name should be {}", self.name);
        let member = entry["member"].as_i64().unwrap_or(by);
        let place = self.members.iter().position(|(who, _)| *who == member);
        let invited = self.invited.iter().position(|(who, _)| *who == member);
        let is_known = !self.known.insert(member);
        match (change, place) {
            ("add", None) if !is_known => self.members.push((member, false)),
            ("invite", None) if is_known && invited.is_none() => self.invited.push((member, true)),
            ("remove", None) => drop(self.invited.remove(invited.context("it changes nothing")?)),
            ("remove" | "leave", Some(place)) => drop(self.members.remove(place)),
            ("promote", Some(place)) if !self.members[place].1 => self.members[place].1 = true,
            ("demote", Some(place)) if self.members[place].1 => self.members[place].1 = false,
            ("rename", _) => {}
            _ => bail!("it changes nothing"),
        }
        let has_admin = self.members.iter().any(|(_, is_admin)| *is_admin);
        ensure!(has_admin || self.members.is_empty(), "it leaves no admin");
        Ok(())
    }

    /// EventBody an account is shown is how the story has ended for it.
    fn check(&self, device: &mut Device, names: &IdMaps, log: &[Value]) -> Result<()> {
        let group = names.groups.outside(GROUP);
        let show = names.inside(&device.ask(json!({"type": "group.show", "group": group}))?);
        if self.is_admin(device.who).is_some() {
            let role = |is_admin| if is_admin { "admin" } else { "member" };
            let members = self.members.iter().map(|(who, is_admin)| json!([who, role(*is_admin)]));
            let invited = self.invited.iter().map(|(who, _)| json!([who, "invited"]));
            let members: Vec<_> = members.chain(invited).collect();
            let shown = show["members"].as_array().context("no members")?;
            let shown: Vec<_> = shown.iter().map(|it| json!([it["id"], it["role"]])).collect();
            same("the group", &shown, &members)?;
            ensure!(show["name"] == self.name, "{show} should be called {}", self.name);
        } else {
            ensure!(show["code"] == "not_found", "shown to who is not there: {show}");
        }
        let came = log.iter().rposition(|event| {
            let is_create = event["change"] == "create";
            let is_add = event["change"] == "add" && event["member"] == device.who;
            is_create || is_add || (event["change"] == "join" && event["by"] == device.who)
        });
        let page = device.ask(json!({"type": "history", "group": group, "limit": 200}))?;
        let Some(came) = came else {
            ensure!(page["code"] == "not_found", "read by who was never there: {page}");
            return Ok(());
        };
        let page = names.inside_with_ids(&page);
        let shown = page["messages"].as_array().with_context(|| format!("no page: {page}"))?;
        let shown: Vec<_> = shown.iter().map(|message| message["id"].clone()).collect();
        let own = log[came..].iter().filter(|event| event["type"] == "message");
        same("history", &shown, &own.map(|event| event["id"].clone()).collect::<Vec<_>>())
    }
}

/// A message or a change of a group, as everybody has it; or that an invitation was declined.
fn entry(event: &Value) -> Option<Value> {
    let kind = event["type"].as_str()?;
    let is_entry = ["message", "group", "decline"].contains(&kind);
    let mut entry = event.clone();
    let keys = entry.as_object_mut()?;
    for key in ["seq", "by_name", "member_name"] {
        keys.remove(key);
    }
    if kind == "message" {
        keys.remove("name");
    }
    is_entry.then_some(entry)
}

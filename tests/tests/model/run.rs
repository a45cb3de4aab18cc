//! One run: operations, each done to the server and to the model, and what must be so after each.

use std::thread;
use std::time::{SystemTime, UNIX_EPOCH};

use acceptance::{Client, Endpoints};
use anyhow::{Context, Result, anyhow, ensure};
use rustix::process::Signal;
use serde_json::{Value, json};

use super::device::{Device, Since};
use super::name::IdMaps;
use super::op::{ACCOUNTS, Action, CROWD, DEVICES, Op, Place, Who};
use super::state::Model;
use crate::harness::Deployment;

/// EventBody those who do nothing are called.
const NAMELESS: &str = "Somebody";

/// How soon the server closes a connection when it ends is `goodbye`'s concern; that it does so is told here.
const GOING_AWAY: u16 = 1001;

/// New accounts on a server that may have others.
pub struct Run<'a> {
    deployment: &'a mut Deployment,
    pub model: Model,
    pub names: IdMaps,
    devices: Vec<Device>,
    /// Reads logs from the beginning, one an account.
    readers: Vec<Device>,
    /// Every request that had a `ref` of its own.
    sent: Vec<Sent>,
}

struct Sent {
    who: Who,
    reference: String,
    action: Action,
    /// The first answer, if the `ref` is kept.
    first: Option<Value>,
}

impl<'a> Run<'a> {
    /// Everybody signs up and connects. `crowd`: the numbers of those who do nothing, if they are needed.
    pub fn begin(deployment: &'a mut Deployment, crowd: &[i64]) -> Result<Self> {
        let endpoints = deployment.endpoints.clone();
        let mut names = IdMaps::default();
        let people = people(&endpoints)?;
        let numbers = people.iter().map(|client| client.id).zip(1..);
        for (id, who) in numbers.chain(crowd.iter().copied().zip(CROWD)) {
            names.accounts.learn(id, who)?;
        }
        let device = |who: Who| Device::of(&people[who as usize - 1], who, &endpoints);
        let mut devices: Vec<_> = DEVICES.iter().map(|who| device(*who)).collect();
        let readers = (1..=ACCOUNTS.len() as Who).map(device).collect();
        for device in &mut devices {
            device.connect(Since::Seen, 0)?;
        }
        let mut model = Model::of(people.iter().map(|client| client.name.clone()));
        for (_, who) in crowd.iter().zip(CROWD) {
            model.accounts.entry(who).or_default().name = NAMELESS.to_owned();
        }
        Ok(Self { deployment, model, names, devices, readers, sent: Vec::new() })
    }

    /// All of it.
    pub fn play(mut self, ops: &[Op]) -> Result<()> {
        for (n, op) in ops.iter().enumerate() {
            let step = self.step(op).and_then(|()| self.settle());
            step.with_context(|| format!("operation {} of {}, {op:?}", n + 1, ops.len()))?;
        }
        for device in self.devices.iter_mut().filter(|it| it.is_connected) {
            device.receive_no_more().with_context(|| format!("a device of {}", device.who))?;
        }
        self.check_all().context("at the end")
    }

    fn step(&mut self, op: &Op) -> Result<()> {
        match op {
            Op::Do(device, action) => self.act(*device, std::slice::from_ref(action)),
            Op::Burst(device, actions) => self.act(*device, actions),
            Op::InDoubt(device, action) => self.act_in_doubt(*device, action),
            Op::Again(device, ago) => self.act_again(*device, *ago),
            Op::Drop(device) => self.devices[*device].drop(),
            Op::Back(device) => self.connect(*device, Since::Seen),
            Op::Blank(device) => {
                self.devices[*device].drop()?;
                self.connect(*device, Since::Acknowledged)
            }
            Op::ShowRead(device, shows) => {
                let who = self.devices[*device].who;
                self.devices[*device].show_read(*shows)?;
                self.model.accounts.entry(who).or_default().hides_read = !shows;
                Ok(())
            }
            Op::Picture(device, has_one) => {
                let device = &self.devices[*device];
                self.model.account_mut(device.who).picture = device.change_picture(*has_one)?;
                Ok(())
            }
            Op::Restart => self.restart(),
            Op::Kill => {
                self.kill()?;
                self.check_all()
            }
        }
    }

    fn act(&mut self, device: usize, actions: &[Action]) -> Result<()> {
        self.connect(device, Since::Seen)?;
        let (who, seen) = (self.devices[device].who, self.devices[device].seen);
        // EventBody the picks stand for is known before the first is sent.
        let actions: Vec<_> =
            actions.iter().map(|action| self.model.resolve(who, seen, action)).collect();
        let from = self.sent.len();
        for action in actions {
            let reference = format!("{}", self.sent.len());
            self.devices[device].write(&self.names.request(&action, &reference))?;
            self.sent.push(Sent { who, reference, action, first: None });
        }
        for place in from..self.sent.len() {
            let seq = self.is_answered(device, place)?;
            let is_own =
                matches!(self.sent[place].action, Action::Say(Place::With(to), ..) if to == who);
            let is_twice = seq.is_some_and(|seq| self.devices[device].has_heard(seq));
            ensure!(is_own || !is_twice, "heard as an event what it was answered with");
        }
        if self.sent[from..].iter().any(|sent| sent.action.has_time()) {
            next_millisecond();
        }
        Ok(())
    }

    /// Does to the model what was sent to the server, and compares the answers. Gives the answer's `seq`.
    fn is_answered(&mut self, device: usize, place: usize) -> Result<Option<i64>> {
        let Sent { who, reference, action, first } = &mut self.sent[place];
        let expected = self.model.apply(*who, reference, action);
        let answer = self.devices[device].answer(reference)?;
        let learn =
            [("sent", "id", &mut self.names.messages), ("group", "group", &mut self.names.groups)];
        for (kind, key, table) in learn {
            if expected["type"] == kind && answer["type"] == kind {
                let new = answer[key].as_i64().zip(expected[key].as_i64());
                let (outside, inside) = new.with_context(|| format!("no `{key}`: {answer}"))?;
                table.learn(outside, inside)?;
            }
        }
        let got = self.names.inside(&answer);
        ensure!(got == expected, "{who} should be answered {expected}, got {got}");
        if action.keeps_ref() && answer.get("seq").is_some() {
            let first = first.get_or_insert_with(|| answer.clone());
            ensure!(*first == answer, "answered {answer}, but {first} the first time");
        }
        Ok(expected["seq"].as_i64())
    }

    fn act_in_doubt(&mut self, device: usize, action: &Action) -> Result<()> {
        self.connect(device, Since::Seen)?;
        let who = self.devices[device].who;
        let action = self.model.resolve(who, 0, action);
        let reference = format!("{}", self.sent.len());
        let frame = self.names.request(&action, &reference);
        self.devices[device].write(&frame)?;
        self.kill()?;
        let acknowledged = self.model.accounts[&who].acknowledged;
        let sender = &mut self.devices[device];
        // The head says whether it was stored.
        let head = sender.connect(Since::Seen, acknowledged)?;
        sender.receive_up_to(head)?;
        sender.write(&frame)?;
        self.sent.push(Sent { who, reference, action, first: None });
        self.is_answered(device, self.sent.len() - 1).map(drop)
    }

    fn act_again(&mut self, device: usize, ago: usize) -> Result<()> {
        let who = self.devices[device].who;
        let is_own = |sent: &Sent| sent.who == who && sent.action.keeps_ref();
        let own = (0..self.sent.len()).rev().filter(|place| is_own(&self.sent[*place]));
        let Some(place) = own.take(ago + 1).last() else { return Ok(()) };
        self.connect(device, Since::Seen)?;
        let Sent { reference, action, .. } = &self.sent[place];
        self.devices[device].write(&self.names.request(action, reference))?;
        self.is_answered(device, place).map(drop)
    }

    /// The device is there; what it has missed is as it is now.
    fn connect(&mut self, device: usize, since: Since) -> Result<()> {
        let device = &mut self.devices[device];
        if device.is_connected {
            return Ok(());
        }
        let head = device.connect(since, self.model.accounts[&device.who].acknowledged)?;
        let expected = self.model.head(device.who);
        ensure!(head == expected, "the log ends at {head} and not at {expected}");
        device.receive_up_to(head)?;
        for event in device.events.drain(..) {
            let told = self.names.inside(&event);
            let now = self.model.now(device.who, event["seq"].as_i64().unwrap_or_default());
            ensure!(told == now, "a device of {} came back to {told}, not {now}", device.who);
        }
        Ok(())
    }

    fn restart(&mut self) -> Result<()> {
        for server in &self.deployment.servers {
            server.signal(Signal::TERM)?;
        }
        for device in self.devices.iter_mut().filter(|device| device.is_connected) {
            device.closed(GOING_AWAY).with_context(|| format!("a device of {}", device.who))?;
        }
        for mut server in self.deployment.servers.drain(..) {
            let status = server.ended()?;
            ensure!(status.success(), "after SIGTERM: {status}");
        }
        self.model.additions.clear();
        self.deployment.start()
    }

    fn kill(&mut self) -> Result<()> {
        self.deployment.kill_first_and_restart()?;
        self.model.additions.clear();
        self.devices.iter_mut().try_for_each(Device::drop)
    }

    /// Everybody who is there has heard everything, as it was when it happened.
    fn settle(&mut self) -> Result<()> {
        for place in 0..self.devices.len() {
            let who = self.devices[place].who;
            if self.devices[place].is_connected {
                self.settle_one(place).with_context(|| format!("a device of {who}"))?;
            }
        }
        Ok(())
    }

    fn settle_one(&mut self, place: usize) -> Result<()> {
        let who = self.devices[place].who;
        let head = self.model.head(who);
        if self.devices[place].seen < head {
            self.devices[place].ping()?;
            // It may be on its way still; what is not in the log need not be waited for.
            if self.devices[place].seen < head {
                self.read_log(who)?;
            }
        }
        let device = &mut self.devices[place];
        device.receive_up_to(head)?;
        for event in device.events.drain(..) {
            let told = self.names.inside(&event);
            let seq = event["seq"].as_i64().unwrap_or_default();
            let mut said = self.model.said(who, seq);
            let now = self.model.now(who, seq);
            // Of operations that are stored together, a later one may have made the reader somebody who sees a name.
            for key in ["by_name", "member_name"] {
                if let Some(name) = now.get(key).filter(|name| told.get(key) == Some(name)) {
                    said[key] = name.clone();
                }
            }
            ensure!(told == said, "heard {told}, not {said}");
        }
        Ok(())
    }

    /// Everybody's log and everything that can be asked for is as the model has it.
    fn check_all(&mut self) -> Result<()> {
        for who in 1..=ACCOUNTS.len() as Who {
            self.check(who).with_context(|| format!("what {who} finds"))?;
        }
        Ok(())
    }

    fn check(&mut self, who: Who) -> Result<()> {
        self.read_log(who)?;
        let reader = &mut self.readers[who as usize - 1];
        super::check::views(reader, &self.model, &self.names)?;
        reader.receive_no_more()?;
        reader.drop()
    }

    /// The whole log is as the model has it.
    fn read_log(&mut self, who: Who) -> Result<()> {
        let Self { readers, model, names, .. } = self;
        let reader = &mut readers[who as usize - 1];
        reader.drop()?;
        let head = reader.connect(Since::Zero, 0)?;
        reader.receive_up_to(head)?;
        let log: Vec<_> = reader.events.drain(..).map(|event| names.inside(&event)).collect();
        same("the log", &log, &model.log(who, 0))
    }
}

/// Lets the clock go on, so that what comes next is later for the server too.
fn next_millisecond() {
    let now = || SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_millis());
    let before = now();
    while now() == before {
        thread::yield_now();
    }
}

/// Those who do nothing sign up; their numbers.
pub fn crowd(endpoints: &Endpoints) -> Result<Vec<i64>> {
    let signup = |_| Ok(Client::signup(endpoints, NAMELESS)?.id);
    CROWD.map(signup).collect()
}

/// Everybody has signed up, at once since most of a run's time goes into that; in the order of their numbers.
pub fn people(endpoints: &Endpoints) -> Result<Vec<Client>> {
    let people: Result<Vec<_>> = thread::scope(|scope| {
        let signups = ACCOUNTS.map(|name| scope.spawn(move || Client::signup(endpoints, name)));
        let join = |signup: thread::ScopedJoinHandle<'_, Result<Client>>| {
            signup.join().map_err(|_| anyhow!("a signup panicked"))?
        };
        signups.into_iter().map(join).collect()
    });
    let mut people = people?;
    people.sort_by_key(|client| client.id);
    Ok(people)
}

/// Two lists are the same; where they begin to differ is told.
pub fn same(what: &str, got: &[Value], expected: &[Value]) -> Result<()> {
    let pairs = got.iter().zip(expected);
    let equal = pairs.take_while(|(got, expected)| got == expected).count();
    let at = |list: &[Value]| list.get(equal).cloned().unwrap_or(json!("its end"));
    ensure!(
        got == expected,
        "{what} has at place {equal} of {}: {}, not {}",
        expected.len(),
        at(got),
        at(expected)
    );
    Ok(())
}

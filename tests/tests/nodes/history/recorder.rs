//! Three accounts send to each other, and their logs are read on all nodes meanwhile. Each round has new accounts, so that
//! their logs stay short enough to be checked.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use acceptance::{Client, Endpoints, until};
use anyhow::{Context, Result, bail};
use serde_json::json;

use super::{Entry, Moment, Operation};

const PEOPLE: usize = 3;
/// Messages of one account in one round.
const ROUND_MESSAGES: usize = 60;
/// Between two messages of an account, and between two reads.
const PAUSE: Duration = Duration::from_millis(40);
/// How long an answer is waited for before the message is sent again elsewhere.
const ANSWER_WITHIN: Duration = Duration::from_secs(6);
/// Every fault has ended by then.
const WITHIN: Duration = Duration::from_secs(60);
/// Processes that read have numbers from 0, those that send from here. Each log has one reader: two reads of the same state
/// at the same time could be in either order, and a checker would try both.
const FIRST_SENDER: u64 = 100;

/// What has been recorded.
pub struct Recorder {
    began: Instant,
    entries: Mutex<Vec<Entry>>,
    /// The number of the last message.
    last: AtomicU64,
}

impl Recorder {
    pub fn new() -> Self {
        let entries = Mutex::default();
        Self { began: Instant::now(), entries, last: AtomicU64::new(0) }
    }

    /// Everything that was recorded.
    pub fn history(self) -> Vec<Entry> {
        self.entries.into_inner().unwrap_or_else(PoisonError::into_inner)
    }

    /// Records rounds until `stop`, and the rest of the last one.
    pub fn run(&self, endpoints: &Endpoints, stop: &AtomicBool) -> Result<()> {
        while !stop.load(Ordering::Relaxed) {
            self.round(endpoints, stop)?;
        }
        Ok(())
    }

    fn round(&self, endpoints: &Endpoints, stop: &AtomicBool) -> Result<()> {
        let mut people = Vec::new();
        for number in 0..PEOPLE {
            let name = format!("Recorded {number}");
            people.push(until("an account", WITHIN, || Ok(Client::signup(endpoints, &name).ok()))?);
        }
        let ids: Vec<i64> = people.iter().map(|person| person.id).collect();
        let readers: Vec<Client> =
            people.iter().map(|person| other_device(endpoints, person)).collect();
        let is_over = AtomicBool::new(false);
        thread::scope(|scope| {
            let reading: Vec<_> = readers
                .iter()
                .zip(0..)
                .map(|(reader, process)| {
                    let is_over = &is_over;
                    scope.spawn(move || {
                        while !is_over.load(Ordering::Relaxed) {
                            let _ = self.read(process, endpoints, reader);
                            thread::sleep(PAUSE);
                        }
                    })
                })
                .collect();
            let sending: Vec<_> = people
                .iter_mut()
                .zip(FIRST_SENDER..)
                .map(|(person, process)| {
                    let others: Vec<i64> =
                        ids.iter().copied().filter(|id| *id != person.id).collect();
                    scope.spawn(move || {
                        (0..ROUND_MESSAGES)
                            .take_while(|_| !stop.load(Ordering::Relaxed))
                            .try_for_each(|turn| {
                                thread::sleep(PAUSE);
                                self.append(process, person, others[turn % others.len()])
                            })
                    })
                })
                .collect();
            let sent: Vec<_> = sending.into_iter().map(|it| it.join()).collect();
            is_over.store(true, Ordering::Relaxed);
            reading.into_iter().for_each(|it| drop(it.join()));
            sent.into_iter().try_for_each(|it| it.unwrap_or_else(|_| bail!("a sender panicked")))
        })?;
        // The end of each log.
        readers.iter().zip(0..).try_for_each(|(reader, process)| {
            until("a last read", WITHIN, || Ok(self.read(process, endpoints, reader).ok()))
        })
    }

    /// Sends a message until it is answered, which is one operation, since the same `ref` stores it once.
    fn append(&self, process: u64, person: &mut Client, to: i64) -> Result<()> {
        let message = self.last.fetch_add(1, Ordering::Relaxed) + 1;
        let logs = vec![person.id, to];
        let operation = Operation::Append { message, logs };
        self.note(Moment::Invoke, process, operation.clone());
        let deadline = Instant::now() + WITHIN;
        while let Err(error) = send(person, message, to) {
            let _ = person.take_socket();
            if Instant::now() > deadline {
                // It stays open: nobody knows whether it is stored.
                return Err(error.context(format!("message {message} is not answered")));
            }
            thread::sleep(PAUSE);
        }
        self.note(Moment::Ok, process, operation);
        Ok(())
    }

    /// Reads a log. One that fails is left out, since it changes nothing; so both ends are recorded when it has returned.
    fn read(&self, process: u64, endpoints: &Endpoints, reader: &Client) -> Result<()> {
        let time = self.time();
        let found = Some(Arc::new(whole_log(&mut other_device(endpoints, reader))?));
        let log = reader.id;
        let mut entries = self.lock();
        let operation = Operation::Read { log, found: None };
        let place = entries.partition_point(|entry| entry.time < time);
        entries.insert(place, Entry { moment: Moment::Invoke, process, operation, time });
        drop(entries);
        self.note(Moment::Ok, process, Operation::Read { log, found });
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Entry>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Now, in nanoseconds since the beginning.
    fn time(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }

    fn note(&self, moment: Moment, process: u64, operation: Operation) {
        let mut entries = self.lock();
        let time = self.time();
        entries.push(Entry { moment, process, operation, time });
    }
}

fn other_device(endpoints: &Endpoints, of: &Client) -> Client {
    let mut device = Client::new(endpoints);
    (device.id, device.name) = (of.id, of.name.clone());
    device.token.clone_from(&of.token);
    device
}

fn send(person: &mut Client, message: u64, to: i64) -> Result<()> {
    if person.socket().is_err() {
        person.connect()?;
    }
    let reference = format!("r{message}");
    person.write(&json!({"to": to, "content": message.to_string(), "ref": reference}))?;
    let answer =
        person.socket()?.receive_within("the answer", ANSWER_WITHIN, |heard| match heard {
            acceptance::Received::Json(frame) if frame["ref"] == reference => Some(frame.clone()),
            _ => None,
        })?;
    if answer["type"] != "sent" {
        bail!("{answer}");
    }
    Ok(())
}

/// The numbers of the messages in the log.
fn whole_log(device: &mut Client) -> Result<Vec<u64>> {
    let head = device.connect_since(0)?["head"].as_i64().unwrap_or(0);
    let (mut found, mut seq) = (Vec::new(), 0);
    while seq < head {
        let frame = device.receive_next()?;
        seq = frame["seq"].as_i64().context("no seq")?;
        if frame["type"] == "message" {
            let content = frame["content"].as_str().context("no content")?;
            found.push(content.parse()?);
        }
    }
    Ok(found)
}

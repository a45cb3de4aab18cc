//! What is done to a server, and what is seen of it.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use anyhow::{Result, bail, ensure};
use hdrhistogram::Histogram;
use rustix::event::epoll;

use crate::client::{Client, Dialect, Note, Recipient};
use crate::latency::{histogram, quantile_us};
use crate::machine::{Memory, Moment, Used};

/// Connections opened at once, except in a storm.
const OPENED_AT_ONCE: usize = 64;
/// Longest pause of a turn.
const PAUSE: Duration = Duration::from_millis(1);
/// How long all connections may take to open.
const OPEN_PATIENCE: Duration = Duration::from_secs(120);
/// Connections opened to see what an end of one costs.
const PROBES: usize = 400;
/// How long what is under way may take to arrive, once no more is sent.
const ARRIVAL_PATIENCE: Duration = Duration::from_secs(10);

/// One kind of load.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Load {
    /// Pairs, each with so many messages under way.
    Relay { pairs: usize, window: usize },
    /// Pairs that send so many messages a second in all, whatever becomes of them.
    Rate { pairs: usize, per_second: f64 },
    /// One sender to so many receivers: by a group, or by a message to each.
    Fanout { receivers: usize, group: bool, window: usize },
    /// Connections that do nothing.
    Idle { connections: usize },
    /// Connections that drop all at once and come back, so many at a time.
    Storm { connections: usize, at_once: usize },
    /// Connections that are open and all say at once who they are.
    Hello { connections: usize },
}

/// Whom it is done to.
#[derive(Clone)]
pub(crate) struct Target {
    pub(crate) address: SocketAddr,
    pub(crate) dialect: Dialect,
    /// The server's processes.
    pub(crate) pids: Vec<u32>,
}

/// What was seen: names and numbers.
pub(crate) type Figures = BTreeMap<&'static str, f64>;

impl Load {
    /// Does it for so long, after a tenth of that to warm up, and at least for half a second.
    pub(crate) fn run(&self, target: &Target, seconds: f64) -> Result<Figures> {
        match *self {
            Self::Relay { pairs, window } => relay(target, pairs, Some(window), 0.0, seconds),
            Self::Rate { pairs, per_second } => relay(target, pairs, None, per_second, seconds),
            Self::Fanout { receivers, group, window } => {
                fanout(target, receivers, group, window, seconds)
            }
            Self::Idle { connections } => idle(target, connections),
            Self::Storm { connections, at_once } => storm(target, connections, at_once),
            Self::Hello { connections } => hello(target, connections),
        }
    }
}

fn used(used: Used, messages: f64) -> Figures {
    let mut figures = Figures::from([
        ("messages_per_second", messages / used.seconds),
        ("cpu_per_million", used.server / messages * 1e6),
        ("other_cores", used.other_cores),
    ]);
    if used.storing > 0.0 {
        figures.insert("storing_cpu_per_million", used.storing / messages * 1e6);
    }
    figures
}

/// What the same cores would do if storing took none of their time and all else as much as it did.
fn without_storing(figures: &mut Figures, used: Used, messages: f64) {
    let seconds = used.seconds_without_storing();
    if used.storing > 0.0 && seconds > 0.0 {
        figures.insert("if_storing_were_free_per_second", messages / seconds);
    }
}

/// Connection 2k sends to 2k + 1. `window`: or else it is sent at a rate.
fn relay(
    target: &Target,
    pairs: usize,
    window: Option<usize>,
    per_second: f64,
    seconds: f64,
) -> Result<Figures> {
    let mut client = Client::new(target.address, target.dialect.clone())?;
    (0..2 * pairs).for_each(|_| client.add(false));
    client.open_all(OPENED_AT_ONCE, OPEN_PATIENCE)?;
    let mut said = vec![0_u32; pairs];
    let mut heard = vec![0_u32; pairs];
    let mut confirmations = vec![VecDeque::new(); pairs];
    let (mut arrival, mut confirmation) = (histogram(), histogram());
    let mut under_way = 0_u64;
    let mut late = histogram();
    let mut say = |client: &mut Client, pair: usize, at: u64, waits: &mut VecDeque<u64>| {
        client.send(2 * pair, Recipient::Connection(2 * pair + 1), at, said[pair]);
        said[pair] += 1;
        waits.push_back(at);
        1
    };
    let begin = client.now();
    for _ in 0..window.unwrap_or(0) {
        for (pair, waits) in confirmations.iter_mut().enumerate() {
            under_way += say(&mut client, pair, begin, waits);
        }
    }
    let (warm, end) = warm_up(begin, seconds);
    let (mut from, mut until): (Option<Moment>, Option<Used>) = (None, None);
    let (mut counted, mut due) = (0_u64, 0_u64);
    loop {
        let now = client.now();
        if from.is_none() && now >= warm {
            from = Some(Moment::now(&target.pids));
            (arrival, confirmation, counted) = (histogram(), histogram(), 0);
            late = histogram();
        }
        if let Some(from) = &from
            && until.is_none()
            && now >= end
        {
            until = Some(Moment::now(&target.pids).since(from));
        }
        let is_over = until.is_some();
        let is_late = now > end + ARRIVAL_PATIENCE.as_nanos() as u64;
        if is_over && (under_way == 0 || is_late) {
            break;
        }
        let mut pause = PAUSE;
        if window.is_none() && !is_over {
            // Counted from when it should have gone: a late start is part of the time.
            let step = 1e9 / per_second;
            while (due as f64 * step) < (now - begin) as f64 {
                let at = begin + (due as f64 * step) as u64;
                let pair = due as usize % pairs;
                under_way += say(&mut client, pair, at, &mut confirmations[pair]);
                late.saturating_record(client.now() - at);
                due += 1;
            }
            let next = (due as f64 * step) as u64 + begin;
            pause = PAUSE.min(Duration::from_nanos(next.saturating_sub(client.now())));
        }
        client.turn(pause)?;
        let now = client.now();
        while let Some((at, note)) = client.notes.pop_front() {
            let pair = at / 2;
            match note {
                // A sender may hear its own words while its log is still being read back to it.
                Note::Message { .. } if at % 2 == 0 => {}
                Note::Message { sent, number } => {
                    ensure!(number == heard[pair], "message {number} out of order");
                    heard[pair] += 1;
                    under_way -= 1;
                    if !is_over {
                        counted += 1;
                        arrival.saturating_record(now.saturating_sub(sent));
                        if window.is_some() {
                            under_way += say(&mut client, pair, now, &mut confirmations[pair]);
                        }
                    }
                }
                Note::Confirmed => {
                    if let Some(sent) = confirmations[pair].pop_front() {
                        confirmation.saturating_record(now.saturating_sub(sent));
                    }
                }
                Note::Lost(why) => bail!("connection {at} lost: {why}"),
                Note::Ready => {}
            }
        }
    }
    ensure!(under_way == 0, "{under_way} messages lost");
    let until = until.expect("the loop ends with it");
    let mut figures = used(until, counted as f64);
    if window.is_some() {
        without_storing(&mut figures, until, counted as f64);
    }
    times(&mut figures, ["p50_us", "p99_us"], &arrival);
    times(&mut figures, ["sent_p50_us", "sent_p99_us"], &confirmation);
    times(&mut figures, ["late_p50_us", "late_p99_us"], &late);
    Ok(figures)
}

fn warm_up(begin: u64, seconds: f64) -> (u64, u64) {
    let warm = begin + ((seconds / 10.0).max(0.5).min(seconds) * 1e9) as u64;
    (warm, warm + (seconds * 1e9) as u64)
}

fn times(figures: &mut Figures, names: [&'static str; 2], times: &Histogram<u64>) {
    for (name, share) in names.into_iter().zip([0.5, 0.99]) {
        if let Some(time) = quantile_us(times, share) {
            figures.insert(name, time);
        }
    }
}

/// A message is done when every receiver has it.
fn fanout(
    target: &Target,
    receivers: usize,
    group: bool,
    window: usize,
    seconds: f64,
) -> Result<Figures> {
    let mut client = Client::new(target.address, target.dialect.clone())?;
    (0..=receivers).for_each(|_| client.add(group));
    client.open_all(OPENED_AT_ONCE, OPEN_PATIENCE)?;
    let mut number = 0;
    let mut missing = HashMap::new();
    let mut say = |client: &mut Client, missing: &mut HashMap<u32, usize>| {
        let now = client.now();
        match group {
            true => client.send(0, Recipient::Group, now, number),
            false => (1..=receivers)
                .for_each(|at| client.send(0, Recipient::Connection(at), now, number)),
        }
        missing.insert(number, receivers);
        number += 1;
    };
    let begin = client.now();
    (0..window).for_each(|_| say(&mut client, &mut missing));
    let (warm, end) = warm_up(begin, seconds);
    let mut from: Option<Moment> = None;
    let (mut counted, mut last) = (0_u64, histogram());
    loop {
        let now = client.now();
        if from.is_none() && now >= warm {
            from = Some(Moment::now(&target.pids));
            (counted, last) = (0, histogram());
        }
        if let Some(from) = &from
            && now >= end
        {
            let until = Moment::now(&target.pids).since(from);
            let mut figures = used(until, counted as f64);
            without_storing(&mut figures, until, counted as f64);
            times(&mut figures, ["last_p50_us", "last_p99_us"], &last);
            return Ok(figures);
        }
        client.turn(PAUSE)?;
        let now = client.now();
        while let Some((at, note)) = client.notes.pop_front() {
            match note {
                Note::Message { sent, number } if at > 0 => {
                    counted += 1;
                    let left = missing.entry(number).or_insert(1);
                    *left -= 1;
                    if *left == 0 {
                        missing.remove(&number);
                        last.saturating_record(now - sent);
                        say(&mut client, &mut missing);
                    }
                }
                Note::Lost(why) => bail!("connection {at} lost: {why}"),
                _ => {}
            }
        }
    }
}

fn idle(target: &Target, connections: usize) -> Result<Figures> {
    let mut client = Client::new(target.address, target.dialect.clone())?;
    (0..connections).for_each(|_| client.add(false));
    let (before, begun) = (Memory::now(&target.pids), Moment::now(&target.pids));
    client.open_all(OPENED_AT_ONCE, OPEN_PATIENCE)?;
    let opened = Moment::now(&target.pids).since(&begun);
    hold(&mut client, Duration::from_secs(2))?;
    let after = Memory::now(&target.pids);
    let still = Moment::now(&target.pids);
    hold(&mut client, Duration::from_secs(3))?;
    let held = Moment::now(&target.pids).since(&still);
    let each = |bytes: f64| bytes / connections as f64;
    // With the generator's own ends: what is whose cannot be told, but what such an end costs can.
    let both_ends = each(after.resident - before.resident + after.kernel - before.kernel);
    let mut figures = Figures::from([
        ("resident_bytes", each(after.resident - before.resident)),
        ("both_ends_bytes", both_ends),
        ("cpu_ms_per_login", opened.server / connections as f64 * 1e3),
        ("idle_cores", held.server / held.seconds),
        ("other_cores", opened.other_cores),
    ]);
    // There may be no descriptors left for it.
    if let Ok(bytes) = client_end() {
        figures.insert("with_kernel_bytes", both_ends - bytes);
    }
    Ok(figures)
}

/// Bytes that the kernel keeps for a client's end of a connection. Measured while others are open: what was freed is not
/// there to be used again.
fn client_end() -> Result<f64> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let begun = Memory::now(&[]);
    let mut ends = Vec::with_capacity(2 * PROBES);
    for _ in 0..PROBES {
        ends.push(TcpStream::connect(listener.local_addr()?)?);
        ends.push(listener.accept()?.0);
    }
    let opened = Memory::now(&[]);
    let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
    for end in ends.iter().step_by(2) {
        epoll::add(&epoll, end, epoll::EventData::new_u64(0), epoll::EventFlags::IN)?;
    }
    let watched = Memory::now(&[]);
    let (probes, both) = (PROBES as f64, opened.kernel - begun.kernel);
    Ok(both / (2.0 * probes) + (watched.kernel - opened.kernel) / probes)
}

fn hold(client: &mut Client, time: Duration) -> Result<()> {
    let until = client.now() + time.as_nanos() as u64;
    while client.now() < until {
        client.turn(Duration::from_millis(50))?;
        while let Some((at, note)) = client.notes.pop_front() {
            if let Note::Lost(why) = note {
                bail!("connection {at} lost: {why}");
            }
        }
    }
    Ok(())
}

fn storm(target: &Target, connections: usize, at_once: usize) -> Result<Figures> {
    let mut client = Client::new(target.address, target.dialect.clone())?;
    (0..connections).for_each(|_| client.add(false));
    client.open_all(OPENED_AT_ONCE, OPEN_PATIENCE)?;
    hold(&mut client, Duration::from_secs(1))?;
    let begun = Moment::now(&target.pids);
    client.drop_all()?;
    client.open_all(at_once, OPEN_PATIENCE)?;
    let back = Moment::now(&target.pids).since(&begun);
    // What the ends of the old ones cost may come a little later.
    hold(&mut client, Duration::from_millis(500))?;
    let all = Moment::now(&target.pids).since(&begun);
    Ok(Figures::from([
        ("all_back_s", back.seconds),
        ("cpu_ms_per_login", all.server / connections as f64 * 1e3),
        ("other_cores", all.other_cores),
    ]))
}

fn hello(target: &Target, connections: usize) -> Result<Figures> {
    let mut client = Client::new(target.address, target.dialect.clone())?;
    (0..connections).for_each(|_| client.add(false));
    client.open_all_silently(OPENED_AT_ONCE, OPEN_PATIENCE)?;
    let begun = Moment::now(&target.pids);
    client.greet_all(OPEN_PATIENCE)?;
    let all = Moment::now(&target.pids).since(&begun);
    Ok(Figures::from([
        ("hellos_per_second", connections as f64 / all.seconds),
        ("cpu_ms_per_login", all.server / connections as f64 * 1e3),
        ("other_cores", all.other_cores),
    ]))
}

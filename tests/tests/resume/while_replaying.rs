//! A client that sends as soon as it has said hello, drops, and resumes from the highest `seq` it has seen in any frame:
//! nothing of its log is lost to it, wherever it dropped.

use std::collections::BTreeSet;

use acceptance::{Client, Received, raw};
use anyhow::{Context, Result, bail, ensure};
use serde_json::json;

use super::letters;
use crate::harness::{Arrangement, Deployment};

const LETTERS: usize = 3000;

/// When a connection drops.
#[derive(Clone, Copy, Debug)]
enum Drops {
    /// After so many frames.
    After(usize),
    /// With the answer to what the client has sent.
    Answered,
}
use Drops::{After, Answered};

/// A client that keeps what PROTOCOL.md tells it to keep.
struct ResumingClient {
    client: Client,
    to: i64,
    /// The `seq` of every frame that had one.
    seen: BTreeSet<i64>,
    /// How many of its own messages were answered; the next one is sent until it is.
    answered: usize,
}

#[test]
fn the_answer_to_what_was_sent_during_a_replay_overtakes_nothing() -> Result<()> {
    hears_everything(&[Answered, Answered])
}

#[test]
fn nothing_is_lost_wherever_a_replay_breaks_off() -> Result<()> {
    let before = [After(1), After(2), After(50), After(127), After(128), After(700)];
    hears_everything(&[&before[..], &[Answered, After(1), Answered]].concat())
}

/// Over connections that drop like this, and one last that reads all there is.
fn hears_everything(drops: &[Drops]) -> Result<()> {
    for kind in [Arrangement::Messenger, Arrangement::postgres()?] {
        let deployment = Deployment::launch(&kind, &[])?;
        let (mut alice, bob) = letters(&deployment.endpoints, LETTERS, 200)?;
        let mut resuming =
            ResumingClient { client: bob, to: alice.id, seen: BTreeSet::new(), answered: 0 };
        for drop in drops {
            resuming.converse(*drop).with_context(|| format!("{drop:?} of {drops:?}"))?;
        }
        alice.send_message(&resuming.client, "the end")?;
        resuming.resume()?;
        while resuming.receive()?.is_none_or(|content| content != "the end") {}

        let log = resuming.client.whole_log("the end")?;
        let lost: Vec<_> =
            (1..=log.len() as i64).filter(|seq| !resuming.seen.contains(seq)).collect();
        ensure!(
            lost.is_empty(),
            "{} of {} never heard: {:?} …",
            lost.len(),
            log.len(),
            lost.first()
        );
        for n in 0..resuming.answered {
            let own = own(n);
            let times = log.iter().filter(|event| event["content"] == *own).count();
            ensure!(times == 1, "{own} is {times} times in the log");
        }
    }
    Ok(())
}

fn own(n: usize) -> String {
    format!("pending {n}")
}

impl ResumingClient {
    /// Comes back with the highest `seq` it has seen.
    fn resume(&mut self) -> Result<()> {
        let since = self.seen.last().copied().unwrap_or_default();
        self.client.connect_narrow(since)?;
        Ok(())
    }

    /// Comes back, sends at once what was not answered yet, and drops.
    fn converse(&mut self, drops: Drops) -> Result<()> {
        self.resume()?;
        let own = own(self.answered);
        self.client.write(&json!({"to": self.to, "content": own, "ref": own}))?;
        let (mut frames, answered) = (0, self.answered);
        while match drops {
            After(count) => frames < count,
            Answered => self.answered == answered,
        } {
            self.receive()?;
            frames += 1;
        }
        raw::reset(self.client.take_socket()?.stream().try_clone()?)
    }

    /// Hears one frame; gives the content of a message.
    fn receive(&mut self) -> Result<Option<String>> {
        let frame = match self.client.socket()?.receive_next()? {
            Received::Json(frame) => frame,
            other => bail!("heard {other:?} after {} events", self.seen.len()),
        };
        self.seen.extend(frame["seq"].as_i64());
        if frame["type"] == "sent" {
            ensure!(frame["ref"] == *own(self.answered), "not what was asked: {frame}");
            self.answered += 1;
        }
        Ok(frame["content"].as_str().map(str::to_owned))
    }
}

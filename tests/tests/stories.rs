//! The table of stories, told in every combination of programs and databases.

use std::io::{self, Write};

use acceptance::{Needs, STORIES, Story, tell};
use anyhow::{Result, ensure};

use crate::drive::{House, Kind};

/// Most of a story is waiting, one of them for ten seconds.
const AT_ONCE: usize = 6;

#[test]
fn guests_of_chat_alone() -> Result<()> {
    all(&Kind::Guests)
}

#[test]
fn accounts_in_messenger_on_sqlite() -> Result<()> {
    all(&Kind::Messenger)
}

#[test]
fn accounts_in_two_processes_on_one_sqlite_file() -> Result<()> {
    all(&Kind::Pair)
}

#[test]
fn accounts_in_two_processes_on_postgresql() -> Result<()> {
    all(&Kind::postgres()?)
}

#[test]
fn every_story_has_a_name_of_its_own_and_a_world() {
    let mut names: Vec<_> = STORIES.iter().map(|story| story.name).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), STORIES.len());
    for needs in [Needs::Accounts, Needs::Guests, Needs::Anyone] {
        assert!(STORIES.iter().any(|story| story.needs == needs), "{needs:?}");
    }
}

fn all(kind: &Kind) -> Result<()> {
    let mut house = House::open(kind, &["--contact=request"])?;
    let mut stories: Vec<&Story> = STORIES.iter().filter(|it| it.fits(&house.world)).collect();
    // The longest first.
    stories.sort_by_key(|story| story.name != "late_hello");
    let failed = tell(&stories, &house.world, AT_ONCE, Captured);
    ensure!(failed.is_empty(), "failed: {failed:?}");
    house.runs()?;
    let log: String = house.stop()?.iter().map(|server| server.log()).collect();
    ensure!(!log.contains(" panic place="), "a thread panicked");
    Ok(())
}

/// Standard error as the test runner captures it.
struct Captured;

impl Write for Captured {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        eprint!("{}", String::from_utf8_lossy(bytes));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

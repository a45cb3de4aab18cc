//! The table of acceptance stories; each has a file of its own.

use std::io::Write;
use std::sync::Mutex;
use std::thread;
use std::time::Instant;

use anyhow::Result;

use crate::Endpoints;

/// What a deployment must have so that a story can run there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Needs {
    /// An auth server.
    Accounts,
    /// A chat server in guest mode.
    Guests,
    /// Either of them.
    Anyone,
}

/// A promise of the servers, and how to see that they keep it.
pub struct Story {
    /// The name of the story, of its file and of its function.
    pub name: &'static str,
    /// Where the story can run.
    pub needs: Needs,
    /// Runs the story; an error says which promise was not kept.
    pub run: fn(&Endpoints) -> Result<()>,
}

/// Passes the table of stories to the macro `$then`, which makes a list of it or tests.
#[macro_export]
macro_rules! stories {
    ($then:ident) => {
        $then! {
            Anyone:
                alive content_sizes foreign_from bad_frames refs_answered_once too_big_a_frame
                both_ways pages_of_chat foreign_origins;
            Guests:
                guests_are_numbered not_connected guests_store_nothing;
            Accounts:
                signup login logout me password sessions lookup emails_alike export delete_account
                http_errors pages_of_auth foreign_pages one_account_per_email
                ways_to_say_who wrong_tokens nothing_before_hello late_hello
                offline_in_order refs_repeated many_senders_one_log resume_after_a_drop beyond_the_log
                two_devices too_many_sessions sockets_close_with_their_session unknown_receivers deleted_receivers
                receipts receipts_of_own receipts_in_groups devices_act
                group_changes group_roles group_messages group_refs_repeated
                last_admin_leaves removed_members deleted_members
                invitations invitations_declined invitations_by_who_is_blocked
                edits deletions reactions replies retention conversation_settings hidden_messages reports
                hidden_receipts hidden_last_seen
                history_pages history_both_ways history_of_strangers conversations unread search
                typing presence blocks blocks_in_groups
                message_requests declined_requests names_of_strangers
                uploads downloads files_of_messages files_of_strangers pictures
                refusals_have_refs resume_over_everything export_of_everything;
        }
    };
}

macro_rules! list {
    ($($needs:ident: $($name:ident)*;)*) => {
        $($(mod $name;)*)*

        /// All stories.
        pub const STORIES: &[Story] = &[
            $($(Story { name: stringify!($name), needs: Needs::$needs, run: $name::$name },)*)*
        ];
    };
}

stories!(list);

impl Story {
    /// Finds a story by its name.
    pub fn named(name: &str) -> Option<&'static Self> {
        STORIES.iter().find(|story| story.name == name)
    }

    /// Whether the story can run on these servers.
    pub fn fits(&self, endpoints: &Endpoints) -> bool {
        match self.needs {
            Needs::Anyone => true,
            Needs::Accounts => endpoints.has_accounts(),
            Needs::Guests => !endpoints.has_accounts(),
        }
    }
}

/// Runs these stories, `at_once` at a time, and writes a line for each to `out`. Returns the names of those that failed.
pub fn run_stories(
    stories: &[&Story],
    endpoints: &Endpoints,
    at_once: usize,
    out: impl Write + Send,
) -> Vec<&'static str> {
    let waiting = Mutex::new(stories.iter());
    let out = Mutex::new(out);
    let failed = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..at_once {
            scope.spawn(|| {
                while let Some(story) = next(&waiting) {
                    let start = Instant::now();
                    let outcome = (story.run)(endpoints);
                    let seconds = start.elapsed().as_secs_f32();
                    let line = match &outcome {
                        Ok(()) => format!("ok      {} ({seconds:.1} s)", story.name),
                        Err(error) => format!("FAILED  {} ({seconds:.1} s): {error:#}", story.name),
                    };
                    if let Ok(mut out) = out.lock() {
                        let _ = writeln!(out, "{line}");
                    }
                    if outcome.is_err()
                        && let Ok(mut failed) = failed.lock()
                    {
                        failed.push(story.name);
                    }
                }
            });
        }
    });
    failed.into_inner().unwrap_or_default()
}

fn next<'a>(waiting: &Mutex<std::slice::Iter<'_, &'a Story>>) -> Option<&'a Story> {
    waiting.lock().ok()?.next().copied()
}

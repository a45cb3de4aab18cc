//! What a client may ask for, one verb a file; this is the table.

mod act;
mod conversations;
pub(crate) mod hello;
mod history;
mod message;
mod ping;
mod presence;
mod typing;
mod window;

use sql::{GroupAction, Operation};
use wire::{AccountId, Code, Command, Frame, PendingRequest, Request};

use crate::connection::{Connection, Flow, Identity};
use crate::metrics;
use crate::rate_limit::RateKind;
use crate::server::Accounts;
use crate::verb::hello::HelloRef;
use crate::verb::window::Window;

/// Carries out one request. Before it is known who asks, only a token and a ping are listened to.
pub(crate) fn carry_out(connection: &mut Connection<'_>, request: Request<'_>) -> Flow {
    let reference = request.reference.as_deref();
    let kind = match request.command {
        Command::Received { .. } | Command::Read { .. } => RateKind::Receipt,
        _ => RateKind::Frame,
    };
    if !connection.admits(kind, reference)? {
        if matches!(request.command, Command::Message { .. }) {
            metrics::MESSAGES.inc("rate_limited");
        }
        return Ok(());
    }
    match (connection.identity, request.command) {
        (_, Command::Ping) => ping::answer(connection, reference),
        (_, Command::Hello { token, since }) => {
            return hello::hello(connection, &token, since, HelloRef::Hello(reference));
        }
        (
            Identity::Unknown { .. },
            Command::Message { token: Some(token), from, to, content, reply_to },
        ) => {
            hello::hello(connection, &token, None, HelloRef::FirstMessage(reference))?;
            if let Some(me) = connection.account() {
                // What has been counted was a stranger's frame; the message is the account's.
                if !connection.admits(RateKind::Frame, reference)? {
                    metrics::MESSAGES.inc("rate_limited");
                    return Ok(());
                }
                let command = Command::Message { token: None, from, to, content, reply_to };
                return known(connection, me, command, reference);
            }
        }
        (Identity::Known(me), command) => return known(connection, me, command, reference),
        (Identity::Unknown { .. }, _) => {
            connection.refuse(Code::Unauthorized, "say hello with a token first", reference)
        }
    }
    Ok(())
}

/// What anybody who is known may ask for.
fn known(
    connection: &mut Connection<'_>,
    me: AccountId,
    command: Command<'_>,
    reference: Option<&str>,
) -> Flow {
    if connection.server.accounts().is_some() {
        connection.check_open()?;
    }
    match command {
        Command::Message { from, to, content, reply_to, .. } => {
            message::send(connection, me, from, to, content, reply_to, reference);
        }
        Command::Typing { to } => return typing::tell(connection, me, to, reference),
        Command::Presence { ids } => return presence::watch(connection, me, ids, reference),
        command => match connection.server.accounts() {
            Some(accounts) => return stored(connection, accounts, me, command, reference),
            None => unstored(connection, &command, reference),
        },
    }
    Ok(())
}

/// Guests have no log: there is nothing to be written down.
fn unstored(connection: &Connection<'_>, command: &Command<'_>, reference: Option<&str>) {
    match (command, reference) {
        (Command::Received { .. }, Some(reference)) => {
            connection.outbox.push(&Frame::Ok { reference })
        }
        (Command::Received { .. }, None) => {}
        _ => connection.unsupported(reference),
    }
}

/// What takes a database: deeds for the committer, and looks at what is stored.
fn stored(
    connection: &mut Connection<'_>,
    accounts: &Accounts,
    me: AccountId,
    command: Command<'_>,
    reference: Option<&str>,
) -> Flow {
    let change = |group, how| Operation::ChangeGroup { group, action: how };
    let operation = match command {
        Command::Received { seq } => Operation::Received { seq },
        Command::Read { id } => Operation::Read { id },
        Command::Edit { id, content } => Operation::Edit { id, content: content.into_owned() },
        Command::Delete { id } => Operation::Delete { id },
        Command::React { id, emoji } => Operation::React { id, emoji: emoji.map(Into::into) },
        Command::Block { id } => Operation::Block { id },
        Command::Unblock { id } => Operation::Unblock { id },
        Command::Accept { pending: PendingRequest::Account(id) } => Operation::Accept { id },
        Command::Decline { pending: PendingRequest::Account(id) } => Operation::Decline { id },
        Command::Accept { pending: PendingRequest::Group(group) } => Operation::JoinGroup { group },
        Command::Decline { pending: PendingRequest::Group(group) } => {
            Operation::DeclineInvitation { group }
        }
        Command::Retention { with, days } => Operation::SetRetention { with, days },
        Command::GroupCreate { name, members } => {
            Operation::CreateGroup { name: name.into_owned(), members }
        }
        Command::GroupAdd { group, member } => change(group, GroupAction::Add(member)),
        Command::GroupRemove { group, member } => change(group, GroupAction::Remove(member)),
        Command::GroupRename { group, name } => {
            change(group, GroupAction::Rename(name.into_owned()))
        }
        Command::GroupLeave { group } => change(group, GroupAction::Leave),
        Command::GroupPromote { group, member } => change(group, GroupAction::Promote(member)),
        Command::GroupDemote { group, member } => change(group, GroupAction::Demote(member)),
        Command::History { with, before, limit } => {
            let window = Window { before, limit };
            return history::history(connection, accounts, me, with, window, reference);
        }
        Command::Search { text, before, limit } => {
            let window = Window { before, limit };
            return history::search(connection, accounts, me, &text, window, reference);
        }
        Command::Conversations { before, limit } => {
            let window = Window { before, limit };
            return conversations::list(connection, accounts, me, window, reference);
        }
        Command::GroupShow { group } => {
            return conversations::show(connection, accounts, me, group, reference);
        }
        Command::Blocks => return conversations::blocks(connection, accounts, me, reference),
        Command::Hello { .. }
        | Command::Ping
        | Command::Message { .. }
        | Command::Typing { .. }
        | Command::Presence { .. } => return Ok(()), // Handled before.
    };
    act::submit(connection, accounts, me, operation, reference);
    Ok(())
}

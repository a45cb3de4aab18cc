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
use wire::{AccountId, Code, Frame, Pending, Request, Want};

use crate::connection::{Connection, Flow, Identity};
use crate::metrics;
use crate::rate_limit::RateKind;
use crate::server::Accounts;
use crate::verb::hello::HelloRef;
use crate::verb::window::Window;

/// Carries out one request. Before it is known who asks, only a token and a ping are listened to.
pub(crate) fn carry_out(connection: &mut Connection<'_>, request: Request<'_>) -> Flow {
    let reference = request.reference.as_deref();
    let kind = match request.want {
        Want::Received { .. } | Want::Read { .. } => RateKind::Receipt,
        _ => RateKind::Frame,
    };
    if !connection.admits(kind, reference)? {
        if matches!(request.want, Want::Message { .. }) {
            metrics::MESSAGES.inc("rate_limited");
        }
        return Ok(());
    }
    match (connection.identity, request.want) {
        (_, Want::Ping) => ping::answer(connection, reference),
        (_, Want::Hello { token, since }) => {
            return hello::hello(connection, &token, since, HelloRef::Hello(reference));
        }
        (
            Identity::Unknown { .. },
            Want::Message { token: Some(token), from, to, content, reply_to },
        ) => {
            hello::hello(connection, &token, None, HelloRef::FirstMessage(reference))?;
            if let Some(me) = connection.account() {
                // What has been counted was a stranger's frame; the message is the account's.
                if !connection.admits(RateKind::Frame, reference)? {
                    metrics::MESSAGES.inc("rate_limited");
                    return Ok(());
                }
                let want = Want::Message { token: None, from, to, content, reply_to };
                return known(connection, me, want, reference);
            }
        }
        (Identity::Known(me), want) => return known(connection, me, want, reference),
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
    want: Want<'_>,
    reference: Option<&str>,
) -> Flow {
    if connection.server.accounts().is_some() {
        connection.check_open()?;
    }
    match want {
        Want::Message { from, to, content, reply_to, .. } => {
            message::send(connection, me, from, to, content, reply_to, reference);
        }
        Want::Typing { to } => return typing::tell(connection, me, to, reference),
        Want::Presence { ids } => return presence::watch(connection, me, ids, reference),
        want => match connection.server.accounts() {
            Some(accounts) => return stored(connection, accounts, me, want, reference),
            None => unstored(connection, &want, reference),
        },
    }
    Ok(())
}

/// Guests have no log: there is nothing to be written down.
fn unstored(connection: &Connection<'_>, want: &Want<'_>, reference: Option<&str>) {
    match (want, reference) {
        (Want::Received { .. }, Some(reference)) => {
            connection.outbox.push(&Frame::Ok { reference })
        }
        (Want::Received { .. }, None) => {}
        _ => connection.unsupported(reference),
    }
}

/// What takes a database: deeds for the committer, and looks at what is stored.
fn stored(
    connection: &mut Connection<'_>,
    accounts: &Accounts,
    me: AccountId,
    want: Want<'_>,
    reference: Option<&str>,
) -> Flow {
    let change = |group, how| Operation::ChangeGroup { group, action: how };
    let operation = match want {
        Want::Received { seq } => Operation::Received { seq },
        Want::Read { id } => Operation::Read { id },
        Want::Edit { id, content } => Operation::Edit { id, content: content.into_owned() },
        Want::Delete { id } => Operation::Delete { id },
        Want::React { id, emoji } => Operation::React { id, emoji: emoji.map(Into::into) },
        Want::Block { id } => Operation::Block { id },
        Want::Unblock { id } => Operation::Unblock { id },
        Want::Accept { pending: Pending::Account(id) } => Operation::Accept { id },
        Want::Decline { pending: Pending::Account(id) } => Operation::Decline { id },
        Want::Accept { pending: Pending::Group(group) } => Operation::JoinGroup { group },
        Want::Decline { pending: Pending::Group(group) } => Operation::DeclineInvitation { group },
        Want::Retention { with, days } => Operation::SetRetention { with, days },
        Want::GroupCreate { name, members } => {
            Operation::CreateGroup { name: name.into_owned(), members }
        }
        Want::GroupAdd { group, member } => change(group, GroupAction::Add(member)),
        Want::GroupRemove { group, member } => change(group, GroupAction::Remove(member)),
        Want::GroupRename { group, name } => change(group, GroupAction::Rename(name.into_owned())),
        Want::GroupLeave { group } => change(group, GroupAction::Leave),
        Want::GroupPromote { group, member } => change(group, GroupAction::Promote(member)),
        Want::GroupDemote { group, member } => change(group, GroupAction::Demote(member)),
        Want::History { with, before, limit } => {
            let window = Window { before, limit };
            return history::history(connection, accounts, me, with, window, reference);
        }
        Want::Search { text, before, limit } => {
            let window = Window { before, limit };
            return history::search(connection, accounts, me, &text, window, reference);
        }
        Want::Conversations { before, limit } => {
            let window = Window { before, limit };
            return conversations::list(connection, accounts, me, window, reference);
        }
        Want::GroupShow { group } => {
            return conversations::show(connection, accounts, me, group, reference);
        }
        Want::Blocks => return conversations::blocks(connection, accounts, me, reference),
        Want::Hello { .. }
        | Want::Ping
        | Want::Message { .. }
        | Want::Typing { .. }
        | Want::Presence { .. } => return Ok(()), // Handled before.
    };
    act::submit(connection, accounts, me, operation, reference);
    Ok(())
}

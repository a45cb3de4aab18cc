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

use sql::{Alteration, Deed};
use wire::{AccountId, Code, Frame, Pending, Request, Want};

use crate::allowance::Kind;
use crate::metrics;
use crate::server::Accounts;
use crate::session::{Flow, Session, Who};
use crate::verb::hello::Asked;
use crate::verb::window::Window;

/// Carries out one request. Before it is known who asks, only a token and a ping are listened to.
pub(crate) fn carry_out(session: &mut Session<'_>, request: Request<'_>) -> Flow {
    let reference = request.reference.as_deref();
    let kind = match request.want {
        Want::Received { .. } | Want::Read { .. } => Kind::Receipt,
        _ => Kind::Frame,
    };
    if !session.admits(kind, reference)? {
        if matches!(request.want, Want::Message { .. }) {
            metrics::MESSAGES.inc("rate_limited");
        }
        return Ok(());
    }
    match (session.who, request.want) {
        (_, Want::Ping) => ping::answer(session, reference),
        (_, Want::Hello { token, since }) => {
            return hello::hello(session, &token, since, Asked::Hello(reference));
        }
        (
            Who::Stranger { .. },
            Want::Message { token: Some(token), from, to, content, reply_to },
        ) => {
            hello::hello(session, &token, None, Asked::Message(reference))?;
            if let Some(me) = session.account() {
                // What has been counted was a stranger's frame; the message is the account's.
                if !session.admits(Kind::Frame, reference)? {
                    metrics::MESSAGES.inc("rate_limited");
                    return Ok(());
                }
                let want = Want::Message { token: None, from, to, content, reply_to };
                return known(session, me, want, reference);
            }
        }
        (Who::Known(me), want) => return known(session, me, want, reference),
        (Who::Stranger { .. }, _) => {
            session.refuse(Code::Unauthorized, "say hello with a token first", reference)
        }
    }
    Ok(())
}

/// What anybody who is known may ask for.
fn known(
    session: &mut Session<'_>,
    me: AccountId,
    want: Want<'_>,
    reference: Option<&str>,
) -> Flow {
    if session.server.accounts().is_some() {
        session.is_wanted()?;
    }
    match want {
        Want::Message { from, to, content, reply_to, .. } => {
            message::send(session, me, from, to, content, reply_to, reference);
        }
        Want::Typing { to } => return typing::tell(session, me, to, reference),
        Want::Presence { ids } => return presence::watch(session, me, ids, reference),
        want => match session.server.accounts() {
            Some(accounts) => return stored(session, accounts, me, want, reference),
            None => unstored(session, &want, reference),
        },
    }
    Ok(())
}

/// Guests have no log: there is nothing to be written down.
fn unstored(session: &Session<'_>, want: &Want<'_>, reference: Option<&str>) {
    match (want, reference) {
        (Want::Received { .. }, Some(reference)) => session.outbox.push(&Frame::Ok { reference }),
        (Want::Received { .. }, None) => {}
        _ => session.unsupported(reference),
    }
}

/// What takes a database: deeds for the committer, and looks at what is stored.
fn stored(
    session: &mut Session<'_>,
    accounts: &Accounts,
    me: AccountId,
    want: Want<'_>,
    reference: Option<&str>,
) -> Flow {
    let change = |group, how| Deed::Change { group, how };
    let deed = match want {
        Want::Received { seq } => Deed::Received { seq },
        Want::Read { id } => Deed::Read { id },
        Want::Edit { id, content } => Deed::Edit { id, content: content.into_owned() },
        Want::Delete { id } => Deed::Delete { id },
        Want::React { id, emoji } => Deed::React { id, emoji: emoji.map(Into::into) },
        Want::Block { id } => Deed::Block { id },
        Want::Unblock { id } => Deed::Unblock { id },
        Want::Accept { pending: Pending::Account(id) } => Deed::Accept { id },
        Want::Decline { pending: Pending::Account(id) } => Deed::Decline { id },
        Want::Accept { pending: Pending::Group(group) } => Deed::Join { group },
        Want::Decline { pending: Pending::Group(group) } => Deed::DeclineInvitation { group },
        Want::Retention { with, days } => Deed::Retain { with, days },
        Want::GroupCreate { name, members } => Deed::Create { name: name.into_owned(), members },
        Want::GroupAdd { group, member } => change(group, Alteration::Add(member)),
        Want::GroupRemove { group, member } => change(group, Alteration::Remove(member)),
        Want::GroupRename { group, name } => change(group, Alteration::Rename(name.into_owned())),
        Want::GroupLeave { group } => change(group, Alteration::Leave),
        Want::GroupPromote { group, member } => change(group, Alteration::Promote(member)),
        Want::GroupDemote { group, member } => change(group, Alteration::Demote(member)),
        Want::History { with, before, limit } => {
            let window = Window { before, limit };
            return history::history(session, accounts, me, with, window, reference);
        }
        Want::Search { text, before, limit } => {
            let window = Window { before, limit };
            return history::search(session, accounts, me, &text, window, reference);
        }
        Want::Conversations { before, limit } => {
            let window = Window { before, limit };
            return conversations::list(session, accounts, me, window, reference);
        }
        Want::GroupShow { group } => {
            return conversations::show(session, accounts, me, group, reference);
        }
        Want::Blocks => return conversations::blocks(session, accounts, me, reference),
        Want::Hello { .. }
        | Want::Ping
        | Want::Message { .. }
        | Want::Typing { .. }
        | Want::Presence { .. } => return Ok(()), // Handled before.
    };
    act::submit(session, accounts, me, deed, reference);
    Ok(())
}

//! For how long a conversation keeps its messages.

use std::collections::BTreeSet;

use wire::{Role, To, With};

use super::group::{NOT_ADMIN, NewEntry, accounts, write};
use super::ledger::Ledger;
use super::{Act, Done, Outcome, Refusal, pair, request};
use crate::Contact;
use crate::engine::Value;
use crate::entry::{Entry, RETENTION, Retention};

/// Has a conversation keep its messages for so many days.
pub(super) fn retain(
    ledger: &mut Ledger<'_>,
    place: usize,
    act: &Act,
    with: With,
    days: Option<i64>,
) -> Done {
    let by = act.by;
    let (conversation, to, mut audience, deaf) = match with {
        With::Group(group) => match ledger.seat(group, by) {
            None => return Ok(Err(Refusal::NO_GROUP)),
            Some(seat) if seat.role != Role::Admin => return Ok(Err(NOT_ADMIN)),
            Some(_) => (group.0, To::Group(group), accounts(ledger, group), None),
        },
        With::Account(other) if !ledger.has_log(other) => return Ok(Err(Refusal::NO_ACCOUNT)),
        With::Account(other) => {
            let found = pair::find(ledger.engine, by, other)?;
            let is_known = found
                .map_or(by == other || ledger.rules.contact == Contact::Open, |shared| {
                    shared.request.asker.is_none()
                });
            if !is_known {
                return Ok(Err(request::STRANGERS));
            }
            let shared = pair::shared(ledger.engine, by, other)?;
            let both = BTreeSet::from([by, other]).into_iter().collect();
            let deaf = shared.withheld_from(other).map(|run| (other, run));
            (shared.conversation, To::Account(other), both, deaf)
        }
    };
    let sql = "update conversation set days = $1 \
               where id = $2 and days is distinct from $1 returning id";
    let days_value = days.map_or(Value::Null, Value::Int);
    if ledger.engine.run(sql, &[days_value, Value::Int(conversation)])?.is_empty() {
        return Ok(Ok(Outcome::Nothing));
    }
    if let With::Group(group) = with {
        ledger.room_mut(group).days = days;
    }
    // It holds for both, else the one could tell that the other has blocked it; only, the other does not hear of it.
    audience.retain(|account| deaf.is_none_or(|(deaf, _)| *account != deaf));
    let at = ledger.time_in(conversation)?;
    let row = NewEntry { conversation, to, kind: RETENTION, content: "", subject: days, at };
    let retention = Retention { by, to, days, at };
    let id = write(ledger, Some(place), by, &row, Entry::Retention(retention), &audience)?;
    if let Some((deaf, run)) = deaf {
        let run = if run > 0 { run } else { id.0 };
        ledger.note_withheld(id, deaf, conversation, run);
    }
    ledger.withhold()?;
    Ok(Ok(Outcome::Done))
}

//! From a text to a [`Request`], in one pass whatever the order of its keys.

use std::borrow::Cow;

use serde::{Deserialize, Deserializer};

use crate::emoji::is_emoji;
use crate::half::{HALF_CHARACTER, has_half_character};
use crate::limit::{
    CONTENT_BYTES_MAX, CONVERSATIONS_MAX, EMOJI_BYTES_MAX, GROUP_MEMBERS_MAX, PAGE_ITEMS_MAX,
    PRESENCE_IDS_MAX, REF_BYTES_MAX, RETENTION_DAYS, SEARCH_BYTES_MAX,
};
use crate::{
    AccountId, Code, GroupId, MessageId, Pending, Request, Seq, Text, To, Want, With, plain,
};

mod found;

/// Why a text is no [`Request`].
#[derive(Debug, PartialEq)]
pub struct Malformed {
    /// [`Code::BadRequest`] or [`Code::UnknownType`].
    pub code: Code,
    /// What is wrong, for a person.
    pub message: String,
    /// The frame's `ref`, where it has a good one.
    pub reference: Option<String>,
}

/// Every key of every request.
#[derive(Deserialize)]
struct Keys<'a> {
    #[serde(rename = "type", borrow)]
    kind: Option<Text<'a>>,
    #[serde(rename = "ref", borrow)]
    reference: Option<Text<'a>>,
    #[serde(borrow)]
    content: Option<Text<'a>>,
    #[serde(borrow)]
    token: Option<Text<'a>>,
    from: Option<AccountId>,
    to: Option<AccountId>,
    with: Option<AccountId>,
    group: Option<GroupId>,
    id: Option<i64>,
    reply_to: Option<MessageId>,
    since: Option<Seq>,
    seq: Option<Seq>,
    before: Option<MessageId>,
    limit: Option<i64>,
    #[serde(borrow)]
    text: Option<Text<'a>>,
    #[serde(borrow)]
    name: Option<Text<'a>>,
    ids: Option<Vec<AccountId>>,
    members: Option<Vec<AccountId>>,
    member: Option<AccountId>,
    // Here `null` says something else than nothing.
    #[serde(borrow, default, deserialize_with = "given")]
    emoji: Option<Option<Text<'a>>>,
    #[serde(default, deserialize_with = "given")]
    days: Option<Option<i64>>,
}

fn given<'de: 'a, 'a, D: Deserializer<'de>, T: Deserialize<'de> + 'a>(
    deserializer: D,
) -> Result<Option<Option<T>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

/// A sentence that says what a request lacks.
type Wrong = &'static str;

impl<'a> Request<'a> {
    /// Reads one text frame. Unknown keys are ignored.
    ///
    /// # Errors
    /// [`Malformed`], ready to be told to the client.
    pub fn parse(text: &'a str) -> Result<Self, Malformed> {
        plain::message(text).map_or_else(|| Self::parse_any(text), Ok)
    }

    /// Whatever it is.
    fn parse_any(text: &'a str) -> Result<Self, Malformed> {
        let mut keys: Keys<'a> =
            serde_json::from_str(text).map_err(|error| explain(text, &error))?;
        let reference = keys.reference.take().map(Text::into_cow);
        if reference.as_deref().is_some_and(|reference| !is_reference(reference)) {
            return Err(bad("`ref` must be a text of 1 to 64 bytes without U+0000", None));
        }
        match want(&mut keys) {
            Ok(Some(want)) => Ok(Self { reference, want }),
            Ok(None) => Err(Malformed {
                code: Code::UnknownType,
                message: "unknown `type`; /schema.json lists those there are".to_owned(),
                reference: reference.map(Cow::into_owned),
            }),
            Err(wrong) => Err(bad(wrong, reference.map(Cow::into_owned))),
        }
    }
}

/// `None`: there is no such type.
fn want<'a>(keys: &mut Keys<'a>) -> Result<Option<Want<'a>>, Wrong> {
    let kind = keys.kind.take().map_or(Cow::Borrowed("message"), Text::into_cow);
    Ok(Some(match &*kind {
        "message" => Want::Message {
            to: keys.to()?,
            from: keys.from,
            reply_to: keys.reply_to,
            content: content(keys.content.take())?,
            token: keys.token.take().map(Text::into_cow),
        },
        "received" => Want::Received {
            seq: keys.seq.filter(|seq| seq.0 >= 0).ok_or("`seq` must be a number from 0")?,
        },
        "read" => Want::Read { id: keys.message()? },
        "ping" => Want::Ping,
        "hello" => {
            if keys.since.is_some_and(|since| since.0 < 0) {
                return Err("`since` must not be negative");
            }
            let token = keys.token.take().ok_or("a hello needs `token` (a text)")?.into_cow();
            Want::Hello { token, since: keys.since }
        }
        "edit" => Want::Edit { id: keys.message()?, content: content(keys.content.take())? },
        "delete" => Want::Delete { id: keys.message()? },
        "react" => Want::React { id: keys.message()?, emoji: emoji(keys.emoji.take())? },
        "typing" => Want::Typing { to: keys.to()? },
        "block" => Want::Block { id: keys.account()? },
        "unblock" => Want::Unblock { id: keys.account()? },
        "blocks" => Want::Blocks,
        "accept" => Want::Accept { pending: keys.pending()? },
        "decline" => Want::Decline { pending: keys.pending()? },
        "presence" => Want::Presence {
            ids: keys
                .ids
                .take()
                .filter(|ids| ids.len() <= PRESENCE_IDS_MAX)
                .ok_or("`ids` must be a list of at most 300 numbers")?,
        },
        "history" => Want::History {
            with: keys.with()?,
            before: keys.before,
            limit: limit(keys.limit, PAGE_ITEMS_MAX)?,
        },
        "conversations" => Want::Conversations {
            before: keys.before,
            limit: limit(keys.limit, CONVERSATIONS_MAX)?,
        },
        "search" => Want::Search {
            before: keys.before,
            limit: limit(keys.limit, PAGE_ITEMS_MAX)?,
            text: bounded(keys.text.take(), SEARCH_BYTES_MAX)
                .ok_or("`text` must have 1 to 256 bytes and no U+0000")?
                .into_cow(),
        },
        "retention" => Want::Retention { with: keys.with()?, days: days(keys.days)? },
        _ => return group(&kind, keys),
    }))
}

fn group<'a>(kind: &str, keys: &mut Keys<'a>) -> Result<Option<Want<'a>>, Wrong> {
    Ok(Some(match kind {
        "group.create" => Want::GroupCreate {
            name: name(keys.name.take())?,
            members: keys
                .members
                .take()
                .filter(|members| members.len() < GROUP_MEMBERS_MAX)
                .ok_or("`members` must be a list of at most 999 numbers")?,
        },
        "group.show" => Want::GroupShow { group: keys.group()? },
        "group.add" => Want::GroupAdd { group: keys.group()?, member: keys.member()? },
        "group.remove" => Want::GroupRemove { group: keys.group()?, member: keys.member()? },
        "group.rename" => Want::GroupRename { group: keys.group()?, name: name(keys.name.take())? },
        "group.leave" => Want::GroupLeave { group: keys.group()? },
        "group.promote" => Want::GroupPromote { group: keys.group()?, member: keys.member()? },
        "group.demote" => Want::GroupDemote { group: keys.group()?, member: keys.member()? },
        _ => return Ok(None),
    }))
}

impl Keys<'_> {
    fn to(&self) -> Result<To, Wrong> {
        match (self.to, self.group) {
            (Some(account), None) => Ok(To::Account(account)),
            (None, Some(group)) => Ok(To::Group(group)),
            _ => Err("either `to` or `group` must be there, a number"),
        }
    }

    fn with(&self) -> Result<With, Wrong> {
        match (self.with, self.group) {
            (Some(account), None) => Ok(With::Account(account)),
            (None, Some(group)) => Ok(With::Group(group)),
            _ => Err("either `with` or `group` must be there, a number"),
        }
    }

    fn pending(&self) -> Result<Pending, Wrong> {
        match (self.id, self.group) {
            (Some(id), None) => Ok(Pending::Account(AccountId(id))),
            (None, Some(group)) => Ok(Pending::Group(group)),
            _ => Err("either `id` or `group` must be there, a number"),
        }
    }

    fn message(&self) -> Result<MessageId, Wrong> {
        self.id.map(MessageId).ok_or("`id` must be a message's number")
    }

    fn account(&self) -> Result<AccountId, Wrong> {
        self.id.map(AccountId).ok_or("`id` must be an account's number")
    }

    fn group(&self) -> Result<GroupId, Wrong> {
        self.group.ok_or("`group` must be a number")
    }

    fn member(&self) -> Result<AccountId, Wrong> {
        self.member.ok_or("`member` must be an account's number")
    }
}

fn content(content: Option<Text<'_>>) -> Result<Text<'_>, Wrong> {
    bounded(content, CONTENT_BYTES_MAX)
        .ok_or("`content` must be a text of 1 byte to 16 KiB without U+0000")
}

fn emoji(emoji: Option<Option<Text<'_>>>) -> Result<Option<Cow<'_, str>>, Wrong> {
    let wrong = "`emoji` must be one emoji of those that Unicode recommends (RGI), or null";
    match emoji.ok_or(wrong)? {
        None => Ok(None),
        text => bounded(text, EMOJI_BYTES_MAX)
            .filter(|text| is_emoji(text))
            .map(|text| Some(text.into_cow()))
            .ok_or(wrong),
    }
}

fn name(name: Option<Text<'_>>) -> Result<Cow<'_, str>, Wrong> {
    crate::name(&name.ok_or("`name` must be a text")?).map(Cow::Owned)
}

fn days(days: Option<Option<i64>>) -> Result<Option<i64>, Wrong> {
    days.filter(|days| days.is_none_or(|days| RETENTION_DAYS.contains(&days)))
        .ok_or("`days` must be 1, 7, 90 or null")
}

fn limit(limit: Option<i64>, max: usize) -> Result<Option<i64>, Wrong> {
    match limit {
        Some(limit) if limit < 1 => Err("`limit` must be a number from 1"),
        limit => Ok(limit.map(|limit| limit.min(max as i64))),
    }
}

/// PostgreSQL cannot store U+0000, so nobody may send it.
fn bounded(text: Option<Text<'_>>, bytes_max: usize) -> Option<Text<'_>> {
    let fits = |text: &str| (1..=bytes_max).contains(&text.len()) && !text.contains('\0');
    text.filter(|text| fits(text))
}

fn is_reference(text: &str) -> bool {
    (1..=REF_BYTES_MAX).contains(&text.len()) && !text.contains('\0')
}

fn bad(message: &str, reference: Option<String>) -> Malformed {
    Malformed { code: Code::BadRequest, message: message.to_owned(), reference }
}

/// The slow way, for frames that are refused anyway: says what is wrong and still finds the `ref`.
fn explain(text: &str, error: &serde_json::Error) -> Malformed {
    let reference = found::reference(text).filter(|text| is_reference(text));
    let what = match error.classify() {
        _ if has_half_character(text.as_bytes()) => HALF_CHARACTER,
        serde_json::error::Category::Data => "a key has the wrong type or is there twice",
        _ => "it cannot be read as a JSON object",
    };
    // serde's own words may quote what the client wrote; line and column never do.
    bad(&format!("{what} (line {}, column {})", error.line(), error.column()), reference)
}

#[cfg(test)]
mod tests;

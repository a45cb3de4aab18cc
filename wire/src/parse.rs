//! Parses a text frame into a [`Request`], in one pass, with keys in any order.

use std::borrow::Cow;

use serde::{Deserialize, Deserializer};

use crate::emoji::is_emoji;
use crate::limit::{
    CONTENT_BYTES_MAX, CONVERSATIONS_MAX, EMOJI_BYTES_MAX, FILE_ID_BYTES_MAX, GROUP_MEMBERS_MAX,
    MESSAGE_FILES_MAX, PAGE_ITEMS_MAX, PRESENCE_IDS_MAX, REF_BYTES_MAX, REPORT_BYTES_MAX,
    RETENTION_DAYS, SEARCH_BYTES_MAX, TIME_MAX,
};
use crate::surrogate::{UNPAIRED_SURROGATE, has_unpaired_surrogate};
use crate::{
    AccountId, Code, Command, DeleteScope, GroupId, MessageId, Peer, PendingRequest, Recipient,
    Request, Seq, Text, plain,
};

mod lenient_ref;

/// Why a text is not a [`Request`].
#[derive(Debug, PartialEq)]
pub struct Malformed {
    /// [`Code::BadRequest`] or [`Code::UnknownType`].
    pub code: Code,
    /// A sentence for a person: what is wrong.
    pub message: String,
    /// The frame's `ref`, if it has a valid one.
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
    files: Option<Vec<Text<'a>>>,
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
    after: Option<MessageId>,
    around: Option<MessageId>,
    limit: Option<i64>,
    #[serde(borrow)]
    text: Option<Text<'a>>,
    #[serde(borrow)]
    name: Option<Text<'a>>,
    ids: Option<Vec<AccountId>>,
    members: Option<Vec<AccountId>>,
    member: Option<AccountId>,
    // For this key `null` differs from a missing key.
    #[serde(borrow, default, deserialize_with = "given")]
    emoji: Option<Option<Text<'a>>>,
    #[serde(default, deserialize_with = "given")]
    days: Option<Option<i64>>,
    #[serde(default, deserialize_with = "given")]
    muted_until: Option<Option<i64>>,
    pinned: Option<bool>,
    archived: Option<bool>,
    unread: Option<bool>,
    #[serde(rename = "for", borrow)]
    scope: Option<Text<'a>>,
}

fn given<'de: 'a, 'a, D: Deserializer<'de>, T: Deserialize<'de> + 'a>(
    deserializer: D,
) -> Result<Option<Option<T>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

/// A sentence that says what a request lacks.
type Reason = &'static str;

impl<'a> Request<'a> {
    /// Reads one text frame. Unknown keys are ignored.
    ///
    /// # Errors
    /// [`Malformed`] says what is wrong, for the client.
    pub fn parse(text: &'a str) -> Result<Self, Malformed> {
        plain::message(text).map_or_else(|| Self::parse_any(text), Ok)
    }

    /// The general parser.
    fn parse_any(text: &'a str) -> Result<Self, Malformed> {
        let mut keys: Keys<'a> =
            serde_json::from_str(text).map_err(|error| explain(text, &error))?;
        let reference = keys.reference.take().map(Text::into_cow);
        if reference.as_deref().is_some_and(|reference| !is_reference(reference)) {
            return Err(bad("`ref` must be a text of 1 to 64 bytes without U+0000", None));
        }
        match command(&mut keys) {
            Ok(Some(command)) => Ok(Self { reference, command }),
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
fn command<'a>(keys: &mut Keys<'a>) -> Result<Option<Command<'a>>, Reason> {
    let kind = keys.kind.take().map_or(Cow::Borrowed("message"), Text::into_cow);
    Ok(Some(match &*kind {
        "message" => {
            let files = files(keys.files.take())?;
            Command::Message {
                to: keys.to()?,
                from: keys.from,
                reply_to: keys.reply_to,
                content: match keys.content.take() {
                    Some(content) if content.is_empty() && !files.is_empty() => content,
                    text => content(text)?,
                },
                files,
                token: keys.token.take().map(Text::into_cow),
            }
        }
        "received" => Command::Received {
            seq: keys.seq.filter(|seq| seq.0 >= 0).ok_or("`seq` must be a number from 0")?,
        },
        "read" => Command::Read { id: keys.message()? },
        "ping" => Command::Ping,
        "hello" => {
            if keys.since.is_some_and(|since| since.0 < 0) {
                return Err("`since` must not be negative");
            }
            let token = keys.token.take().ok_or("a hello needs `token` (a text)")?.into_cow();
            Command::Hello { token, since: keys.since }
        }
        "edit" => Command::Edit { id: keys.message()?, content: content(keys.content.take())? },
        "delete" => Command::Delete { id: keys.message()?, scope: keys.scope()? },
        "react" => Command::React { id: keys.message()?, emoji: emoji(keys.emoji.take())? },
        "report" => Command::Report { id: keys.message()?, text: reason(keys.text.take())? },
        "typing" => Command::Typing { to: keys.to()? },
        "block" => Command::Block { id: keys.account()? },
        "unblock" => Command::Unblock { id: keys.account()? },
        "blocks" => Command::Blocks,
        "accept" => Command::Accept { pending: keys.pending()? },
        "decline" => Command::Decline { pending: keys.pending()? },
        "presence" => Command::Presence {
            ids: keys
                .ids
                .take()
                .filter(|ids| ids.len() <= PRESENCE_IDS_MAX)
                .ok_or("`ids` must be a list of at most 300 numbers")?,
        },
        "history" => {
            if [keys.before, keys.after, keys.around].iter().flatten().count() > 1 {
                return Err("only one of `before`, `after` and `around` may be there");
            }
            Command::History {
                with: keys.with()?,
                before: keys.before,
                after: keys.after,
                around: keys.around,
                limit: limit(keys.limit, PAGE_ITEMS_MAX)?,
            }
        }
        "conversations" => Command::Conversations {
            before: keys.before,
            limit: limit(keys.limit, CONVERSATIONS_MAX)?,
        },
        "search" => Command::Search {
            before: keys.before,
            limit: limit(keys.limit, PAGE_ITEMS_MAX)?,
            text: bounded(keys.text.take(), SEARCH_BYTES_MAX)
                .ok_or("`text` must have 1 to 256 bytes and no U+0000")?
                .into_cow(),
        },
        "retention" => Command::Retention { with: keys.with()?, days: days(keys.days)? },
        "conversation.set" => keys.settings()?,
        "conversation.clear" => Command::ConversationClear { with: keys.with()? },
        _ => return group(&kind, keys),
    }))
}

fn group<'a>(kind: &str, keys: &mut Keys<'a>) -> Result<Option<Command<'a>>, Reason> {
    Ok(Some(match kind {
        "group.create" => Command::GroupCreate {
            name: name(keys.name.take())?,
            members: keys
                .members
                .take()
                .filter(|members| members.len() < GROUP_MEMBERS_MAX)
                .ok_or("`members` must be a list of at most 999 numbers")?,
        },
        "group.show" => Command::GroupShow { group: keys.group()? },
        "group.add" => Command::GroupAdd { group: keys.group()?, member: keys.member()? },
        "group.remove" => Command::GroupRemove { group: keys.group()?, member: keys.member()? },
        "group.rename" => {
            Command::GroupRename { group: keys.group()?, name: name(keys.name.take())? }
        }
        "group.leave" => Command::GroupLeave { group: keys.group()? },
        "group.promote" => Command::GroupPromote { group: keys.group()?, member: keys.member()? },
        "group.demote" => Command::GroupDemote { group: keys.group()?, member: keys.member()? },
        _ => return Ok(None),
    }))
}

impl Keys<'_> {
    fn to(&self) -> Result<Recipient, Reason> {
        match (self.to, self.group) {
            (Some(account), None) => Ok(Recipient::Account(account)),
            (None, Some(group)) => Ok(Recipient::Group(group)),
            _ => Err("either `to` or `group` must be there, a number"),
        }
    }

    fn with(&self) -> Result<Peer, Reason> {
        match (self.with, self.group) {
            (Some(account), None) => Ok(Peer::Account(account)),
            (None, Some(group)) => Ok(Peer::Group(group)),
            _ => Err("either `with` or `group` must be there, a number"),
        }
    }

    fn scope(&self) -> Result<Option<DeleteScope>, Reason> {
        match self.scope.as_deref() {
            None => Ok(None),
            Some("me") => Ok(Some(DeleteScope::Me)),
            Some(_) => Err("`for` must be `me`, or be left out: then it is deleted for everybody"),
        }
    }

    fn settings<'a>(&self) -> Result<Command<'a>, Reason> {
        let Self { muted_until, pinned, archived, unread, .. } = *self;
        if muted_until.flatten().is_some_and(|until| !(0..=TIME_MAX).contains(&until)) {
            return Err("`muted_until` must be a time in milliseconds, or null");
        }
        if muted_until.is_none() && [pinned, archived, unread] == [None; 3] {
            return Err("one of `muted_until`, `pinned`, `archived` and `unread` must be there");
        }
        Ok(Command::ConversationSet { with: self.with()?, muted_until, pinned, archived, unread })
    }

    fn pending(&self) -> Result<PendingRequest, Reason> {
        match (self.id, self.group) {
            (Some(id), None) => Ok(PendingRequest::Account(AccountId(id))),
            (None, Some(group)) => Ok(PendingRequest::Group(group)),
            _ => Err("either `id` or `group` must be there, a number"),
        }
    }

    fn message(&self) -> Result<MessageId, Reason> {
        self.id.map(MessageId).ok_or("`id` must be a message's number")
    }

    fn account(&self) -> Result<AccountId, Reason> {
        self.id.map(AccountId).ok_or("`id` must be an account's number")
    }

    fn group(&self) -> Result<GroupId, Reason> {
        self.group.ok_or("`group` must be a number")
    }

    fn member(&self) -> Result<AccountId, Reason> {
        self.member.ok_or("`member` must be an account's number")
    }
}

fn content(content: Option<Text<'_>>) -> Result<Text<'_>, Reason> {
    bounded(content, CONTENT_BYTES_MAX)
        .ok_or("`content` must be a text of 1 byte to 16 KiB without U+0000")
}

fn files<'a>(files: Option<Vec<Text<'a>>>) -> Result<Vec<Cow<'a, str>>, Reason> {
    let Some(files) = files else { return Ok(Vec::new()) };
    let ids: Vec<_> = files.into_iter().map(Text::into_cow).collect();
    let is_id = |id: &Cow<'a, str>| {
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        (1..=FILE_ID_BYTES_MAX).contains(&id.len()) && id.bytes().all(is_plain)
    };
    let is_once = |at: usize| !ids[..at].contains(&ids[at]);
    match (1..=MESSAGE_FILES_MAX).contains(&ids.len())
        && ids.iter().all(is_id)
        && (0..ids.len()).all(is_once)
    {
        true => Ok(ids),
        false => Err("`files` must be a list of 1 to 10 ids of files, each once"),
    }
}

fn emoji(emoji: Option<Option<Text<'_>>>) -> Result<Option<Cow<'_, str>>, Reason> {
    let wrong = "`emoji` must be one emoji of those that Unicode recommends (RGI), or null";
    match emoji.ok_or(wrong)? {
        None => Ok(None),
        text => bounded(text, EMOJI_BYTES_MAX)
            .filter(|text| is_emoji(text))
            .map(|text| Some(text.into_cow()))
            .ok_or(wrong),
    }
}

fn name(name: Option<Text<'_>>) -> Result<Cow<'_, str>, Reason> {
    crate::name(&name.ok_or("`name` must be a text")?).map(Cow::Owned)
}

fn reason(text: Option<Text<'_>>) -> Result<Option<Cow<'_, str>>, Reason> {
    let fits = |text: &Text<'_>| text.len() <= REPORT_BYTES_MAX && !text.contains('\0');
    match text {
        Some(text) if !fits(&text) => Err("`text` must have at most 1024 bytes and no U+0000"),
        text => Ok(text.map(Text::into_cow)),
    }
}

fn days(days: Option<Option<i64>>) -> Result<Option<i64>, Reason> {
    days.filter(|days| days.is_none_or(|days| RETENTION_DAYS.contains(&days)))
        .ok_or("`days` must be 1, 7, 90 or null")
}

fn limit(limit: Option<i64>, max: usize) -> Result<Option<i64>, Reason> {
    match limit {
        Some(limit) if limit < 1 => Err("`limit` must be a number from 1"),
        limit => Ok(limit.map(|limit| limit.min(max as i64))),
    }
}

/// A text of 1 to `bytes_max` bytes, without U+0000, which PostgreSQL cannot store.
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

/// Says what is wrong with a frame that is refused, and finds its `ref`. It may be slow.
fn explain(text: &str, error: &serde_json::Error) -> Malformed {
    let reference = lenient_ref::reference(text).filter(|text| is_reference(text));
    let what = match error.classify() {
        _ if has_unpaired_surrogate(text.as_bytes()) => UNPAIRED_SURROGATE,
        serde_json::error::Category::Data => "a key has the wrong type or is there twice",
        _ => "it cannot be read as a JSON object",
    };
    // serde's own words may quote what the client wrote; line and column never do.
    bad(&format!("{what} (line {}, column {})", error.line(), error.column()), reference)
}

#[cfg(test)]
mod tests;

//! The bounds that both sides must know.

/// Bytes of one WebSocket frame, and of one message made of several; over it the close code is 1009.
pub const FRAME_BYTES_MAX: usize = 64 * 1024;
/// Bytes of a message's `content`, in UTF-8.
pub const CONTENT_BYTES_MAX: usize = 16 * 1024;
/// Bytes of a `ref`.
pub const REF_BYTES_MAX: usize = 64;
/// Bytes of a reaction's `emoji`; the longest that Unicode recommends has 35, and older reactions are any text.
pub const EMOJI_BYTES_MAX: usize = 64;
/// Bytes of an email, after trimming and lower-casing (RFC 5321 allows no more in a command).
pub const EMAIL_BYTES_MAX: usize = 254;
/// Bytes of an email: one on each side of the `@`.
pub const EMAIL_BYTES_MIN: usize = 3;
/// Characters of a name, of a person or a group, as it is kept.
pub const NAME_CHARS_MAX: usize = 100;
/// Members of a group.
pub const GROUP_MEMBERS_MAX: usize = 1000;
/// Groups that one account is in.
pub const GROUPS_MAX: i64 = 1000;
/// Members of a group up to which a sender hears of each one's receipts; in a larger one only of the last one's.
pub const RECEIPTS_EACH_MAX: i64 = 64;
/// Messages and pending invitations that an account may send to one that has not accepted it.
pub const REQUEST_MESSAGES_MAX: i64 = 5;
/// Requests and invitations of an account to others that may be open at a time.
pub const REQUESTS_OPEN_MAX: i64 = 50;
/// Accounts that one account may have blocked at a time.
pub const BLOCKS_MAX: i64 = 1000;
/// Accounts found by email whose names an account may see for that alone.
pub const FINDINGS_MAX: i64 = 1000;
/// How long after it was taken a message may be edited or deleted by its sender, in milliseconds: 15 minutes.
pub const EDIT_WINDOW_MS: i64 = 15 * 60 * 1000;
/// Messages or conversations in one answer, unless the client asks for fewer or more.
pub const PAGE_ITEMS: usize = 50;
/// Messages in one answer at the most.
pub const PAGE_ITEMS_MAX: usize = 200;
/// Conversations in one answer, unless the client asks for fewer or more.
pub const CONVERSATIONS: usize = 300;
/// Conversations in one answer at the most.
pub const CONVERSATIONS_MAX: usize = 1000;
/// Unread messages that are counted in one conversation: so many, or more.
pub const UNREAD_MAX: usize = 500;
/// Entries of one conversation after the last one read, the newest first, among which unread messages are counted. Between two
/// that a block withholds they are counted anew.
pub const UNREAD_LOOKED_AT_MAX: usize = 5000;
/// Reactions to one message that are listed, the latest first.
pub const REACTIONS_LISTED_MAX: usize = 100;
/// Bytes of what is searched for.
pub const SEARCH_BYTES_MAX: usize = 256;
/// Accounts whose presence one connection watches.
pub const PRESENCE_IDS_MAX: usize = 300;
/// For how many days a conversation may keep its messages; `null` is for ever.
pub const RETENTION_DAYS: [i64; 3] = [1, 7, 90];
/// Bytes of a clear token as text; ours have 43.
pub const TOKEN_TEXT_BYTES_MAX: usize = 128;
/// Random bits of a token.
pub const TOKEN_BITS: usize = 256;
/// How long a session lasts after it was last used, in milliseconds: 30 days.
pub const SESSION_LIFE_MS: i64 = 30 * 24 * 60 * 60 * 1000;
/// Sessions of one account; one more ends the longest unused.
pub const SESSIONS_MAX: i64 = 50;
/// How long a ticket is good, in milliseconds: 60 s.
pub const TICKET_LIFE_MS: i64 = 60 * 1000;
/// Tickets of one account that are still good; one more ends the oldest.
pub const TICKETS_MAX: i64 = 32;
/// How far ahead a session counts as in use when an open socket of it is noted, in milliseconds: 15 minutes.
pub const SESSION_USE_MS: i64 = 15 * 60 * 1000;

// The longest content still fits a frame when each byte of it is escaped as two.
const _: () = assert!(2 * CONTENT_BYTES_MAX + 1024 < FRAME_BYTES_MAX);

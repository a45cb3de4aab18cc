//! The bounds of the protocol.

/// Bytes of one WebSocket frame, and of a fragmented message. A larger one is closed with 1009.
pub const FRAME_BYTES_MAX: usize = 64 * 1024;
/// Bytes of a message's `content`, in UTF-8.
pub const CONTENT_BYTES_MAX: usize = 16 * 1024;
/// Files of a message.
pub const MESSAGE_FILES_MAX: usize = 10;
/// Bytes of a file's id; ours have 32.
pub const FILE_ID_BYTES_MAX: usize = 64;
/// Bytes of a `ref`.
pub const REF_BYTES_MAX: usize = 64;
/// Bytes of a reaction's `emoji`. The longest emoji of Unicode's recommended set has 35. Older reactions may be any text.
pub const EMOJI_BYTES_MAX: usize = 64;
/// Bytes of an email, after trimming and lower-casing (RFC 5321 allows no more in a command).
pub const EMAIL_BYTES_MAX: usize = 254;
/// Bytes of an email: one on each side of the `@`.
pub const EMAIL_BYTES_MIN: usize = 3;
/// Characters of the name of an account or a group, in its stored form.
pub const NAME_CHARS_MAX: usize = 100;
/// Members of a group.
pub const GROUP_MEMBERS_MAX: usize = 1000;
/// Groups that one account is in.
pub const GROUPS_MAX: i64 = 1000;
/// Members of a group up to which a sender gets the receipts of each member. In a larger group it gets only the receipt that
/// completes all members.
pub const RECEIPTS_EACH_MAX: i64 = 64;
/// Messages and pending invitations that an account may send to one that has not accepted it.
pub const REQUEST_MESSAGES_MAX: i64 = 5;
/// Requests and invitations of an account to others that may be open at a time.
pub const REQUESTS_OPEN_MAX: i64 = 50;
/// Accounts that one account may have blocked at a time.
pub const BLOCKS_MAX: i64 = 1000;
/// Accounts whose names an account may see because it has found them by email.
pub const FINDINGS_MAX: i64 = 1000;
/// How long the sender may edit or delete a message after the server has accepted it, in milliseconds: 15 minutes.
pub const EDIT_WINDOW_MS: i64 = 15 * 60 * 1000;
/// Messages of a page, by default.
pub const PAGE_ITEMS: usize = 50;
/// Messages of a page, at most.
pub const PAGE_ITEMS_MAX: usize = 200;
/// Conversations of a page, by default.
pub const CONVERSATIONS: usize = 300;
/// Conversations of a page, at most.
pub const CONVERSATIONS_MAX: usize = 1000;
/// Unread messages of one conversation are counted up to this number, which means this number or more.
pub const UNREAD_MAX: usize = 500;
/// Entries of one conversation after the last read one, the newest first, among which unread messages are counted. The count of
/// entries starts again after each run of messages that a block withholds.
pub const UNREAD_LOOKED_AT_MAX: usize = 5000;
/// Reactions to one message that are listed, the latest first.
pub const REACTIONS_LISTED_MAX: usize = 100;
/// Bytes of the `text` of a report.
pub const REPORT_BYTES_MAX: usize = 1024;
/// Reports of one account that the operator has not closed.
pub const REPORTS_MAX: i64 = 50;
/// How long a report is kept unless the operator closes it, in milliseconds: 90 days.
pub const REPORT_LIFE_MS: i64 = 90 * 24 * 60 * 60 * 1000;
/// Bytes of the `text` of a search.
pub const SEARCH_BYTES_MAX: usize = 256;
/// Accounts whose presence one connection watches.
pub const PRESENCE_IDS_MAX: usize = 300;
/// The latest time that a client may name, in milliseconds: JavaScript has no greater whole number.
pub const TIME_MAX: i64 = (1 << 53) - 1;
/// The numbers of days for which a conversation may keep its messages. `null` means without a limit.
pub const RETENTION_DAYS: [i64; 3] = [1, 7, 90];
/// Bytes of a token as text. The server's own tokens have 43.
pub const TOKEN_TEXT_BYTES_MAX: usize = 128;
/// Random bits of a token.
pub const TOKEN_BITS: usize = 256;
/// How long a session lasts after it was last used, in milliseconds: 30 days.
pub const SESSION_LIFE_MS: i64 = 30 * 24 * 60 * 60 * 1000;
/// Sessions of one account. A further login ends the session that was unused for longest.
pub const SESSIONS_MAX: i64 = 50;
/// How long a ticket is valid, in milliseconds: 60 s.
pub const TICKET_LIFE_MS: i64 = 60 * 1000;
/// Valid tickets of one account. A further one ends the oldest.
pub const TICKETS_MAX: i64 = 32;
/// For how long a session counts as used after the server has recorded an open socket of it, in milliseconds: 15 minutes.
pub const SESSION_USE_MS: i64 = 15 * 60 * 1000;

// The longest content fits a frame even if each of its bytes is escaped as two.
const _: () = assert!(2 * CONTENT_BYTES_MAX + 1024 < FRAME_BYTES_MAX);

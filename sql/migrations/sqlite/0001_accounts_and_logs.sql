-- Times are milliseconds since 1970-01-01 UTC. `autoincrement`: an id is never given twice.

create table account (
    id integer primary key autoincrement,
    email text unique,        -- case-folded; null once the account is deleted
    name text,                -- null once deleted
    password text,            -- PHC string; null once deleted
    epoch integer not null default 1,      -- counts its passwords: who knew an older one gets no new session
    created_at integer not null
) strict;

-- A device's login.
create table session (
    id integer primary key autoincrement,
    account integer not null references account (id),
    token_hash blob not null unique,
    device text not null,
    created_at integer not null,
    seen_at integer not null,
    expires_at integer not null
) strict;
create index session_account on session (account);

-- Sessions that ended before their time, for chat nodes to close their sockets. Swept after a day.
create table revocation (
    id integer primary key autoincrement,
    session integer not null,
    at integer not null
) strict;

-- What all messages between the same people share. Two people: low and high are their accounts, low <= high.
create table conversation (
    id integer primary key autoincrement,
    low integer not null references account (id),
    high integer not null references account (id),
    unique (low, high)
) strict;
create index conversation_high on conversation (high);

create table message (
    id integer primary key autoincrement,
    conversation integer not null references conversation (id),
    sender integer not null,
    recipient integer not null,
    content text not null,
    at integer not null,
    ref text,                 -- the sender's name for it
    seq integer not null      -- its place in the sender's log
) strict;
create unique index message_ref on message (sender, ref) where ref is not null;
create index message_conversation on message (conversation, id);

-- One an account: how far its log has come, and how far its devices have acknowledged it.
create table log (
    account integer primary key references account (id),
    head integer not null default 0,
    acknowledged integer not null default 0,
    forgotten integer not null default 0     -- events up to here are no longer kept
) strict;

-- What an account must not miss, numbered without a hole. kind 1: a message, sent or received.
create table event (
    account integer not null,
    seq integer not null,
    kind integer not null,
    message integer,
    primary key (account, seq)
) strict, without rowid;

-- Times are milliseconds since 1970-01-01 UTC.

create table account (
    id bigint generated always as identity primary key,
    email text unique,        -- case-folded; null once the account is deleted
    name text,                -- null once deleted
    password text,            -- PHC string; null once deleted
    epoch bigint not null default 1,      -- counts its passwords: who knew an older one gets no new session
    created_at bigint not null
);

-- A device's login.
create table session (
    id bigint generated always as identity primary key,
    account bigint not null references account (id),
    token_hash bytea not null unique,
    device text not null,
    created_at bigint not null,
    seen_at bigint not null,
    expires_at bigint not null
);
create index session_account on session (account);

-- Sessions that ended before their time, for chat nodes to close their sockets. Swept after a day.
create table revocation (
    id bigint generated always as identity primary key,
    session bigint not null,
    at bigint not null
);

-- What all messages between the same people share. Two people: low and high are their accounts, low <= high.
create table conversation (
    id bigint generated always as identity primary key,
    low bigint not null references account (id),
    high bigint not null references account (id),
    unique (low, high)
);
create index conversation_high on conversation (high);

create table message (
    id bigint generated always as identity primary key,
    conversation bigint not null references conversation (id),
    sender bigint not null,
    recipient bigint not null,
    content text not null,
    at bigint not null,
    ref text,                 -- the sender's name for it
    seq bigint not null       -- its place in the sender's log
);
create unique index message_ref on message (sender, ref) where ref is not null;
create index message_conversation on message (conversation, id);

-- One an account: how far its log has come, and how far its devices have acknowledged it.
create table log (
    account bigint primary key references account (id),
    head bigint not null default 0,
    acknowledged bigint not null default 0,
    forgotten bigint not null default 0      -- events up to here are no longer kept
) with (fillfactor = 50);    -- head changes with every message; room on the page keeps updates in place

-- What an account must not miss, numbered without a hole. kind 1: a message, sent or received.
create table event (
    account bigint not null,
    seq bigint not null,
    kind bigint not null,
    message bigint,
    primary key (account, seq)
);

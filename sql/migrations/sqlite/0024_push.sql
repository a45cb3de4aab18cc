-- The server's own key for Web Push (RFC 8292): made once, by whoever needs it first.
create table push_key (
    id integer primary key,
    key blob not null
) strict;

-- The hosts of push services, and when something was sent to each, by whichever server.
create table push_host (
    host text primary key,
    sent_at integer not null
) strict, without rowid;

-- Where a session's browser is told that there is something for it (RFC 8030). It goes with the session.
create table push_subscription (
    session integer primary key references session (id) on delete cascade,
    account integer not null,
    host text not null references push_host (host),
    endpoint text not null unique,
    p256dh blob not null,                       -- the browser's keys (RFC 8291)
    auth blob not null,
    created_at integer not null,
    state integer not null default 0,           -- 0: nothing to push; 1: something; 2: being pushed; 3: being pushed, and there is more
    next_at integer,                            -- when it is to be pushed, or pushed again if no outcome is stored
    not_before integer not null default 0,      -- nothing is pushed before, unless the client comes back first
    failures integer not null default 0         -- how often it has failed, one after the other
) strict;
create index push_subscription_account on push_subscription (account);
create index push_subscription_due on push_subscription (host, next_at) where next_at is not null;

-- Which sessions are connected to which chat server, while there are several: see `online`.
create table online_session (
    account integer not null,
    node integer not null,
    session integer not null,
    primary key (account, node, session)
) strict, without rowid;
create index online_session_node on online_session (node);

-- The server's own key for Web Push (RFC 8292): made once, by whoever needs it first.
create table push_key (
    id bigint primary key,
    key bytea not null
);

-- The hosts of push services, and when something was sent to each, by whichever server.
create table push_host (
    host text primary key,
    sent_at bigint not null
);

-- Where a session's browser is told that there is something for it (RFC 8030). It goes with the session.
create table push_subscription (
    session bigint primary key references session (id) on delete cascade,
    account bigint not null,
    host text not null references push_host (host),
    endpoint text not null unique,
    p256dh bytea not null,                       -- the browser's keys (RFC 8291)
    auth bytea not null,
    created_at bigint not null,
    state bigint not null default 0,           -- 0: nothing to push; 1: something; 2: being pushed; 3: being pushed, and there is more
    next_at bigint,                            -- when it is to be pushed, or pushed again if no outcome is stored
    not_before bigint not null default 0,      -- nothing is pushed before, unless the client comes back first
    failures bigint not null default 0         -- how often it has failed, one after the other
);
create index push_subscription_account on push_subscription (account);
create index push_subscription_due on push_subscription (host, next_at) where next_at is not null;

-- Which sessions are connected to which chat server, while there are several: see `online`.
create table online_session (
    account bigint not null,
    node bigint not null,
    session bigint not null,
    primary key (account, node, session)
);
create index online_session_node on online_session (node);
-- No sample of what is secret is kept for the planner.
alter table push_subscription alter column endpoint set statistics 0;
alter table push_subscription alter column p256dh set statistics 0;
alter table push_subscription alter column auth set statistics 0;

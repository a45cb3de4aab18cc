-- What each chat server tells the others: the heads of the logs that a commit of it has grown. A server counts its own notices,
-- and commits one after the other, so they become visible in the order of their numbers.
create table notice (
    node integer not null,
    number integer not null,
    body blob not null,
    primary key (node, number)
) strict, without rowid;
-- The highest number of another node that this one sees, and tells of all its commits; 0: it tells nobody.
alter table node add knows integer not null default 0;
-- Under which name the chat servers of this database find each other on a message bus.
create table bus (id text primary key) strict, without rowid;
insert into bus (id) values (lower(hex(randomblob(16))));
-- Which accounts are connected to which of these servers, while there are several: how many connections, and since when the oldest.
create table online (
    account integer not null,
    node integer not null,
    connections integer not null,
    since integer not null,
    primary key (account, node)
) strict, without rowid;
create index online_node on online (node);

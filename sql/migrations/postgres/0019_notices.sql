-- What each chat server tells the others: the heads of the logs that a commit of it has grown. A server counts its own notices,
-- and commits one after the other, so they become visible in the order of their numbers.
create table notice (
    node bigint not null,
    number bigint not null,
    body bytea not null,
    primary key (node, number)
);
-- The highest number of another node that this one sees, and tells of all its commits; 0: it tells nobody.
alter table node add knows bigint not null default 0;
-- Under which name the chat servers of this database find each other on a message bus.
create table bus (id text primary key);
insert into bus (id) values (gen_random_uuid()::text);
-- Which accounts are connected to which of these servers, while there are several: how many connections, and since when the oldest.
create table online (
    account bigint not null,
    node bigint not null,
    connections bigint not null,
    since bigint not null,
    primary key (account, node)
);
create index online_node on online (node);

-- Script 0002 was edited after it had landed. This makes of a database that an early form of it has made what its last form
-- makes. It is run before further scripts, where no checksums are recorded yet, and changes nothing twice.
create table if not exists withheld_edit (
    message integer not null,
    account integer not null,
    content text not null,
    edited_at integer,
    primary key (message, account)
) strict, without rowid;
create index if not exists withheld_edit_account on withheld_edit (account);
create table if not exists withheld_reaction (
    message integer not null,
    reactor integer not null,
    account integer not null,
    primary key (message, reactor, account)
) strict, without rowid;
create index if not exists withheld_reaction_reactor on withheld_reaction (reactor);
create index if not exists withheld_reaction_account on withheld_reaction (account);
drop index if exists member_delivered;
drop index if exists member_read;

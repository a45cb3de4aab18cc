-- Proofs that are good once, for a minute, to open a socket of a session. Whether that goes on is asked when it is opened.
create table ticket (
    hash blob primary key,
    account integer not null,
    session integer not null,
    expires_at integer not null
) strict, without rowid;
create index ticket_account on ticket (account);

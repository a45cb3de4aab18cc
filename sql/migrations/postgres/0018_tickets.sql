-- Proofs that are good once, for a minute, to open a socket of a session. Whether that goes on is asked when it is opened.
create table ticket (
    hash bytea primary key,
    account bigint not null,
    session bigint not null,
    expires_at bigint not null
);
create index ticket_account on ticket (account);

-- Messages that somebody has given to the operator, as they were then. They stay when the message or one of the accounts goes.
create table report (
    message integer not null,
    account integer not null,     -- who has reported it
    at integer not null,
    text text not null,           -- why, as that account says
    sender integer not null,
    recipient integer,            -- null: it was sent to a group
    conversation integer not null,
    sent_at integer not null,
    content text not null,        -- as the account that reports it saw it
    files text,                   -- as in `message`
    primary key (message, account)
) strict, without rowid;
create index report_account on report (account, message);
create index report_at on report (at, message, account);

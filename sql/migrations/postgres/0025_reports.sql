-- Messages that somebody has given to the operator, as they were then. They stay when the message or one of the accounts goes.
create table report (
    message bigint not null,
    account bigint not null,     -- who has reported it
    at bigint not null,
    text text not null,           -- why, as that account says
    sender bigint not null,
    recipient bigint,            -- null: it was sent to a group
    conversation bigint not null,
    sent_at bigint not null,
    content text not null,        -- as the account that reports it saw it
    files text,                   -- as in `message`
    primary key (message, account)
);
create index report_account on report (account, message);
create index report_at on report (at, message, account);

-- Whether others see when an account was last connected and what it has read. An account that hides one sees none of others.
alter table log add column shows_last_seen integer not null default 1;
alter table log add column shows_read integer not null default 1;

-- Others see the account as having read up to here, since it hides what it reads; null: up to `read`.
alter table member add column read_hidden integer;

-- Null: a session has ended. Else: this account hides its last seen from now on, or (0) shows it; `session` is 0.
alter table revocation add column account integer;
alter table revocation add column hides integer;

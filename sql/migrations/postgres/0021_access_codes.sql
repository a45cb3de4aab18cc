-- Since when an account is locked out; null: it is not.
alter table account add column disabled_at bigint;
-- 0: a code was mailed to its email, and nobody has shown it yet.
alter table account add column proved bigint not null default 1;
-- The email that it will have once a code that was mailed there is shown.
alter table account add column next_email text;

-- Codes that are given to somebody outside of a session, by link. Only their hashes are here.
create table access_code (
    hash bytea primary key,
    purpose bigint not null,     -- 1: invites to sign up; 2: resets a password; 3: proves an email
    account bigint,              -- whose it is; null: an invitation
    email_hash bytea,              -- the only email that it is good for, hashed with the code; null: any
    mailed bigint not null,      -- 1: it was sent by mail
    uses bigint not null,        -- how often it is still good
    created_at bigint not null,
    expires_at bigint not null   -- when it is deleted, used or not: those that were mailed are counted
);
create index access_code_account on access_code (account);
-- No sample of what is personal is kept for the planner.
alter table account alter column next_email set statistics 0;

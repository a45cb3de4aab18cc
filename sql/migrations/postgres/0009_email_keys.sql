-- By what emails are compared. The programs fill it (sql/src/email.rs), since no SQL can. It is null for an email that nobody may sign
-- up with any more, and for one that means the same as an older account's: these are found by `email` alone.
alter table account add column email_key text;
create unique index account_by_email_key on account (email_key);
-- Those that are still to be looked at.
create index account_without_key on account (id) where (email is null) <> (email_key is null);
-- No sample of what is personal is kept for the planner.
alter table account alter column email_key set statistics 0;

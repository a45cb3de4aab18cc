-- The picture of an account: a file that it has uploaded.
alter table account add column picture text;
create index account_picture on account (picture) where picture is not null;

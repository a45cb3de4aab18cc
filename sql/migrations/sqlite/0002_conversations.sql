-- Conversations of two and of many, receipts, reactions, blocks, search.
-- SQLite cannot loosen a column, so two tables are made anew; children go first, since foreign keys are on.

create table new_conversation (
    id integer primary key autoincrement,
    low integer references account (id),      -- two people: their accounts, low <= high; null in a group
    high integer references account (id),
    name text,                                -- a group's name
    days integer,                             -- for how many days messages are kept; null: for ever
    unique (low, high)
) strict;
insert into new_conversation (id, low, high) select id, low, high from conversation;

-- What was said and done in a conversation, in one order.
create table new_message (
    id integer primary key autoincrement,
    conversation integer not null references new_conversation (id),
    kind integer not null default 0,          -- 0: a message; else a change, see sql/src/entry.rs
    sender integer not null,
    recipient integer,                        -- two people: the other one
    content text not null,                    -- a message's text, a group's name
    subject integer,                          -- what a change is about: an account, or days
    at integer not null,
    ref text,                                 -- the sender's name for it
    seq integer not null,                     -- its place in the sender's log
    reply_to integer,
    edited_at integer,
    deleted integer not null default 0
) strict;
insert into new_message (id, conversation, sender, recipient, content, at, ref, seq)
    select id, conversation, sender, recipient, content, at, ref, seq from message;

-- An id is never given twice, also not one whose row is gone.
delete from sqlite_sequence where name in ('new_conversation', 'new_message');
insert into sqlite_sequence (name, seq)
    select 'new_' || name, seq from sqlite_sequence where name in ('conversation', 'message');

drop table message;
drop table conversation;
alter table new_conversation rename to conversation;
alter table new_message rename to message;
create index conversation_high on conversation (high);
create unique index message_ref on message (sender, ref) where ref is not null;
create index message_conversation on message (conversation, id, kind, sender);

-- Who is in a conversation, and how far they have come in it. Message numbers in the last five.
create table member (
    conversation integer not null references conversation (id),
    account integer not null references account (id),
    role integer not null default 0,          -- 1: admin
    since integer not null default 0,         -- sees what comes after this
    until integer,                            -- and nothing after this: has left
    delivered integer not null default 0,
    read integer not null default 0,
    primary key (conversation, account)
) strict, without rowid;
create index member_account on member (account);
insert into member (conversation, account, delivered, read)
    select p.id, p.account, coalesce(w.last, 0), coalesce(w.last, 0)
    from (select id, low as account from conversation union select id, high from conversation) p
    -- What was acknowledged has arrived, and was seen as far as anybody knew.
    left join (select m.conversation, e.account, max(m.id) as last from event e
        join log l on l.account = e.account and e.seq <= l.acknowledged
        join message m on m.id = e.message group by m.conversation, e.account) w
    on w.conversation = p.id and w.account = p.account;

-- Messages that a block has kept away, and from whom.
create table withheld (
    message integer not null,
    account integer not null,
    primary key (message, account)
) strict, without rowid;
create index withheld_account on withheld (account);

-- Messages that had arrived and whose edits a block has kept away: the text that is read in place of the newest.
create table withheld_edit (
    message integer not null,
    account integer not null,
    content text not null,
    edited_at integer,
    primary key (message, account)
) strict, without rowid;
create index withheld_edit_account on withheld_edit (account);

create table reaction (
    message integer not null,
    account integer not null,
    emoji text not null,
    at integer not null,
    primary key (message, account)
) strict, without rowid;
create index reaction_account on reaction (account);

-- Reactions that a block has kept away, as they are now, and from whom.
create table withheld_reaction (
    message integer not null,
    reactor integer not null,
    account integer not null,
    primary key (message, reactor, account)
) strict, without rowid;
create index withheld_reaction_reactor on withheld_reaction (reactor);
create index withheld_reaction_account on withheld_reaction (account);

create table block (
    blocked integer not null,
    account integer not null,                 -- who has blocked
    at integer not null,
    primary key (blocked, account)
) strict, without rowid;
create index block_account on block (account);

-- What an event is about besides a message; kinds are in sql/src/event.rs.
alter table event add column other integer;

alter table log add column seen_at integer;                       -- when the account was last connected
alter table log add column ripe integer not null default 0;       -- acknowledged by ripe_at: to be forgotten in time
alter table log add column ripe_at integer not null default 0;

-- Words of messages. `secure-delete`: what is taken out is gone from the file at once.
create virtual table message_text using fts5 (
    content, content = 'message', content_rowid = 'id', tokenize = 'unicode61 remove_diacritics 0'
);
insert into message_text (message_text, rank) values ('secure-delete', 1);
insert into message_text (rowid, content) select id, content from message;
create trigger message_text_insert after insert on message when new.kind = 0 begin
    insert into message_text (rowid, content) values (new.id, new.content);
end;
create trigger message_text_update after update of content on message when old.kind = 0 begin
    insert into message_text (message_text, rowid, content) values ('delete', old.id, old.content);
    insert into message_text (rowid, content) values (new.id, new.content);
end;
create trigger message_text_delete after delete on message when old.kind = 0 begin
    insert into message_text (message_text, rowid, content) values ('delete', old.id, old.content);
end;

-- The events of one log lie together, and so do the entries of one conversation. A commit for hundreds of people would
-- change a page for each of them. So what came lately is kept in small tables, of which a commit changes few pages, and
-- is moved in bulk: sql/src/engine/sqlite/recent.rs. Whoever reads sees one table.

alter table event rename to settled_event;
create table recent_event (
    account integer not null,
    seq integer not null,
    kind integer not null,
    message integer,
    other integer,
    primary key (account, seq)
) strict, without rowid;
create view event as
    select account, seq, kind, message, other from settled_event
    union all
    select account, seq, kind, message, other from recent_event;
create trigger event_insert instead of insert on event begin
    insert into recent_event (account, seq, kind, message, other)
        values (new.account, new.seq, new.kind, new.message, new.other);
end;
create trigger event_delete instead of delete on event begin
    delete from settled_event where account = old.account and seq = old.seq;
    delete from recent_event where account = old.account and seq = old.seq;
end;

-- The order of each conversation. `message` loses its index for that, and with it the reference to `conversation`, which
-- would be looked for without one.
create table settled_entry (
    conversation integer not null,
    message integer not null,
    kind integer not null,
    sender integer not null,
    primary key (conversation, message)
) strict, without rowid;
insert into settled_entry select conversation, id, kind, sender from message order by conversation, id;
create table recent_entry (
    conversation integer not null,
    message integer not null,
    kind integer not null,
    sender integer not null,
    primary key (conversation, message)
) strict, without rowid;
create view entry as
    select conversation, message, kind, sender from settled_entry
    union all
    select conversation, message, kind, sender from recent_entry;

create table new_message (
    id integer primary key autoincrement,
    conversation integer not null,
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
insert into new_message
    select id, conversation, kind, sender, recipient, content, subject, at, ref, seq, reply_to, edited_at, deleted
    from message order by id;
delete from sqlite_sequence where name = 'new_message';
insert into sqlite_sequence (name, seq) select 'new_message', seq from sqlite_sequence where name = 'message';
drop table message;
alter table new_message rename to message;
create trigger message_entry_insert after insert on message begin
    insert into recent_entry (conversation, message, kind, sender)
        values (new.conversation, new.id, new.kind, new.sender);
end;
create trigger message_entry_delete after delete on message begin
    delete from settled_entry where conversation = old.conversation and message = old.id;
    delete from recent_entry where conversation = old.conversation and message = old.id;
end;

-- Whose `ref` means which entry: no two of a sender have the same.
create table settled_ref (
    sender integer not null,
    ref text not null,
    message integer not null,
    primary key (sender, ref)
) strict, without rowid;
insert into settled_ref select sender, ref, id from message where ref is not null order by sender, ref;
create table recent_ref (
    sender integer not null,
    ref text not null,
    message integer not null,
    primary key (sender, ref)
) strict, without rowid;
create view reference as
    select sender, ref, message from settled_ref
    union all
    select sender, ref, message from recent_ref;
create trigger message_ref_insert after insert on message when new.ref is not null begin
    insert into recent_ref (sender, ref, message) values (new.sender, new.ref, new.id);
end;
create trigger message_ref_update after update of ref on message when old.ref is not null begin
    delete from settled_ref where sender = old.sender and ref = old.ref;
    delete from recent_ref where sender = old.sender and ref = old.ref;
end;
create trigger message_ref_delete after delete on message when old.ref is not null begin
    delete from settled_ref where sender = old.sender and ref = old.ref;
    delete from recent_ref where sender = old.sender and ref = old.ref;
end;

-- The words of messages up to this one are in the index.
create table indexed (message integer not null) strict;
insert into indexed (message) select coalesce(max(id), 0) from message;
create trigger message_text_update after update of content on message
when old.kind = 0 and old.id <= (select message from indexed) begin
    insert into message_text (message_text, rowid, content) values ('delete', old.id, old.content);
    insert into message_text (rowid, content) values (new.id, new.content);
end;
create trigger message_text_delete after delete on message
when old.kind = 0 and old.id <= (select message from indexed) begin
    insert into message_text (message_text, rowid, content) values ('delete', old.id, old.content);
end;

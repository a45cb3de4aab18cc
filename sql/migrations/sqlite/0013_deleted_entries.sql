-- Unread messages are counted without those that are deleted: the order of a conversation says which these are.
drop view entry;
alter table settled_entry add column deleted integer not null default 0;
alter table recent_entry add column deleted integer not null default 0;
update settled_entry set deleted = 1
    where (conversation, message) in (select conversation, id from message where deleted = 1);
update recent_entry set deleted = 1
    where (conversation, message) in (select conversation, id from message where deleted = 1);
create view entry as
    select conversation, message, kind, sender, deleted from settled_entry
    union all
    select conversation, message, kind, sender, deleted from recent_entry;
drop trigger message_entry_insert;
create trigger message_entry_insert after insert on message begin
    insert into recent_entry (conversation, message, kind, sender, deleted)
        values (new.conversation, new.id, new.kind, new.sender, new.deleted);
end;
create trigger message_entry_update after update of deleted on message when new.deleted <> old.deleted begin
    update settled_entry set deleted = new.deleted where conversation = new.conversation and message = new.id;
    update recent_entry set deleted = new.deleted where conversation = new.conversation and message = new.id;
end;

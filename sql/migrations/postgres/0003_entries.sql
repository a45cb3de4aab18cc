-- What SQLite has as tables of their own: the order of each conversation, and which entry a sender's `ref` means.
create view entry as select conversation, id as message, kind, sender from message;
create view reference as select sender, ref, id as message from message where ref is not null;

-- To look for the conversation of each message, and to lock it, takes a quarter of the time of storing it. What a
-- conversation goes with are its messages: sql/src/sweep.rs.
alter table message drop constraint message_conversation_fkey;

-- In which conversation a message has a file. Whether an account sees a file is looked for by its own conversations.
alter table message_file add column conversation bigint not null default 0;
update message_file set conversation = coalesce((select m.conversation from message m where m.id = message_file.message), 0);
drop index message_file_file;
create index message_file_file on message_file (file, conversation, message);

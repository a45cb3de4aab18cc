-- Words are folded by the program, as `message_terms`, which it brings along, says, with the number of their conversation. The index
-- begins empty: it is filled step by step while the program runs, and till then searches read what is not in it.
drop trigger message_text_update;
drop trigger message_text_delete;
drop table message_text;
create virtual table message_text using fts5 (
    terms, content = '', columnsize = 0, detail = none, tokenize = 'ascii'
);
insert into message_text (message_text, rank) values ('secure-delete', 1);
update indexed set message = 0;
create trigger message_text_update after update of content on message
when old.kind = 0 and old.id <= (select message from indexed) begin
    insert into message_text (message_text, rowid, terms)
        values ('delete', old.id, message_terms(old.conversation, old.content));
    insert into message_text (rowid, terms) values (new.id, message_terms(new.conversation, new.content));
end;
create trigger message_text_delete after delete on message
when old.kind = 0 and old.id <= (select message from indexed) begin
    insert into message_text (message_text, rowid, terms)
        values ('delete', old.id, message_terms(old.conversation, old.content));
end;

-- Searches look at nothing but the conversations of the searcher, and what a block withholds costs and shows nothing.

-- Words of messages, each with the number of its conversation: `message_words`, which the program brings along. The text itself
-- is in `message` alone. `secure-delete`: what is taken out is gone from the file at once.
drop trigger message_text_update;
drop trigger message_text_delete;
drop table message_text;
create virtual table message_text using fts5 (
    words, content = '', columnsize = 0, detail = none, tokenize = 'ascii'
);
insert into message_text (message_text, rank) values ('secure-delete', 1);
insert into message_text (rowid, words) select id, message_words(conversation, content) from message where kind = 0 order by id;
update indexed set message = (select coalesce(max(id), message) from message);
create trigger message_text_update after update of content on message
when old.kind = 0 and old.id <= (select message from indexed) begin
    insert into message_text (message_text, rowid, words)
        values ('delete', old.id, message_words(old.conversation, old.content));
    insert into message_text (rowid, words) values (new.id, message_words(new.conversation, new.content));
end;
create trigger message_text_delete after delete on message
when old.kind = 0 and old.id <= (select message from indexed) begin
    insert into message_text (message_text, rowid, words)
        values ('delete', old.id, message_words(old.conversation, old.content));
end;

-- Entries that are kept away from an account, most of them by a block. Everything in the conversation from `run` up to the
-- entry is kept away too, so that who looks back passes all of it in one step.
create table new_withheld (
    message integer not null,
    account integer not null,
    conversation integer not null,
    run integer not null,
    primary key (message, account)
) strict, without rowid;
insert into new_withheld (message, account, conversation, run)
    with seen as (
        select p.conversation, p.account, e.message, w.message as withheld,
            row_number() over (partition by p.conversation, p.account order by e.message) as place
        from (select distinct m.conversation, w.account from withheld w join message m on m.id = w.message) p
        join entry e on e.conversation = p.conversation
        left join withheld w on w.message = e.message and w.account = p.account
    ), kept as (
        select conversation, account, message,
            place - row_number() over (partition by conversation, account order by message) as run
        from seen where withheld is not null
    )
    select message, account, conversation, min(message) over (partition by conversation, account, run) from kept;
drop table withheld;
alter table new_withheld rename to withheld;
create index withheld_account on withheld (account, conversation, message);

-- How far who has blocked somebody had come in their conversations when it did so: the blocked account sees no more than that.
create table block_mark (
    blocked integer not null,
    conversation integer not null,
    account integer not null,                 -- who has blocked
    delivered integer not null,
    read integer not null,
    primary key (blocked, conversation, account)
) strict, without rowid;
create index block_mark_account on block_mark (account, blocked);
insert into block_mark (blocked, conversation, account, delivered, read)
    select k.blocked, k.conversation, k.account, min(k.delivered, k.most), min(k.read, k.most) from (
        select b.blocked, s.conversation, b.account, s.delivered, s.read,
            coalesce((select min(w.message) - 1 from withheld w join message m on m.id = w.message and m.sender = b.blocked
                where w.account = b.account and w.conversation = s.conversation), 9223372036854775807) as most
        from block b join member s on s.account = b.account
        where exists (select 1 from member o where o.conversation = s.conversation and o.account = b.blocked)
    ) k;

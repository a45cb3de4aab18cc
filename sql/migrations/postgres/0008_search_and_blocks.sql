-- Searches look at nothing but the conversations of the searcher, and what a block withholds costs and shows nothing.

-- A message's words, each with the number of its conversation; otherwise as they were. No word of a search is longer.
drop index message_text;
drop function message_words(text);
do $do$
declare
    body constant text := $body$
        create function message_words(conversation bigint, content text) returns tsvector
        -- Else the planner, of a table that it has no statistics of yet, makes words of all messages rather than use the index.
        language sql immutable parallel safe cost 10000 as $f$
            select coalesce(array_to_tsvector(array_agg(conversation::text || 'x' || left(w.lexeme, 256))), ''::tsvector)
            from unnest(to_tsvector('simple', regexp_replace(lower(content %s), '[!-/:-@[-`{-~]', ' ', 'g'))) w
        $f$
    $body$;
begin
    execute format(body, 'collate "und-x-icu"');
exception when undefined_object then
    execute format(body, '');
end
$do$;
-- Of all entries, not of messages alone: without statistics the planner takes these for few, and reads all of them.
-- A search reads what waits to be sorted into the index: with the usual 4 MB it would rather read the whole table.
create index message_text on message using gin (message_words(conversation, content))
    with (gin_pending_list_limit = 64);
-- No sample of the words is kept for the planner.
alter index message_text alter column 1 set statistics 0;

-- Entries that are kept away from an account, most of them by a block. Everything in the conversation from `run` up to the
-- entry is kept away too, so that who looks back passes all of it in one step.
alter table withheld add column conversation bigint;
alter table withheld add column run bigint;
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
), runs as (
    select message, account, conversation, min(message) over (partition by conversation, account, run) as run from kept
)
update withheld set conversation = runs.conversation, run = runs.run
    from runs where withheld.message = runs.message and withheld.account = runs.account;
delete from withheld where run is null;       -- of messages that are gone
alter table withheld alter column conversation set not null;
alter table withheld alter column run set not null;
drop index withheld_account;
create index withheld_account on withheld (account, conversation, message);

-- How far who has blocked somebody had come in their conversations when it did so: the blocked account sees no more than that.
create table block_mark (
    blocked bigint not null,
    conversation bigint not null,
    account bigint not null,                  -- who has blocked
    delivered bigint not null,
    read bigint not null,
    primary key (blocked, conversation, account)
);
create index block_mark_account on block_mark (account, blocked);
insert into block_mark (blocked, conversation, account, delivered, read)
    select k.blocked, k.conversation, k.account, least(k.delivered, k.most), least(k.read, k.most) from (
        select b.blocked, s.conversation, b.account, s.delivered, s.read,
            coalesce((select min(w.message) - 1 from withheld w join message m on m.id = w.message and m.sender = b.blocked
                where w.account = b.account and w.conversation = s.conversation), 9223372036854775807) as most
        from block b join member s on s.account = b.account
        where exists (select 1 from member o where o.conversation = s.conversation and o.account = b.blocked)
    ) k;

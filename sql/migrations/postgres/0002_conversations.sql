-- Conversations of two and of many, receipts, reactions, blocks, search.

alter table conversation alter column low drop not null;      -- null in a group
alter table conversation alter column high drop not null;
alter table conversation add column name text;                -- a group's name
alter table conversation add column days bigint;              -- for how many days messages are kept; null: for ever

-- What was said and done in a conversation, in one order.
alter table message alter column recipient drop not null;     -- two people: the other one
alter table message add column kind bigint not null default 0;    -- 0: a message; else a change, see sql/src/entry.rs
alter table message add column subject bigint;                -- what a change is about: an account, or days
alter table message add column reply_to bigint;
alter table message add column edited_at bigint;
alter table message add column deleted bigint not null default 0;
drop index message_conversation;
create index message_conversation on message (conversation, id, kind, sender);
-- A message's words: in Unicode's letter case whatever the database's locale, where this database has that; and addresses
-- are words like others.
do $do$
declare
    body constant text := $body$
        create function message_words(content text) returns tsvector language sql immutable parallel safe as $f$
            select to_tsvector('simple', regexp_replace(lower(content %s), '[!-/:-@[-`{-~]', ' ', 'g'))
        $f$
    $body$;
begin
    execute format(body, 'collate "und-x-icu"');
exception when undefined_object then
    execute format(body, '');
end
$do$;
-- A search reads what waits to be sorted into the index: with the usual 4 MB it would rather read the whole table.
create index message_text on message using gin (message_words(content)) with (gin_pending_list_limit = 64) where kind = 0;

-- Who is in a conversation, and how far they have come in it. Message numbers in the last five.
create table member (
    conversation bigint not null references conversation (id),
    account bigint not null references account (id),
    role bigint not null default 0,           -- 1: admin
    since bigint not null default 0,          -- sees what comes after this
    until bigint,                             -- and nothing after this: has left
    delivered bigint not null default 0,
    read bigint not null default 0,
    primary key (conversation, account)
);
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
    message bigint not null,
    account bigint not null,
    primary key (message, account)
);
create index withheld_account on withheld (account);

-- Messages that had arrived and whose edits a block has kept away: the text that is read in place of the newest.
create table withheld_edit (
    message bigint not null,
    account bigint not null,
    content text not null,
    edited_at bigint,
    primary key (message, account)
);
create index withheld_edit_account on withheld_edit (account);

create table reaction (
    message bigint not null,
    account bigint not null,
    emoji text not null,
    at bigint not null,
    primary key (message, account)
);
create index reaction_account on reaction (account);

-- Reactions that a block has kept away, as they are now, and from whom.
create table withheld_reaction (
    message bigint not null,
    reactor bigint not null,
    account bigint not null,
    primary key (message, reactor, account)
);
create index withheld_reaction_reactor on withheld_reaction (reactor);
create index withheld_reaction_account on withheld_reaction (account);

create table block (
    blocked bigint not null,
    account bigint not null,                  -- who has blocked
    at bigint not null,
    primary key (blocked, account)
);
create index block_account on block (account);

-- What an event is about besides a message; kinds are in sql/src/event.rs.
alter table event add column other bigint;

alter table log add column seen_at bigint;                        -- when the account was last connected
alter table log add column ripe bigint not null default 0;        -- acknowledged by ripe_at: to be forgotten in time
alter table log add column ripe_at bigint not null default 0;

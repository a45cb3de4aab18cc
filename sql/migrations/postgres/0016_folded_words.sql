-- Words are folded by the program, which stores them beside the text, so that no locale or encoding of the database's matters.
-- It does so for older messages step by step while it runs; till then searches read what is without.
drop index message_text;
drop function message_words(bigint, text);
alter table message add column words text;    -- with a space between two; null: not made yet, or no message
-- No sample of the words is kept for the planner.
alter table message alter column words set statistics 0;
create index message_wordless on message (conversation, id) where kind = 0 and words is null;

-- Each with the number of its conversation.
create function message_words(conversation bigint, words text) returns tsvector
-- Else the planner, of a table that it has no statistics of yet, makes words of all messages rather than use the index.
language sql immutable parallel safe cost 10000 as $f$
    select array_to_tsvector(array(select conversation::text || 'x' || w from unnest(string_to_array(words, ' ')) w))
$f$;
-- Of all entries, not of messages alone: without statistics the planner takes these for few, and reads all of them.
-- A search reads what waits to be sorted into the index: with the usual 4 MB it would rather read the whole table.
create index message_text on message using gin (message_words(conversation, words)) with (gin_pending_list_limit = 64);
alter index message_text alter column 1 set statistics 0;

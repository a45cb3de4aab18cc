-- Likewise for the conversation of two people. By itself: no commit waits for this table while it keeps the other one.
drop index conversation_high;
create index conversation_high on conversation (high, low);

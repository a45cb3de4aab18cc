-- Where one of two columns has an index of its own, the planner may look there for both, and then reads all that somebody has
-- for each of it. So these name both.
drop index conversation_high;
create index conversation_high on conversation (high, low);
drop index member_account;
create index member_account on member (account, conversation);
drop index withheld_account;
create index withheld_account on withheld (account, message);
drop index withheld_edit_account;
create index withheld_edit_account on withheld_edit (account, message);
drop index reaction_account;
create index reaction_account on reaction (account, message);
drop index withheld_reaction_reactor;
create index withheld_reaction_reactor on withheld_reaction (reactor, message);
drop index withheld_reaction_account;
create index withheld_reaction_account on withheld_reaction (account, message);
drop index block_account;
create index block_account on block (account, blocked);

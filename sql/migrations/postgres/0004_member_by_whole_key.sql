-- Who looks for one member of one conversation by this index finds it, and does not read all conversations of an account.
drop index member_account;
create index member_account on member (account, conversation);

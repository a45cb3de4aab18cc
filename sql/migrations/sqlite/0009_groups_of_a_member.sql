-- The groups that an account is in, without the conversations of two, of which it may have any number: in these `since` is 0.
create index member_group on member (account, conversation) where since > 0 and until is null;

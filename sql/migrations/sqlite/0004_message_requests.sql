-- Message requests between accounts that do not know each other, and invitations to groups.

-- Two accounts know each other if their conversation has no asker. Conversations from before are known.
alter table conversation add column asker integer;                       -- who has written or invited and waits for an answer
alter table conversation add column asks integer not null default 0;     -- its messages and pending invitations so far
alter table conversation add column declined integer not null default 0; -- 1: the other one has declined; the asker is not told
create index conversation_asker on conversation (asker) where asker is not null;

-- Who is invited to a group. Its members are in `member`.
create table invitation (
    conversation integer not null references conversation (id),
    account integer not null,                     -- who is invited
    inviter integer not null,
    entry integer not null,                       -- the entry that says so: a row of message
    -- 0: waits for an answer. 1: declined, or the account had blocked the inviter: the group is not told, and the account sees
    -- nothing of it. 2: withdrawn, kept since the account comes back only by accepting.
    state integer not null default 0,
    primary key (conversation, account)
) strict, without rowid;
create index invitation_account on invitation (account, conversation);

-- Whom an account has found by email, so that it may see the name.
create table finding (
    account integer not null,                     -- who has looked
    found integer not null,
    at integer not null,
    primary key (account, found)
) strict, without rowid;
create index finding_found on finding (found);

-- Of each invitation it is kept whether it was counted, and where; what was taken back is no longer an open request.

-- Where somebody asks: the pending invitations so far of the one who is asked, by which it does not answer.
alter table conversation add column invites integer not null default 0;
-- Where somebody asks: 0 if all that it has asked were invitations, and each of them was taken back.
alter table conversation add column open integer not null default 1;
create index conversation_open on conversation (asker) where asker is not null and open = 1;

-- 1: it is one of `asks` or `invites` in the conversation of inviter and account.
alter table invitation add column counted integer not null default 0;
create index invitation_of_two on invitation (account, inviter);
update invitation set counted = 1 where inviter = (select c.asker from conversation c
    where c.low = case when inviter < account then inviter else account end
    and c.high = case when inviter < account then account else inviter end);
update conversation set open = 0 where asker is not null
    and not exists (select 1 from entry e where e.conversation = conversation.id)
    and not exists (select 1 from invitation i where i.state < 2 and i.inviter = conversation.asker
        and i.account = case when conversation.asker = conversation.low then conversation.high else conversation.low end);

-- What an account has set for a conversation, and what it has hidden of it, for its own devices alone.
alter table member add column cleared bigint not null default 0;         -- sees no message up to this entry
alter table member add column muted_until bigint;                        -- in milliseconds; null: not muted
alter table member add column pinned bigint not null default 0;
alter table member add column archived bigint not null default 0;
alter table member add column marked_unread bigint not null default 0;

-- 1: the account has deleted the message for itself; 0: it was kept away from it.
alter table withheld add column hidden bigint not null default 0;
create index withheld_hidden on withheld (account, conversation) where hidden = 1;

-- With which messages the name of their sender went to others, who may not have known it.
alter table conversation add column named bigint not null default 0;    -- of two people: 1 for low's first, 2 for high's first
alter table member add column named bigint not null default 0;          -- in a group: the last such message of this member

-- What an account may have is counted where a commit finds it anyway.
alter table log add column stored bigint not null default 0;      -- bytes of text that it has sent and that are kept
alter table log add column groups bigint not null default 0;      -- how many groups it is in
update log set stored = coalesce(m.bytes, 0), groups = coalesce(s.count, 0)
    from account a
    left join (select sender, sum(octet_length(content)) as bytes from message group by sender) m on m.sender = a.id
    left join (select s.account, count(*) as count from member s join conversation c on c.id = s.conversation
        where s.until is null and c.low is null group by s.account) s on s.account = a.id
    where log.account = a.id;

-- Deleted accounts whose data may still stand in the database's files, in space that is not in use: sql/src/erase.rs.
create table erasure (
    account bigint primary key,
    at bigint not null                        -- when it was deleted
);
insert into erasure (account, at) select id, 0 from account where email is null;

-- No sample of what is personal is kept for the planner: each is looked for by an index of its own. A column's samples go when
-- its type is set, even to what it was; it is not written anew.
alter table account alter column email type text, alter column name type text, alter column password type text;
alter table account alter column email set statistics 0, alter column name set statistics 0,
    alter column password set statistics 0;
alter table session alter column token_hash type bytea, alter column device type text;
alter table session alter column token_hash set statistics 0, alter column device set statistics 0;

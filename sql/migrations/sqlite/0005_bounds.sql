-- What an account may have is counted where a commit finds it anyway.
alter table log add column stored integer not null default 0;     -- bytes of text that it has sent and that are kept
alter table log add column groups integer not null default 0;     -- how many groups it is in
update log set stored = m.bytes
    from (select sender, sum(octet_length(content)) as bytes from message group by sender) m
    where log.account = m.sender;
update log set groups = s.count
    from (select s.account, count(*) as count from member s join conversation c on c.id = s.conversation
        where s.until is null and c.low is null group by s.account) s
    where log.account = s.account;

-- Deleted accounts whose data may still stand in the database's files, in space that is not in use: sql/src/erase.rs.
create table erasure (
    account integer primary key,
    at integer not null                       -- when it was deleted
) strict;
insert into erasure (account, at) select id, 0 from account where email is null;

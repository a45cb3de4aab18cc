-- What an account's messages and files take beyond their texts and bytes has a bound as well: sql/src/quota.rs.
alter table log add column overhead integer not null default 0;
update log set overhead = overhead + m.bytes
    from (select sender, sum(512 + 8 * coalesce(octet_length(names), 0) + coalesce(octet_length(files), 0)) as bytes
        from message group by sender) m
    where log.account = m.sender;
update log set overhead = overhead + f.bytes
    from (select owner, 4096 * count(*) as bytes from file group by owner) f
    where log.account = f.owner;

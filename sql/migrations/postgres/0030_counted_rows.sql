-- What an account's messages and files take beyond their texts and bytes has a bound as well: sql/src/quota.rs.
alter table log add column overhead bigint not null default 0;
update log set overhead = coalesce(m.bytes, 0) + coalesce(f.bytes, 0)
    from account a
    left join (select sender, sum(512 + 8 * coalesce(octet_length(names), 0) + coalesce(octet_length(files), 0)) as bytes
        from message group by sender) m on m.sender = a.id
    left join (select owner, 4096 * count(*) as bytes from file group by owner) f on f.owner = a.id
    where log.account = a.id;

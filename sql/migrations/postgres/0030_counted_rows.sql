-- The quota counts rows, the names of files, and what a text takes in the index of words: sql/src/quota.rs.
update log set stored = coalesce(m.bytes, 0) + coalesce(f.bytes, 0)
    from account a
    left join (select sender, sum(512 + 8 * (octet_length(content) + coalesce(octet_length(names), 0)) + coalesce(octet_length(files), 0)) as bytes
        from message group by sender) m on m.sender = a.id
    left join (select owner, sum(size + 4096) as bytes from file group by owner) f on f.owner = a.id
    where log.account = a.id;

-- The quota counts rows, the names of files, and what a text takes in the index of words: sql/src/quota.rs.
update log set stored = 0;
update log set stored = stored + m.bytes
    from (select sender, sum(512 + 8 * (octet_length(content) + coalesce(octet_length(names), 0)) + coalesce(octet_length(files), 0)) as bytes
        from message group by sender) m
    where log.account = m.sender;
update log set stored = stored + f.bytes
    from (select owner, sum(size + 4096) as bytes from file group by owner) f
    where log.account = f.owner;

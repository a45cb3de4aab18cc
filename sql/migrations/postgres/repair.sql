-- Scripts 0001, 0002 and 0004 were edited after they had landed. This makes of a database that an early form of them has made
-- what their last form makes. It is run before further scripts, where no checksums are recorded yet, and changes nothing twice.
do $repair$
declare
    found_version constant bigint := (select max(version) from schema_version);
    words constant text := $body$
        create function message_words(content text) returns tsvector language sql immutable parallel safe as $f$
            select to_tsvector('simple', regexp_replace(lower(content %s), '[!-/:-@[-`{-~]', ' ', 'g'))
        $f$
    $body$;
    wide record;
begin
    if found_version < 5 then
        create index if not exists conversation_high on conversation (high);
    end if;

    if found_version >= 2 then
        create table if not exists withheld_edit (
            message bigint not null,
            account bigint not null,
            content text not null,
            edited_at bigint,
            primary key (message, account)
        );
        create index if not exists withheld_edit_account on withheld_edit (account);
        create table if not exists withheld_reaction (
            message bigint not null,
            reactor bigint not null,
            account bigint not null,
            primary key (message, reactor, account)
        );
        create index if not exists withheld_reaction_reactor on withheld_reaction (reactor);
        create index if not exists withheld_reaction_account on withheld_reaction (account);
        drop index if exists member_delivered;
        drop index if exists member_read;
    end if;

    if found_version between 2 and 7 and not exists (
        select from pg_class c, pg_proc p
        where c.oid = to_regclass('message_text') and 'gin_pending_list_limit=64' = any (c.reloptions)
            and p.oid = to_regprocedure('message_words(text)') and p.prosrc like '%regexp_replace%'
    ) then
        drop index if exists message_text;
        drop function if exists message_words(text);
        begin
            execute format(words, 'collate "und-x-icu"');
        exception when undefined_object then
            execute format(words, '');
        end;
        create index message_text on message using gin (message_words(content)) with (gin_pending_list_limit = 64)
            where kind = 0;
    end if;

    -- For a while more indices named two columns than do today.
    for wide in
        select n.name, n.source, n.one from (values
            ('withheld_account', 'withheld', 'account', '(account, message)'),
            ('withheld_edit_account', 'withheld_edit', 'account', '(account, message)'),
            ('reaction_account', 'reaction', 'account', '(account, message)'),
            ('withheld_reaction_reactor', 'withheld_reaction', 'reactor', '(reactor, message)'),
            ('withheld_reaction_account', 'withheld_reaction', 'account', '(account, message)'),
            ('block_account', 'block', 'account', '(account, blocked)')
        ) n (name, source, one, two)
        where to_regclass(n.name) is not null and pg_get_indexdef(to_regclass(n.name)) like '% ' || n.two
    loop
        execute format('drop index %I', wide.name);
        execute format('create index %I on %I (%I)', wide.name, wide.source, wide.one);
    end loop;
end
$repair$;

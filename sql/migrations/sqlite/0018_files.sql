-- Files that accounts send. Their bytes are not in the database but in objects of the file store, each a piece of a file: a row of `blob`.

create table file (
    id text primary key,
    owner integer,            -- who has uploaded it, and whose quota counts it; null once that account is deleted
    name text not null,
    type text not null,       -- as the owner calls it
    size integer not null,    -- bytes of the whole file
    received integer not null default 0,   -- bytes that are there
    kind text,                -- what the first bytes say it is; null: nothing that a browser may show
    created_at integer not null,
    expires_at integer,       -- when it is deleted; null while a message has it; 0: the last one that had it is deleted
    width integer,
    height integer,
    thumbnail text            -- a file of its own
) strict, without rowid;
create index file_owner on file (owner, id);
create index file_unsent on file (owner) where expires_at is not null;
create index file_expiry on file (expires_at) where expires_at is not null;

-- An object of the file store.
create table blob (
    name text primary key,
    hash text,                -- SHA-256 of its bytes; null while they are being written
    size integer not null default 0,
    expires_at integer        -- when it is deleted; null while it is a piece of a file
) strict, without rowid;
create index blob_hash on blob (hash, size) where expires_at is null;
create index blob_expiry on blob (expires_at) where expires_at is not null;

-- Of which objects a file is made. Two files with the same bytes share them.
create table piece (
    file text not null,
    start integer not null,   -- its first byte in the file
    blob text not null,
    primary key (file, start)
) strict, without rowid;
create index piece_blob on piece (blob);

-- Which messages have which files, thumbnails too.
create table message_file (
    message integer not null,
    file text not null,
    primary key (message, file)
) strict, without rowid;
create index message_file_file on message_file (file, message);

alter table message add column files text;    -- what clients are told of its files, as JSON; null: it has none
alter table message add column names text;    -- the names of its files, each on a line, for searches
drop trigger message_text_update;
drop trigger message_text_delete;
create trigger message_text_update after update of content on message
when old.kind = 0 and old.id <= (select message from indexed) begin
    insert into message_text (message_text, rowid, terms)
        values ('delete', old.id, message_terms(old.conversation, old.content || coalesce(char(10) || old.names, '')));
    insert into message_text (rowid, terms)
        values (new.id, message_terms(new.conversation, new.content || coalesce(char(10) || new.names, '')));
end;
create trigger message_text_delete after delete on message
when old.kind = 0 and old.id <= (select message from indexed) begin
    insert into message_text (message_text, rowid, terms)
        values ('delete', old.id, message_terms(old.conversation, old.content || coalesce(char(10) || old.names, '')));
end;

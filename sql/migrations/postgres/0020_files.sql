-- Files that accounts send. Their bytes are not in the database but in objects of the file store, each a piece of a file: a row of `blob`.

create table file (
    id text collate "C" primary key,
    owner bigint,             -- who has uploaded it, and whose quota counts it; null once that account is deleted
    name text not null,
    type text not null,       -- as the owner calls it
    size bigint not null,     -- bytes of the whole file
    received bigint not null default 0,    -- bytes that are there
    kind text,                -- what the first bytes say it is; null: nothing that a browser may show
    created_at bigint not null,
    expires_at bigint,        -- when it is deleted; null while a message has it; 0: the last one that had it is deleted
    width bigint,
    height bigint,
    thumbnail text collate "C"    -- a file of its own
);
create index file_owner on file (owner, id);
create index file_unsent on file (owner) where expires_at is not null;
create index file_expiry on file (expires_at) where expires_at is not null;

-- An object of the file store.
create table blob (
    name text collate "C" primary key,
    hash text collate "C",    -- SHA-256 of its bytes; null while they are being written
    size bigint not null default 0,
    expires_at bigint         -- when it is deleted; null while it is a piece of a file
);
create index blob_hash on blob (hash, size) where expires_at is null;
create index blob_expiry on blob (expires_at) where expires_at is not null;

-- Of which objects a file is made. Two files with the same bytes share them.
create table piece (
    file text collate "C" not null,
    start bigint not null,    -- its first byte in the file
    blob text collate "C" not null,
    primary key (file, start)
);
create index piece_blob on piece (blob);

-- Which messages have which files, thumbnails too.
create table message_file (
    message bigint not null,
    file text collate "C" not null,
    primary key (message, file)
);
create index message_file_file on message_file (file, message);

alter table message add column files text;    -- what clients are told of its files, as JSON; null: it has none
alter table message add column names text;    -- the names of its files, each on a line, for searches

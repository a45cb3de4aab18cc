-- The chat servers that use this database. Each counts `beat` up every few seconds.
create table node (
    id bigint generated always as identity primary key,
    beat bigint not null
);

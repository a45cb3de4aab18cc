-- The chat servers that use this database. Each counts `beat` up every few seconds.
create table node (
    id integer primary key autoincrement,
    beat integer not null
) strict;

-- Wrong passwords of the last moments, by which auth servers on one database count those of each other: sql/src/failed_login.rs.
create table failed_login (
    source integer not null,
    number integer not null,
    at integer not null,
    address blob not null,
    account integer not null,
    origin integer,
    primary key (source, number)
) strict, without rowid;

-- Wrong passwords of the last moments, by which auth servers on one database count those of each other: sql/src/failed_login.rs.
create table failed_login (
    source bigint not null,
    number bigint not null,
    at bigint not null,
    address bytea not null,
    account bigint not null,
    origin bigint,
    primary key (source, number)
);
alter table failed_login alter column address set statistics 0;

-- One row: what the database knows of the time, in milliseconds. `seen` was shown by a clock that was believed, `doubted` is how long
-- programs have been running since the machine's clock is ahead of it, and no message has a later time than `given`.
create table clock (
    id bigint primary key check (id = 1),
    seen bigint not null,
    doubted bigint not null,
    given bigint not null
);
insert into clock (id, seen, doubted, given) values (1, 0, 0, 0);

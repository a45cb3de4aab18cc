-- How often an operator has confirmed the clock. Who does not know the last time yet takes `seen` over, and does not write its own.
alter table clock add column confirmed bigint not null default 0;

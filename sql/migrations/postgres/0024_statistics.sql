-- No sample of what people write is kept for the planner: none of these columns is looked for by its value alone. A column's
-- samples go when its type is set, even to what it was; it is not written anew.
alter table message alter column content type text, alter column names type text, alter column files type text;
alter table message alter column content set statistics 0, alter column names set statistics 0, alter column files set statistics 0;
alter table conversation alter column name type text;
alter table conversation alter column name set statistics 0;
alter table file alter column name type text;
alter table file alter column name set statistics 0;
alter table reaction alter column emoji type text;
alter table reaction alter column emoji set statistics 0;
alter table withheld_edit alter column content type text;
alter table withheld_edit alter column content set statistics 0;

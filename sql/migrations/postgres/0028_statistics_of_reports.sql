-- No sample of what is reported is kept for the planner; see 0024.
alter table report alter column content type text, alter column files type text, alter column text type text;
alter table report alter column content set statistics 0, alter column files set statistics 0, alter column text set statistics 0;

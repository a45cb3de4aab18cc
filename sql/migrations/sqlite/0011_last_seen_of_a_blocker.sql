-- When the blocked account saw the blocker last, in milliseconds: at the block, or when the blocker has since said or done something
-- that reached it. This is what it is told as the blocker's last seen.
alter table block add column seen_at integer not null default 0;
update block set seen_at = at;

-- What counts for the quota of the sender of a message because a block may withhold it: sql/src/quota.rs.
alter table message add column others integer;      -- members of the group besides the sender; null: counts for none
alter table message add column former integer;      -- bytes of texts that edits have replaced, for each account that may keep them

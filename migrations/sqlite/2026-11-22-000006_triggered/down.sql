ALTER TABLE buildsets DROP COLUMN depth;
ALTER TABLE buildsets DROP COLUMN parent_build_id;

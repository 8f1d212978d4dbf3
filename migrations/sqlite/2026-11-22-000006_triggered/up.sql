-- Builds that a step of another build asked for. No foreign key: a build that was dropped takes nothing with it.
ALTER TABLE buildsets ADD COLUMN parent_build_id BIGINT;                -- the build whose step asked; none where nobody's did
ALTER TABLE buildsets ADD COLUMN depth INTEGER NOT NULL DEFAULT 0;      -- how many builds stand above it in the chain

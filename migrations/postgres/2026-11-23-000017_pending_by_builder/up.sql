-- How many wait of a team is counted with every request that comes: by the index alone, and not row by row. `completed_at` is in it, though
-- always NULL there, since else each row is looked at for it.
CREATE INDEX build_requests_pending ON build_requests (builder_id, state, completed_at) WHERE completed_at IS NULL;

-- The first tables. Times are UTC; structured values are JSON in text; ids are 64-bit.

CREATE TABLE builders (
    id BIGSERIAL PRIMARY KEY,
    team TEXT NOT NULL,
    name TEXT NOT NULL,
    n_builds BIGINT NOT NULL DEFAULT 0,     -- the number of its newest build
    created_at TIMESTAMP NOT NULL,
    UNIQUE (team, name)
);

CREATE TABLE source_stamps (
    id BIGSERIAL PRIMARY KEY,
    branch TEXT,
    revision TEXT,
    repository TEXT NOT NULL,
    project TEXT NOT NULL,
    codebase TEXT NOT NULL
);

CREATE TABLE buildsets (
    id BIGSERIAL PRIMARY KEY,
    source_stamp_id BIGINT NOT NULL REFERENCES source_stamps (id),
    reason TEXT NOT NULL,
    owner TEXT,                             -- who asked, where somebody did
    submitted_at TIMESTAMP NOT NULL
);

CREATE TABLE buildset_properties (
    buildset_id BIGINT NOT NULL REFERENCES buildsets (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    value TEXT NOT NULL,                    -- JSON
    source TEXT NOT NULL,
    PRIMARY KEY (buildset_id, name)
);

CREATE TABLE build_requests (
    id BIGSERIAL PRIMARY KEY,
    buildset_id BIGINT NOT NULL REFERENCES buildsets (id),
    builder_id BIGINT NOT NULL REFERENCES builders (id),
    priority INTEGER NOT NULL,
    submitted_at TIMESTAMP NOT NULL,
    state INTEGER NOT NULL,                 -- 0 pending, 1 claimed, 2 built, 3 cancelled
    n_retries INTEGER NOT NULL DEFAULT 0,   -- builds of it that ended as retry
    completed_at TIMESTAMP                  -- none while it waits or is built
);
CREATE INDEX build_requests_open ON build_requests (id) WHERE completed_at IS NULL;

CREATE TABLE builds (
    id BIGSERIAL PRIMARY KEY,
    builder_id BIGINT NOT NULL REFERENCES builders (id),
    number BIGINT NOT NULL,
    request_id BIGINT NOT NULL REFERENCES build_requests (id),
    buildset_id BIGINT NOT NULL REFERENCES buildsets (id),
    worker TEXT NOT NULL,
    started_at TIMESTAMP NOT NULL,
    finished_at TIMESTAMP,
    results INTEGER,
    results_since TIMESTAMP,                -- the end of the first of the unbroken run of builds with these results
    summary TEXT NOT NULL,
    got_revision TEXT,
    stop_reason TEXT,                       -- somebody wants it stopped
    expected_s DOUBLE PRECISION,
    UNIQUE (builder_id, number)
);
CREATE INDEX builds_by_start ON builds (builder_id, started_at);
CREATE INDEX builds_by_request ON builds (request_id);
CREATE INDEX builds_running ON builds (id) WHERE finished_at IS NULL;

CREATE TABLE build_properties (
    build_id BIGINT NOT NULL REFERENCES builds (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    value TEXT NOT NULL,                    -- JSON
    source TEXT NOT NULL,
    PRIMARY KEY (build_id, name)
);

CREATE TABLE steps (
    id BIGSERIAL PRIMARY KEY,
    build_id BIGINT NOT NULL REFERENCES builds (id) ON DELETE CASCADE,
    number INTEGER NOT NULL,
    name TEXT NOT NULL,
    started_at TIMESTAMP NOT NULL,
    finished_at TIMESTAMP,
    results INTEGER,
    summary TEXT NOT NULL,
    urls TEXT NOT NULL,                     -- JSON: a list of name and url
    UNIQUE (build_id, number)
);

CREATE TABLE logs (
    id BIGSERIAL PRIMARY KEY,
    step_id BIGINT NOT NULL REFERENCES steps (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    slug TEXT NOT NULL,
    n_lines BIGINT NOT NULL DEFAULT 0,
    size_bytes BIGINT NOT NULL DEFAULT 0,
    complete BOOLEAN NOT NULL,
    UNIQUE (step_id, slug)
);

-- Lines first_line to first_line + n_lines - 1 of a log; the format of content stands in server/src/store/log_chunks.rs.
CREATE TABLE log_chunks (
    id BIGSERIAL PRIMARY KEY,
    log_id BIGINT NOT NULL REFERENCES logs (id) ON DELETE CASCADE,
    first_line BIGINT NOT NULL,
    n_lines BIGINT NOT NULL,
    size_bytes BIGINT NOT NULL,             -- uncompressed
    content BYTEA NOT NULL,
    UNIQUE (log_id, first_line)
);

-- What happened, in order; the oldest are dropped. An id is never used twice.
CREATE TABLE events (
    id BIGSERIAL PRIMARY KEY,
    at TIMESTAMP NOT NULL,
    builder_id BIGINT NOT NULL,
    what TEXT NOT NULL                      -- JSON
);

CREATE TABLE tokens (
    jti TEXT PRIMARY KEY NOT NULL,
    subject TEXT NOT NULL,
    team TEXT,                              -- none for an owner's
    details TEXT NOT NULL,                  -- JSON: role, builders, actions; never the token
    issued_by TEXT NOT NULL,
    issued_at TIMESTAMP NOT NULL,
    expires_at TIMESTAMP NOT NULL,
    revoked_at TIMESTAMP,
    n_used BIGINT NOT NULL DEFAULT 0
);

CREATE TABLE audit (
    id BIGSERIAL PRIMARY KEY,
    at TIMESTAMP NOT NULL,
    subject TEXT NOT NULL,
    token_id TEXT,
    action TEXT NOT NULL,
    object TEXT NOT NULL,
    allowed BOOLEAN NOT NULL,
    reason TEXT NOT NULL,                   -- why it was refused, or what the person said
    details TEXT NOT NULL                   -- JSON, without secrets
);
CREATE INDEX audit_by_time ON audit (at);

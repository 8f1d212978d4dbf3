-- What steps found: test results, numbers, and files that outlive the work directory.

ALTER TABLE steps ADD COLUMN n_failed INTEGER NOT NULL DEFAULT 0;
ALTER TABLE steps ADD COLUMN n_errored INTEGER NOT NULL DEFAULT 0;
ALTER TABLE steps ADD COLUMN n_skipped INTEGER NOT NULL DEFAULT 0;
ALTER TABLE steps ADD COLUMN n_passed INTEGER NOT NULL DEFAULT 0;

-- A step's results of one outcome count from 0 in the order they came: with the totals of the step a page of them is a range of the key,
-- however many there are.
CREATE TABLE test_results (
    step_id BIGINT NOT NULL REFERENCES steps (id) ON DELETE CASCADE,
    outcome INTEGER NOT NULL,               -- 0 failed, 1 errored, 2 skipped, 3 passed: pages list them in this order
    number INTEGER NOT NULL,
    suite TEXT NOT NULL,
    name TEXT NOT NULL,
    duration_ms BIGINT,
    message TEXT,
    PRIMARY KEY (step_id, outcome, number)
);

CREATE TABLE step_statistics (
    step_id BIGINT NOT NULL REFERENCES steps (id) ON DELETE CASCADE,
    name TEXT COLLATE "C" NOT NULL,         -- sorted by bytes, as on SQLite
    value DOUBLE PRECISION NOT NULL,
    PRIMARY KEY (step_id, name)
);

CREATE TABLE artifacts (
    id BIGSERIAL PRIMARY KEY,
    build_id BIGINT NOT NULL REFERENCES builds (id) ON DELETE CASCADE,
    step_id BIGINT NOT NULL REFERENCES steps (id) ON DELETE CASCADE,
    name TEXT COLLATE "C" NOT NULL,         -- sorted by bytes, as on SQLite
    size_bytes BIGINT NOT NULL,
    sha256 TEXT NOT NULL,                   -- lower-case hex
    created_at TIMESTAMP NOT NULL,
    file TEXT NOT NULL UNIQUE,              -- where its content lies, in state_dir/artifacts
    UNIQUE (build_id, name)
);
CREATE INDEX artifacts_by_step ON artifacts (step_id);

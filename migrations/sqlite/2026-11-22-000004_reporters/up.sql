-- Where each reporter of a team goes on, and how it fares. Rows of those that left the configuration stay: they go on where they
-- were when they come back.
CREATE TABLE reporters (
    team TEXT NOT NULL,
    name TEXT NOT NULL,
    position BIGINT NOT NULL,               -- the newest event that was told, given up or passed over
    n_delivered BIGINT NOT NULL DEFAULT 0,
    n_given_up BIGINT NOT NULL DEFAULT 0,
    problem TEXT,                           -- why the last event did not arrive; none where it did
    changed_at TIMESTAMP NOT NULL,
    PRIMARY KEY (team, name)
);

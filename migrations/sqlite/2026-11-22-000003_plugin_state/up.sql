-- What plugins keep from one call to the next, for each use: a step of a builder, a reporter of a team. A value that is put is a
-- new row, whose id is its version and is never used twice.
CREATE TABLE plugin_state (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    team TEXT NOT NULL,
    plugin TEXT NOT NULL,
    used_by TEXT NOT NULL,                  -- which step or reporter: server/src/plugins/usage.rs
    key TEXT NOT NULL,
    value BLOB NOT NULL,
    size_bytes BIGINT NOT NULL,             -- key and value
    put_at TIMESTAMP NOT NULL,
    UNIQUE (team, plugin, used_by, key)
);

-- What each team's own files said when they were last good: in force at start and at reload while newer ones are broken.
CREATE TABLE team_texts (
    team TEXT PRIMARY KEY NOT NULL,
    document TEXT NOT NULL,                 -- JSON: server/src/config/team_texts.rs
    good_at TIMESTAMP NOT NULL              -- when it came into force
);

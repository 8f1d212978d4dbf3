-- One sign-in in one browser. The secret stands in the browser's cookie; here is only its hash.
CREATE TABLE sessions (
    id TEXT PRIMARY KEY NOT NULL,           -- no secret: names the session on pages and in the audit
    secret_hash TEXT NOT NULL UNIQUE,       -- SHA-256
    person TEXT NOT NULL,                   -- who, in a form that stays the same for ever
    identity TEXT NOT NULL,                 -- JSON: who was proved, and by which claims
    stamp TEXT NOT NULL,                    -- of the password that was used: another password ends the session
    user_agent TEXT NOT NULL,
    address TEXT NOT NULL,
    created_at TIMESTAMP NOT NULL,
    last_used_at TIMESTAMP NOT NULL,
    expires_at TIMESTAMP NOT NULL,
    provider TEXT,                          -- what the provider of the sign-in is asked with again
    refresh_at TIMESTAMP                    -- when it is asked again
);
CREATE INDEX sessions_person ON sessions (person);
CREATE INDEX sessions_expires_at ON sessions (expires_at);
CREATE INDEX sessions_refresh_at ON sessions (refresh_at);

-- Tokens that people make for their own scripts. Shown once; here is only the hash.
CREATE TABLE personal_tokens (
    id TEXT PRIMARY KEY NOT NULL,           -- no secret
    secret_hash TEXT NOT NULL UNIQUE,       -- SHA-256
    person TEXT NOT NULL,
    identity TEXT NOT NULL,                 -- JSON: whose it is; what that is worth is asked at each use
    name TEXT NOT NULL,
    team TEXT,                              -- reaches this team only; none is every team of the person
    role TEXT,                              -- no more than this role; none is as much as the person
    created_at TIMESTAMP NOT NULL,
    expires_at TIMESTAMP NOT NULL,
    last_used_at TIMESTAMP,
    UNIQUE (person, name)
);
CREATE INDEX personal_tokens_expires_at ON personal_tokens (expires_at);

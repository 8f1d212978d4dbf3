-- What no token is believed for any more, whoever issued it. Read whole at start and from the newest known row on, so ids never repeat.
CREATE TABLE revocations (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    kind TEXT NOT NULL,                     -- token, subject, key
    issuer TEXT NOT NULL,                   -- a foreign issuer's name in [auth.jwt]; empty for our own tokens
    value TEXT NOT NULL,                    -- the jti, the sub or the kid
    revoked_by TEXT NOT NULL,
    at TIMESTAMP NOT NULL,                  -- of a subject: tokens issued up to then count no more
    expires_at TIMESTAMP                    -- may be forgotten then; none is never
);

INSERT INTO revocations (kind, issuer, value, revoked_by, at, expires_at)
SELECT 'token', '', jti, 'unknown', revoked_at, expires_at FROM tokens WHERE revoked_at IS NOT NULL;

-- The key that signed a token, so that it can be said whether the token still counts; empty for those of before.
ALTER TABLE tokens ADD COLUMN kid TEXT NOT NULL DEFAULT '';

-- A personal token ends with the password under which it was made, and what a provider said of its person counts for some time only.
ALTER TABLE personal_tokens ADD COLUMN stamp TEXT NOT NULL DEFAULT '';
ALTER TABLE personal_tokens ADD COLUMN proved_at TIMESTAMP;
UPDATE personal_tokens SET proved_at = created_at;

ALTER TABLE personal_tokens DROP COLUMN proved_at;
ALTER TABLE personal_tokens DROP COLUMN stamp;

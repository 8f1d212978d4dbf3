-- Whose thing an action was about; none is the instance's own, and what was about no team that there is.
ALTER TABLE audit ADD COLUMN team TEXT;
-- The audit is read newest first, by one of these.
CREATE INDEX audit_by_team ON audit (team, id);
CREATE INDEX audit_by_subject ON audit (subject, id);
CREATE INDEX audit_by_action ON audit (action, id);
CREATE INDEX audit_by_object ON audit (object, id);

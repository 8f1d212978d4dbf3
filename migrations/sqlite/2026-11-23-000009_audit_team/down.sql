DROP INDEX audit_by_object;
DROP INDEX audit_by_action;
DROP INDEX audit_by_subject;
DROP INDEX audit_by_team;
ALTER TABLE audit DROP COLUMN team;

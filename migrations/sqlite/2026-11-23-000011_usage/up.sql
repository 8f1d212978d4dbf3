-- What each team has stored, kept by the writes that store and drop it.
CREATE TABLE team_usage (
    team TEXT PRIMARY KEY NOT NULL,
    log_bytes BIGINT NOT NULL,              -- as they are read
    artifact_bytes BIGINT NOT NULL
);
INSERT INTO team_usage (team, log_bytes, artifact_bytes)
SELECT teams.team,
    CAST(COALESCE((SELECT SUM(logs.size_bytes) FROM logs
        JOIN steps ON steps.id = logs.step_id JOIN builds ON builds.id = steps.build_id
        JOIN builders own ON own.id = builds.builder_id WHERE own.team = teams.team), 0) AS BIGINT),
    CAST(COALESCE((SELECT SUM(artifacts.size_bytes) FROM artifacts
        JOIN builds ON builds.id = artifacts.build_id
        JOIN builders own ON own.id = builds.builder_id WHERE own.team = teams.team), 0) AS BIGINT)
FROM (SELECT DISTINCT team FROM builders) teams;

-- Old builds go with the request, the buildset and the source stamp that nothing else needs: found without looking through all.
CREATE INDEX builds_by_buildset ON builds (buildset_id);
CREATE INDEX build_requests_by_buildset ON build_requests (buildset_id);
CREATE INDEX buildsets_by_source_stamp ON buildsets (source_stamp_id);
CREATE INDEX build_requests_cancelled ON build_requests (builder_id, completed_at) WHERE state = 3;

DROP INDEX build_requests_cancelled;
DROP INDEX buildsets_by_source_stamp;
DROP INDEX build_requests_by_buildset;
DROP INDEX builds_by_buildset;
DROP TABLE team_usage;

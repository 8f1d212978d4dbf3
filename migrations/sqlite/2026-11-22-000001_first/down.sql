-- Takes the first tables away again.

DROP TABLE audit;
DROP TABLE tokens;
DROP TABLE events;
DROP TABLE log_chunks;
DROP TABLE logs;
DROP TABLE steps;
DROP TABLE build_properties;
DROP TABLE builds;
DROP TABLE build_requests;
DROP TABLE buildset_properties;
DROP TABLE buildsets;
DROP TABLE source_stamps;
DROP TABLE builders;

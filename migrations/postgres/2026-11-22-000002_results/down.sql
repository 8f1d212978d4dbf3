-- Takes what steps found away again; the files of artifacts stay where they lie.

DROP TABLE artifacts;
DROP TABLE step_statistics;
DROP TABLE test_results;
ALTER TABLE steps DROP COLUMN n_passed;
ALTER TABLE steps DROP COLUMN n_skipped;
ALTER TABLE steps DROP COLUMN n_errored;
ALTER TABLE steps DROP COLUMN n_failed;

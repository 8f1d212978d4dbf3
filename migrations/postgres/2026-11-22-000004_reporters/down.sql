DROP TABLE reporters;

DROP TABLE team_texts;

-- SQLite keeps a row where its key is, however long it becomes: nothing to set here. The number is PostgreSQL's.
SELECT 1;

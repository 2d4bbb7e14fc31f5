ALTER TABLE delivery SET (fillfactor = 70);

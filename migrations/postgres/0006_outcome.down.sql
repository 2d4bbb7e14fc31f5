-- Forgets what the billing system is yet to hear.

DROP TABLE outcome;

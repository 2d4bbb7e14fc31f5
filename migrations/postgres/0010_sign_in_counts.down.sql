-- Takes the counts of sign-ins of unknown accounts away again.

DROP TABLE sign_in_count;

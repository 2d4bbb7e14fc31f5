-- Forgets what support searches by. When it is made again, recipients are known of new deliveries only.

DROP TABLE customer_word;
DROP INDEX dead_letter_named;
DROP INDEX event_named;
DROP INDEX dead_letter_number;
DROP INDEX event_waiting_number;
DROP TABLE delivery_recipient;
DROP INDEX delivery_of_tenant;
DROP INDEX delivery_of_customer;
DROP INDEX delivery_number;
ALTER TABLE delivery DROP COLUMN number_key;

-- What support searches by: numbers, recipients, customers' names, events' ids. Nothing here changes after its row is
-- inserted.

-- The number as it is searched: in upper case, without blanks. Generated: an earlier version's deliveries have it, too.
-- Only ASCII letters change case.
ALTER TABLE delivery ADD COLUMN number_key TEXT GENERATED ALWAYS AS (
    upper(replace(replace(replace(replace(invoice_number, ' ', ''), char(160), ''), char(8199), ''), char(8239), ''))) VIRTUAL;
CREATE INDEX delivery_number ON delivery (number_key, tenant_id);
-- Lists of a customer's, and of a tenant's, the newest first.
CREATE INDEX delivery_of_customer ON delivery (tenant_id, customer_id, created_at);
CREATE INDEX delivery_of_tenant ON delivery (tenant_id, created_at);

-- Who was written to: 8 bytes of an HMAC, under a subkey of the secret keys, of the mailbox in lower case. Whoever reads
-- this table alone cannot guess addresses.
CREATE TABLE delivery_recipient (
    address_key INTEGER NOT NULL,
    delivery_id BLOB NOT NULL,
    PRIMARY KEY (address_key, delivery_id)
) STRICT, WITHOUT ROWID;
-- Serves whatever takes a delivery or its recipients away.
CREATE INDEX delivery_recipient_of ON delivery_recipient (delivery_id);

-- The same key of what never became a delivery.
CREATE INDEX event_waiting_number ON event (
    upper(replace(replace(replace(replace(invoice_number, ' ', ''), char(160), ''), char(8199), ''), char(8239), '')),
    tenant_id) WHERE state = 'waiting';
CREATE INDEX dead_letter_number ON dead_letter (
    upper(replace(replace(replace(replace(invoice_number, ' ', ''), char(160), ''), char(8199), ''), char(8239), '')),
    tenant_id) WHERE invoice_number IS NOT NULL;
-- The publisher's names for events; of a dead letter, where no event holds it.
CREATE INDEX event_named ON event (event_id);
CREATE INDEX dead_letter_named ON dead_letter (event_id) WHERE event_id IS NOT NULL AND event_key IS NULL;

-- The words of a customer's name in lower case, and the whole id.
CREATE TABLE customer_word (
    word        TEXT NOT NULL,
    tenant_id   TEXT NOT NULL,
    customer_id TEXT NOT NULL,
    PRIMARY KEY (word, tenant_id, customer_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX customer_word_of ON customer_word (tenant_id, customer_id);
-- As near as SQL comes: this version's upserts write them from now on. A letter at a time; where a separator follows, a
-- word has ended. lower() knows ASCII alone.
WITH RECURSIVE
letters (separators, upper, lower) AS (
    SELECT ' !"#$%&''()*+,-./:;<=>?@[\]^_`{|}~' || char(160, 8199, 8239, 8211, 8212, 8216, 8217, 8218, 8220, 8221, 8222),
           'ÀÁÂÃÄÅÆÇÈÉÊËÌÍÎÏÐÑÒÓÔÕÖØÙÚÛÜÝÞŠŽŁŚŻŹĆŃĄĘČŘ', 'àáâãäåæçèéêëìíîïðñòóôõöøùúûüýþšžłśżźćńąęčř'),
step (tenant_id, customer_id, word, rest) AS (
    SELECT tenant_id, id, '', lower(name) || ' ' FROM customer WHERE name <> '(erased)'
    UNION ALL
    SELECT tenant_id, customer_id,
           CASE WHEN instr(separators, substr(rest, 1, 1)) > 0 THEN ''
                WHEN instr(upper, substr(rest, 1, 1)) > 0 THEN word || substr(lower, instr(upper, substr(rest, 1, 1)), 1)
                ELSE word || substr(rest, 1, 1) END,
           substr(rest, 2)
    FROM step, letters WHERE rest <> '')
INSERT OR IGNORE INTO customer_word (word, tenant_id, customer_id)
SELECT substr(step.word, 1, 40), step.tenant_id, step.customer_id FROM step, letters
WHERE step.word <> '' AND instr(letters.separators, substr(step.rest, 1, 1)) > 0;
INSERT OR IGNORE INTO customer_word (word, tenant_id, customer_id)
SELECT lower(replace(replace(replace(replace(id, ' ', ''), char(160), ''), char(8199), ''), char(8239), '')), tenant_id, id
FROM customer;

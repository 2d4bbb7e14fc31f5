-- What support searches by: numbers, recipients, customers' names, events' ids. Nothing here changes after its row is
-- inserted, so that the one update of a delivery that is sent still touches no index.

-- The number as it is searched: in upper case, without blanks. Bytewise, so that a prefix is a range. Generated: an
-- earlier version's deliveries have it, too. Only ASCII letters change case, as on SQLite.
ALTER TABLE delivery ADD COLUMN number_key TEXT COLLATE "C"
    GENERATED ALWAYS AS (upper(translate(invoice_number, E' \u00A0\u2007\u202F', '') COLLATE "C")) STORED;
CREATE INDEX delivery_number ON delivery (number_key, tenant_id);
-- Lists of a customer's, and of a tenant's, the newest first.
CREATE INDEX delivery_of_customer ON delivery (tenant_id, customer_id, created_at);
CREATE INDEX delivery_of_tenant ON delivery (tenant_id, created_at);

-- Who was written to: 8 bytes of an HMAC, under a subkey of the secret keys, of the mailbox in lower case. Whoever reads
-- this table alone cannot guess addresses.
CREATE TABLE delivery_recipient (
    address_key BIGINT NOT NULL,
    delivery_id UUID NOT NULL,
    PRIMARY KEY (address_key, delivery_id)
);
-- Serves whatever takes a delivery or its recipients away.
CREATE INDEX delivery_recipient_of ON delivery_recipient (delivery_id);

-- The same key of what never became a delivery. An expression, so that the tables with the events' bytes are not
-- written anew.
CREATE INDEX event_waiting_number ON event
    (upper(translate(invoice_number, E' \u00A0\u2007\u202F', '') COLLATE "C"), tenant_id) WHERE state = 'waiting';
CREATE INDEX dead_letter_number ON dead_letter
    (upper(translate(invoice_number, E' \u00A0\u2007\u202F', '') COLLATE "C"), tenant_id) WHERE invoice_number IS NOT NULL;
-- The publisher's names for events; of a dead letter, where no event holds it.
CREATE INDEX event_named ON event (event_id COLLATE "C");
CREATE INDEX dead_letter_named ON dead_letter (event_id COLLATE "C") WHERE event_id IS NOT NULL AND event_key IS NULL;

-- The words of a customer's name in lower case, and the whole id.
CREATE TABLE customer_word (
    word        TEXT COLLATE "C" NOT NULL,
    tenant_id   TEXT NOT NULL,
    customer_id TEXT NOT NULL,
    PRIMARY KEY (word, tenant_id, customer_id)
);
CREATE INDEX customer_word_of ON customer_word (tenant_id, customer_id);
-- As near as SQL comes, whatever the database's locale: this version's upserts write them from now on.
INSERT INTO customer_word (word, tenant_id, customer_id)
SELECT DISTINCT known.word, customer.tenant_id, customer.id
FROM customer, LATERAL (
    SELECT lower(translate(customer.id, E' \u00A0\u2007\u202F', '') COLLATE "C") AS word
    UNION
    SELECT left(part, 40) FROM regexp_split_to_table(
        lower(translate(customer.name, 'ÀÁÂÃÄÅÆÇÈÉÊËÌÍÎÏÐÑÒÓÔÕÖØÙÚÛÜÝÞŠŽŁŚŻŹĆŃĄĘČŘ',
                                       'àáâãäåæçèéêëìíîïðñòóôõöøùúûüýþšžłśżźćńąęčř') COLLATE "C"),
        E'[ -/:-@\\[-`{-~\u00A0\u2007\u202F\u2013\u2014\u2018-\u201F]+' COLLATE "C") AS part
    WHERE customer.name <> '(erased)') AS known
WHERE known.word <> '';

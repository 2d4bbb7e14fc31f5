-- What became of one event is looked up among the rows of its invoice number: by its key, not by reading them all. The
-- same indexes as before with one column more, so that a mail costs no further entry.
CREATE INDEX delivery_of_event ON delivery (tenant_id, invoice_number, event_key);
DROP INDEX delivery_invoice;
CREATE INDEX dead_letter_of_event ON dead_letter (tenant_id, invoice_number, event_key) WHERE tenant_id IS NOT NULL;
DROP INDEX dead_letter_invoice;

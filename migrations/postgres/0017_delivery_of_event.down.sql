-- Deliveries and dead letters are found by their invoice number alone.

CREATE INDEX delivery_invoice ON delivery (tenant_id, invoice_number);
DROP INDEX delivery_of_event;
CREATE INDEX dead_letter_invoice ON dead_letter (tenant_id, invoice_number) WHERE tenant_id IS NOT NULL;
DROP INDEX dead_letter_of_event;

DROP INDEX delivery_number_of_tenant;
DROP INDEX delivery_of_customer;
CREATE INDEX delivery_of_customer ON delivery (tenant_id, customer_id, created_at);

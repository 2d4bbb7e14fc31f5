-- Serves the search by the beginning of a number within one tenant: by delivery_number alone, whoever sees a small tenant
-- would read the numbers of all others.
CREATE INDEX delivery_number_of_tenant ON delivery (tenant_id, number_key, id);

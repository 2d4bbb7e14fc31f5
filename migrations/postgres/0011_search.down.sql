DROP INDEX delivery_number_of_tenant;

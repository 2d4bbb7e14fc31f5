DROP INDEX customer_word_of_tenant;

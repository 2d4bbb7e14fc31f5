-- Takes the portal's tables away again.

DROP TABLE portal_undeclared_proxy;
DROP TABLE portal_fresh_link_request;
DROP TABLE tenant_logo;
DROP TABLE sms_log;
DROP TABLE portal_code;
DROP TABLE portal_verification;
DROP TABLE portal_failure;
DROP INDEX customer_verification_rules;
ALTER TABLE customer DROP COLUMN mobile_refused_at;
ALTER TABLE customer DROP COLUMN mobile_country;
ALTER TABLE customer DROP COLUMN house_number_key;
ALTER TABLE customer DROP COLUMN postcode_key;
ALTER TABLE customer DROP COLUMN verification_rules;
DROP TABLE portal_event;
DROP TABLE portal_session_customer;
DROP TABLE portal_session_link;
DROP TABLE portal_session;
DROP INDEX portal_link_reason;
ALTER TABLE portal_link DROP COLUMN revoke_reason;
ALTER TABLE portal_link DROP COLUMN revoked_by;
ALTER TABLE portal_link DROP COLUMN created_at;
ALTER TABLE portal_link DROP COLUMN customer_id;
ALTER TABLE portal_link DROP COLUMN tenant_id;

-- The level that asks nothing of anybody becomes the strictest that needs no method.
UPDATE tenant_settings SET portal_level = 'inaccessible' WHERE portal_level = 'not_required';
ALTER TABLE tenant_settings DROP CONSTRAINT a_level_that_verifies_has_a_method;
ALTER TABLE tenant_settings ADD CONSTRAINT a_level_that_verifies_has_a_method
    CHECK (portal_level = 'inaccessible' OR portal_primary IS NOT NULL);
ALTER TABLE tenant_settings DROP CONSTRAINT tenant_settings_portal_level_check;
ALTER TABLE tenant_settings ADD CONSTRAINT tenant_settings_portal_level_check
    CHECK (portal_level IN ('every_page', 'sensitive', 'sensitive_for_private', 'inaccessible'));

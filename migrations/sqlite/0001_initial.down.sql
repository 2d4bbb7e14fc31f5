-- Takes the first schema away again.

DROP VIEW delivery_state;
DROP TABLE concluded_count;
DROP TABLE lease;
DROP TABLE template_version;
DROP TABLE worker_relay;
DROP TABLE worker;
DROP TABLE refused_credentials;
DROP TABLE sender_hold;
DROP TABLE relay_state;
DROP TABLE portal_link;
DROP TABLE delivery_note;
DROP TABLE outcome;
DROP TABLE dead_letter;
DROP TABLE attempt;
DROP TABLE lane_tenant;
DROP TABLE lane;
DROP TABLE lane_entry;
DROP TABLE delivery_recipient;
DROP TABLE delivery;
DROP TABLE event;
DROP TABLE customer_word;
DROP TABLE customer;
DROP TABLE settings_change;
DROP TABLE tenant_settings;
DROP TABLE tenant_profile;
DROP TABLE tenant;

-- Takes the console's columns and tables away again.

-- Support.
DROP INDEX tenant_paused;
ALTER TABLE tenant DROP COLUMN pause_reason;
ALTER TABLE tenant DROP COLUMN paused_by;
ALTER TABLE tenant DROP COLUMN paused_at;
DROP INDEX delivery_acknowledged_of_tenant;
DROP INDEX delivery_acknowledged;
DROP INDEX delivery_work_of_tenant;
DROP INDEX delivery_work;
ALTER TABLE delivery DROP COLUMN work_kind;
ALTER TABLE delivery DROP COLUMN acknowledged_by;
ALTER TABLE delivery DROP COLUMN acknowledged_at;

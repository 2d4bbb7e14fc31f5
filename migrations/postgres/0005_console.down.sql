-- Takes the console's columns and tables away again.

-- Support.
DROP INDEX tenant_paused;
ALTER TABLE tenant
    DROP CONSTRAINT a_pause_says_by_whom_and_why,
    DROP COLUMN pause_reason,
    DROP COLUMN paused_by,
    DROP COLUMN paused_at;
DROP INDEX delivery_acknowledged_of_tenant;
DROP INDEX delivery_acknowledged;
DROP INDEX delivery_work_of_tenant;
DROP INDEX delivery_work;
ALTER TABLE delivery
    DROP CONSTRAINT acknowledged_says_by_whom,
    DROP COLUMN work_kind,
    DROP COLUMN acknowledged_by,
    DROP COLUMN acknowledged_at;

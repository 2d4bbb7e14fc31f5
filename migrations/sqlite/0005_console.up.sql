-- What the console's pages and the API read and change.

-- Support: what a person has to look at, and tenants that are paused.

-- Who has seen how a delivery ended, and when. `work_kind` lists what nobody has seen yet; what needs a decision or a
-- correction is listed until it has that. One that comes back and ends again is listed again. SQLite adds no STORED
-- column; the indexes keep its values.
ALTER TABLE delivery ADD COLUMN acknowledged_at INTEGER;
ALTER TABLE delivery ADD COLUMN acknowledged_by TEXT;
ALTER TABLE delivery ADD COLUMN work_kind TEXT GENERATED ALWAYS AS (
    CASE WHEN concluded = 'uncertain' THEN 'uncertain'
         WHEN concluded = 'dead' AND class = 'no_verification_method' THEN 'no_verification_method'
         WHEN acknowledged_at >= concluded_at THEN NULL
         WHEN concluded IN ('rejected', 'expired') THEN concluded
         WHEN concluded = 'cancelled' AND class = 'duplicate_invoice' THEN 'duplicate'
    END) VIRTUAL;
-- Serve the work list and its counts, of all tenants and of one.
CREATE INDEX delivery_work ON delivery (work_kind, attention_at, id) WHERE work_kind IS NOT NULL;
CREATE INDEX delivery_work_of_tenant ON delivery (tenant_id, work_kind, attention_at, id) WHERE work_kind IS NOT NULL;
-- Serve the list of what somebody has seen.
CREATE INDEX delivery_acknowledged ON delivery (acknowledged_at, id) WHERE acknowledged_at IS NOT NULL;
CREATE INDEX delivery_acknowledged_of_tenant ON delivery (tenant_id, acknowledged_at, id) WHERE acknowledged_at IS NOT NULL;

-- Why a tenant's deliveries wait, who decided that, and since when; NULL of a tenant whose deliveries are sent.
ALTER TABLE tenant ADD COLUMN paused_at INTEGER;
ALTER TABLE tenant ADD COLUMN paused_by TEXT;
ALTER TABLE tenant ADD COLUMN pause_reason TEXT;
CREATE INDEX tenant_paused ON tenant (id) WHERE paused_at IS NOT NULL;

-- Serves rank_ripe when more is due at once than one round can place: each tenant's share is found by its name.
CREATE INDEX lane_entry_ripening_of_tenant ON lane_entry (tenant_id, due_at)
    WHERE due_at IS NOT NULL AND fair_rank IS NULL AND held IS NULL;

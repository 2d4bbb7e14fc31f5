-- Ripening goes by time alone again.

DROP INDEX lane_entry_ripening_of_tenant;

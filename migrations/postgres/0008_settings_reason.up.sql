-- Why somebody chose these settings, in their own words; none of what an import brought, and of what is older than this.
ALTER TABLE settings_change ADD COLUMN reason TEXT;

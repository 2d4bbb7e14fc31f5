-- Takes the audit log away again.

DROP TABLE audit_checkpoint;
DROP TABLE audit_head;
DROP TABLE audit_network;
DROP TABLE audit_detail;
DROP TABLE audit_entry;

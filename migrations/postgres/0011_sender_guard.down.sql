-- Each worker counts its own attempts again, by envelope sender. Holds of one From address among several end: their
-- deliveries are let go.

UPDATE lane_entry SET held = NULL
    WHERE held IN (SELECT words FROM sender_hold WHERE sender <> COALESCE(envelope_sender, sender));
DELETE FROM sender_hold WHERE sender <> COALESCE(envelope_sender, sender);
ALTER TABLE relay_state DROP COLUMN refused_code;
ALTER TABLE relay_state DROP COLUMN refused_phase;
ALTER TABLE sender_hold DROP COLUMN repeat_delivery;
ALTER TABLE sender_hold DROP COLUMN trial_claim;
ALTER TABLE sender_hold DROP COLUMN first_refused_at;
ALTER TABLE sender_hold DROP COLUMN reason;
ALTER TABLE sender_hold DROP COLUMN from_address;
ALTER TABLE sender_hold DROP COLUMN envelope_sender;
ALTER TABLE lane_entry DROP COLUMN tried_at;
ALTER TABLE delivery DROP COLUMN tripped_at;
DROP INDEX attempt_of_sender;
ALTER TABLE attempt DROP COLUMN sender_key;

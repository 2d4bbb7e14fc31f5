-- Nobody would end the holds: their deliveries are let go.
UPDATE lane_entry SET held = NULL WHERE held IN (SELECT words FROM sender_hold);
DROP INDEX lane_entry_suspect;
DROP INDEX lane_entry_held;
DROP TABLE sender_hold;

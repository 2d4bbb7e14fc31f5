-- What a person holds and has ended comes back without the hold then.
DROP INDEX delivery_held;
ALTER TABLE delivery DROP COLUMN held_by_hand;

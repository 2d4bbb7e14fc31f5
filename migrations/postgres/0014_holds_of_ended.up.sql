-- TRUE: a person holds it, should it come back by itself (a late answer, its sender's hold, what it lacked has come). Only of
-- deliveries that have ended: while one is in its lane, lane_entry.held says so. NULL of all others, so that neither the insert
-- nor the one update of a delivery writes it.
ALTER TABLE delivery ADD COLUMN held_by_hand BOOLEAN
    CONSTRAINT only_what_has_ended_is_marked CHECK (held_by_hand IS NULL OR (held_by_hand AND concluded IS NOT NULL));
-- Serves let_go; as small as what it lists.
CREATE INDEX delivery_held ON delivery (id) WHERE held_by_hand IS NOT NULL;

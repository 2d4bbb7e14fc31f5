-- Senders that a relay refuses, and deliveries that workers died with.

-- A sender whose deliveries one relay refuses: they wait until it is tried or released.
CREATE TABLE sender_hold (
    relay          TEXT NOT NULL,
    -- The envelope sender.
    sender         TEXT NOT NULL,
    phase          TEXT NOT NULL,
    -- `550 5.7.1`.
    code           TEXT NOT NULL,
    -- What lane_entry.held says of its deliveries.
    words          TEXT NOT NULL,
    held_since     BIGINT NOT NULL,
    -- Trials so far, when the next is, and which delivery was let through last.
    trials         INTEGER NOT NULL DEFAULT 0,
    trial_at       BIGINT NOT NULL,
    trial_delivery UUID,
    PRIMARY KEY (relay, sender)
);

-- Serves the end of a hold, and the count of what it holds.
CREATE INDEX lane_entry_held ON lane_entry (held, relay, due_at) WHERE held IS NOT NULL;
-- Serves claim_suspect: what workers died with is claimed alone.
CREATE INDEX lane_entry_suspect ON lane_entry (relay, takeovers, fair_rank) WHERE takeovers > 0;

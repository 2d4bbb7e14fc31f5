-- Whether a relay refuses a sender is looked up among its attempts, whichever worker made them.

-- Digests of the relay, the envelope sender and the From address in one number, so that its index costs little at each
-- mail; only where the relay's answer was an acceptance, a refusal or a rejection that may speak of the sender.
ALTER TABLE attempt ADD COLUMN sender_key BIGINT;
-- Serves last_accepted, refusals_since and the search for what a hold takes back.
CREATE INDEX attempt_of_sender ON attempt (sender_key, ended_at) WHERE sender_key IS NOT NULL;

-- When its refusal held its sender: it goes last afterwards, and speaks of no sender again. 0: a person has let it go.
ALTER TABLE delivery ADD COLUMN tripped_at BIGINT;
-- When the hold of its sender was tried with it: next time it is another's turn.
ALTER TABLE lane_entry ADD COLUMN tried_at BIGINT;

-- What is held: `sender` names it to people. Rows of an earlier version hold every From address.
ALTER TABLE sender_hold ADD COLUMN envelope_sender TEXT;
ALTER TABLE sender_hold ADD COLUMN from_address TEXT;
ALTER TABLE sender_hold ADD COLUMN reason TEXT NOT NULL DEFAULT 'refused'
    CHECK (reason IN ('refused', 'same_words', 'daily_limit'));
-- The answer that began the row of refusals.
ALTER TABLE sender_hold ADD COLUMN first_refused_at BIGINT;
-- The claim of trial_delivery before its trial, and the delivery that is tried once more because it was put off.
ALTER TABLE sender_hold ADD COLUMN trial_claim BIGINT;
ALTER TABLE sender_hold ADD COLUMN repeat_delivery UUID;
-- An earlier version waited up to a day.
UPDATE sender_hold SET trials = 0, trial_at = held_since, trial_delivery = NULL;

-- Set while the breaker is open because the relay refuses every sender: where, and with which code.
ALTER TABLE relay_state ADD COLUMN refused_phase TEXT;
ALTER TABLE relay_state ADD COLUMN refused_code TEXT;

-- JSON: what a note says, as facts in which nothing is personal; `what` stays the sentence, which an erasure shortens. None
-- of notes that are older than this, but of those by which the timeline is told.
ALTER TABLE delivery_note ADD COLUMN facts TEXT;

UPDATE delivery_note SET facts = '{"kind":"acknowledged"}' WHERE what = 'acknowledged';
UPDATE delivery_note SET facts = '{"kind":"resent"}' WHERE what LIKE 'resent: %';
-- Of an erased one it is not known any more what was sent there.
UPDATE delivery_note SET facts = json_object(
    'kind', 'to_new_address',
    'link', CASE WHEN what LIKE '%: with a link, %' THEN 'new_address'
                 WHEN what LIKE '%: with the link asked for, %' THEN 'asked_for' END,
    -- `no earlier link to revoke`, `1 earlier link revoked`, `2 earlier links revoked`: what follows the last comma
    'links_revoked', CASE WHEN what LIKE '%, no earlier link to revoke' THEN 0
                          WHEN what LIKE '% revoked'
                          THEN CAST(replace(what, rtrim(what, replace(what, ',', '')), '') AS INTEGER) END)
WHERE what LIKE 'to an address that is neither in the event nor on record, %' AND what NOT LIKE '%: (erased)';

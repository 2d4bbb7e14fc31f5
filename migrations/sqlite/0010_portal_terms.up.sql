-- What the portal asks of whoever follows a mailed link, and by which method: with `decision` it is what a retry may not
-- loosen, and what the mail's words depend on. NULL of an attachment, and of what an earlier version decided.
ALTER TABLE lane_entry ADD COLUMN portal_access TEXT
    CHECK (portal_access IN ('open', 'verified', 'every_page_verified', 'closed'));
ALTER TABLE lane_entry ADD COLUMN portal_method TEXT CHECK (portal_method IN ('postcode_house_number', 'sms_otp'));
ALTER TABLE delivery ADD COLUMN portal_access TEXT
    CHECK (portal_access IN ('open', 'verified', 'every_page_verified', 'closed'));
ALTER TABLE delivery ADD COLUMN portal_method TEXT CHECK (portal_method IN ('postcode_house_number', 'sms_otp'));

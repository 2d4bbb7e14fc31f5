//! What a command means: ids by their first digits, invoices by number, events in files.

pub(super) mod event_files;
pub mod id_prefix;
pub(super) mod recipient_keys;
pub(super) mod which_invoice;

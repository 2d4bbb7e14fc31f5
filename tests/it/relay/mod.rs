//! What a relay says and does, and what becomes of it here.

mod ehlo_is_not_known;
mod mails_carry_the_date_of_composing;
mod replies_name_recipients;

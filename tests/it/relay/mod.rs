//! What a relay says and does, and what becomes of it here.

mod mails_carry_the_date_of_composing;
mod replies_name_recipients;

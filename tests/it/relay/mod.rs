//! What a relay says and does, and what becomes of it here.

mod replies_name_recipients;

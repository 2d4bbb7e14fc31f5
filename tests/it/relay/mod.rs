//! What a relay says and does, and what becomes of it here.

mod a_batch_of_a_refused_sender_waits;
mod a_connection_idles_or_falls_out_of_step;
mod a_copy_needs_smtputf8;
mod a_relay_refuses_everybody;
mod a_relay_wants_a_login;
mod a_sender_reaches_its_limit;
mod a_worker_is_gone_in_the_middle_of_data;
mod dead_mailboxes_stand_at_the_head;
mod ehlo_is_not_known;
mod leases;
mod mails_carry_the_date_of_composing;
mod many_answers_to_many_customers;
mod new_recipients_are_put_off;
mod refused_credentials;
mod replies_name_recipients;
mod restarts;
mod senders;

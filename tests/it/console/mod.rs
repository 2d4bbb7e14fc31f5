//! The pages of those who run the dispatcher, and who gets in.

mod a_search_is_read_on;
mod guesses_are_few;
mod office;
mod operators_are_managed;
mod pages_load_while_a_batch_is_sent;
mod people_sign_in;
mod requests_are_somebodys;
mod settings_are_chosen;
mod settings_are_shown;
mod sign_ins_are_audited;
pub(crate) mod support;
mod support_answers_the_phone;
mod walk;

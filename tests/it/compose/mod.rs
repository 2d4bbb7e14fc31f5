//! The message that a customer receives.

mod headers_are_not_injectable;
mod messages_look_as_before;
pub(crate) mod messages_read_back;
mod messages_say_what_is_true;
mod own_templates;
pub(crate) mod sample;

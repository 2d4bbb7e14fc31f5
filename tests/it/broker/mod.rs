//! What the broker, or somebody who publishes to it, can do to us.

mod a_message_is_built_to_kill;
mod a_message_makes_the_connection_fail;
mod bodies_are_far_too_large;
mod the_broker_falls_silent;

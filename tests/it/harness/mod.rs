//! What scenarios stand on: real servers, and a sink that misbehaves on purpose.

pub(crate) mod around;
pub(crate) mod batch;
pub(crate) mod black_hole;
pub(crate) mod broker;
pub(crate) mod censor;
pub(crate) mod command_line;
pub(crate) mod database;
pub(crate) mod dispatcher;
pub(crate) mod document;
pub(crate) mod history;
pub(crate) mod memory_outbox;
pub(crate) mod mirror;
pub(crate) mod old_tls;
pub(crate) mod process;
pub(crate) mod raw_amqp;
pub(crate) mod relay;
pub(crate) mod s3;
pub(crate) mod scripted_http;
pub(crate) mod scripted_intake;
pub(crate) mod servers;
pub mod sink;
mod sink_certificates;
mod sink_host;
mod sink_script;
pub(crate) mod sms_provider;
pub(crate) mod terminal;

use invoice_dispatcher::model::actor::Actor;

/// Somebody at the command line.
pub(crate) fn actor(name: &str) -> Actor {
    Actor::command_line(name)
}

/// Between two looks at what a scenario waits for; who does the work has the machine to itself meanwhile.
pub(crate) const LOOK: std::time::Duration = std::time::Duration::from_millis(5);

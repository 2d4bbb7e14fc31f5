//! From a delivery that is due to an outcome on record.
//!
//! A [`Worker`] runs one [`lane`] for each relay. The way of one delivery through its lane, stage by stage:
//!
//! 1. [`claim_loop`] claims due deliveries, the fairest share first; [`looks`] says where it looks for them.
//! 2. [`claim_stage`] has one made into a message: [`prepare`] decides what goes out (attachments or a link), reads the
//!    documents and composes. Between the two it waits for memory, if need be for long and without a place in the lane.
//! 3. [`send`]: an SMTP worker of the lane hands the message to the relay, over a [`relay_connection`] of its own. Before
//!    DATA, [`permit`] asks the database whether it may still go; starts of many deliveries share a commit ([`batcher`]).
//! 4. [`submit_result`] says what the relay's answers mean, and [`attempt_end`] is how the attempt ended; [`record`]
//!    says what follows, and the [`recorder`] writes it, in batches.
//!
//! What surrounds the stages: [`limits`] (connections, rate, memory), [`health`] (the relay's breaker, its credentials,
//! held senders), [`liveness`] (heartbeat, takeover of dead workers' deliveries, isolation of those that workers died
//! with) and [`cache`].

mod claim_loop;
mod looks;
mod owned;

mod claim_stage;
mod load;
mod portal_token;
mod prepare;
mod ready;

mod batcher;
mod permit;
mod relay_connection;
mod send;
mod submit_result;

mod attempt_end;
mod record;
mod recorder;

mod cache;
mod context;
mod health;
mod lane;
mod limits;
mod liveness;
mod worker;

pub use cache::profiles::Profiles;
pub use cache::templates::TemplateCache;
pub use context::Context;
pub use limits::buffers::Buffers;
pub use limits::memory::MemoryBudgets;
pub use liveness::in_flight::InFlight;
pub use liveness::isolation::Isolation;
pub(crate) use liveness::observer::HEARTBEAT;
pub use prepare::{Decided, Past, Prepared, decide};
pub use worker::{LAST_STEPS, Worker, WorkerEnd};

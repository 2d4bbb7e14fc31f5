//! From a delivery that is due to an outcome on record.
//!
//! A [`Worker`] runs one [`lane`] for each relay. The way of one delivery through its lane, stage by stage:
//!
//! 1. [`claim_loop`] claims due deliveries, the fairest share first.
//! 2. [`prepare`] decides what goes out (attachments or a link), [`load`]s the documents and composes the message.
//! 3. [`send`]: an SMTP worker of the lane hands the message to the relay, over a [`relay_connection`] of its own. Before
//!    DATA, [`permit`] asks the database whether it may still go; starts of many deliveries share a commit ([`batcher`]).
//! 4. [`submit_result`] says what the relay's answers mean, and [`attempt_end`] is how the attempt ended; [`record`]
//!    says what follows, and the [`recorder`] writes it, in batches.
//!
//! What surrounds the stages: [`limits`] (connections, rate, memory), [`health`] (the relay's breaker, its credentials,
//! held senders), [`liveness`] (heartbeat, takeover of dead workers' deliveries, isolation of those that workers died
//! with) and [`cache`].

mod claim_loop;

mod load;
mod portal_token;
mod prepare;

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
pub use context::{Context, MemoryBudgets};
pub use limits::buffers::Buffers;
pub use liveness::in_flight::InFlight;
pub use liveness::isolation::Isolation;
pub(crate) use liveness::observer::HEARTBEAT;
pub use prepare::{Decided, Past, Prepared, decide};
pub use worker::{LAST_STEPS, Worker, WorkerEnd};

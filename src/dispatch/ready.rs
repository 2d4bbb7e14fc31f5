//! A delivery whose mail only waits for a connection.

use tokio::sync::OwnedSemaphorePermit;
use tokio::time::Instant;
use tracing::Span;

use super::owned::Owned;
use super::prepare::Prepared;
use crate::store::DeliveryContext;

/// A delivery whose mail only waits for a connection.
#[derive(Debug)]
pub struct Ready {
    /// The row.
    pub owned: Owned,
    /// What it was made of.
    pub delivery: DeliveryContext,
    /// The mail, and why it is as it is.
    pub prepared: Prepared,
    /// Its place among the mails that wait; free when a slot takes it. What waited long for memory may have none.
    pub waiting: Option<OwnedSemaphorePermit>,
    /// Since when it waits for a slot.
    pub since: Instant,
    /// The attempt's.
    pub span: Span,
}

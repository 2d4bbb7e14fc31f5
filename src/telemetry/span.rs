//! The spans that log lines stand in: a batch of events, a delivery attempt, a redrive, an HTTP request.
//!
//! They are of level debug and of a target of their own, `span`, so that the default filter makes none and an email costs
//! nothing more. `LOG_FILTER=info,span=debug` adds them to every line. What began elsewhere carries the `traceparent` it
//! came with ([W3C Trace Context](https://www.w3.org/TR/trace-context/#traceparent-header)): the parent of its span.

use std::fmt::Display;

use tracing::{Level, Span, debug_span, enabled};

use super::LoggedId;

/// A batch of `events`, all brought in one way (`amqp`, `http`, `file`).
pub fn intake_batch(via: &'static str, events: usize) -> Span {
    debug_span!(target: "span", "intake", via, events)
}

/// One event of a batch.
pub fn event(id: &str, source: &str, traceparent: Option<&str>) -> Span {
    debug_span!(target: "span", "event", event.id = %LoggedId(id), source = %LoggedId(source), traceparent)
}

/// One attempt, from the documents to the record of how it ended. `traceparent` is read only if the span is wanted.
pub fn attempt(
    delivery: impl Display,
    (tenant, invoice_number): (&str, &str),
    relay: impl Display,
    number: u32,
    traceparent: impl FnOnce() -> Option<String>,
) -> Span {
    let traceparent = enabled!(target: "span", Level::DEBUG).then(traceparent).flatten();
    debug_span!(
        target: "span", "attempt", delivery.id = %delivery, tenant = %LoggedId(tenant),
        invoice.number = %LoggedId(invoice_number), relay = %relay, attempt = number, traceparent
    )
}

/// A redrive of `letters` dead letters.
pub fn redrive(letters: usize) -> Span {
    debug_span!(target: "span", "redrive", letters)
}

/// A request; `route` is the pattern that it matched, never the path, which may hold a token.
pub fn http_request(method: &str, route: &str, traceparent: Option<&str>) -> Span {
    debug_span!(target: "span", "request", method, route, traceparent)
}

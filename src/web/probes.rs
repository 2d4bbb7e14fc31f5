//! `/metrics`, `/livez`, `/readyz`: what watches the process.

use std::time::Instant;

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::middleware::map_response;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde_json::json;

use crate::lifecycle::{IntakeReadiness, Liveness, Readiness};
use crate::telemetry::Metrics;
use crate::web::add_security_headers;

/// What the probes look at.
#[derive(Debug, Clone, Default)]
pub struct Probes {
    /// Whether the loops turn.
    pub liveness: Liveness,
    /// Whether the database is reached, and events are consumed or not on purpose.
    pub readiness: Readiness,
}

/// `/livez` and `/readyz`.
pub fn probes_router(probes: Probes) -> Router {
    Router::new().route("/livez", get(live)).route("/readyz", get(ready)).with_state(probes)
}

/// `/metrics` and the probes: all that the metrics listener serves.
pub fn observability_router(metrics: Metrics, probes: Probes) -> Router {
    let render = move || {
        let metrics = metrics.clone();
        // The text format's version, as Prometheus asks for it.
        async move { ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], metrics.render()) }
    };
    probes_router(probes).route("/metrics", get(render)).layer(map_response(add_security_headers))
}

async fn live(State(probes): State<Probes>) -> Response {
    let stuck = probes.liveness.stuck(Instant::now());
    answer(stuck.is_empty(), json!({ "live": stuck.is_empty(), "stuck": stuck }))
}

async fn ready(State(probes): State<Probes>) -> Response {
    let state = probes.readiness.now();
    let reasons = state.reasons();
    let intake = match state.intake {
        IntakeReadiness::Off => "off".to_owned(),
        IntakeReadiness::Consuming => "consuming".to_owned(),
        IntakeReadiness::Hindered(why) => format!("hindered: {why}"),
        IntakeReadiness::Paused(why) => format!("paused: {why}"),
        IntakeReadiness::Broken(why) => format!("broken: {why}"),
    };
    answer(reasons.is_empty(), json!({ "ready": reasons.is_empty(), "intake": intake, "reasons": reasons }))
}

fn answer(is_well: bool, body: serde_json::Value) -> Response {
    let status = if is_well { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(body)).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::web::wire::Listening;

    #[tokio::test]
    async fn the_probes_say_what_is_wrong() {
        let probes = Probes::default();
        let listening = Listening::start(observability_router(Metrics::install(), probes.clone())).await;

        let answer = listening.get("/readyz").await;
        assert!(answer.starts_with("HTTP/1.1 503") && answer.contains("the database is not reached"), "{answer}");
        probes.readiness.database(Ok(()));
        probes.readiness.intake(IntakeReadiness::Paused("an operator said so".to_owned()));
        let answer = listening.get("/readyz").await;
        assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("paused: an operator said so"), "{answer}");

        probes.readiness.intake(IntakeReadiness::Hindered("the first message of a queue".to_owned()));
        let answer = listening.get("/readyz").await;
        assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("hindered: the first message"), "{answer}");

        assert!(listening.get("/livez").await.starts_with("HTTP/1.1 200"));
        drop(probes.liveness.pulse("intake"));
        let answer = listening.get("/livez").await;
        assert!(answer.starts_with("HTTP/1.1 503") && answer.contains(r#""stuck":["intake"]"#), "{answer}");
    }

    #[tokio::test]
    async fn metrics_are_prometheus_text() {
        let listening = Listening::start(observability_router(Metrics::install(), Probes::default())).await;
        let answer = listening.get("/metrics").await;
        for header in ["cache-control: no-store", "x-content-type-options: nosniff", "content-security-policy: "] {
            assert!(answer.contains(header), "{header}: {answer}");
        }
        assert!(
            answer.contains("text/plain; version=0.0.4") && answer.contains("invoice_mail_build_info{"),
            "{answer}"
        );
    }
}

//! `/api/v1/events`: events in, and what became of one.

use std::collections::HashMap;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::caller::Caller;
use super::event_report::EventStatus;
use super::refusal::ApiRefusal;
use super::{ApiSettings, body};
use crate::event::bounds::{KEY_MAX, identifier};
use crate::event::{self, InvoiceSent, Malformed, MemberWarning, Received};
use crate::intake::{Parsed, Verdict};
use crate::model::access::TenantScope;
use crate::model::ids::{DeliveryId, EventKey, TenantId};
use crate::model::incoming::Via;
use crate::model::state::DeliveryState;
use crate::store::StoreError;

/// How a request carries events (CloudEvents 1.0.2, HTTP protocol binding §3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    /// One event, as JSON.
    Structured,
    /// An array of events.
    Batch,
    /// Attributes in headers, `data` as the body.
    Binary,
}

/// What is read here, for those who sent something else.
const READ_HERE: &str =
    "application/cloudevents+json, or application/cloudevents-batch+json, or application/json with ce- headers";

impl Mode {
    fn of(headers: &HeaderMap) -> Result<Self, ApiRefusal> {
        let has_attributes = headers.keys().any(|name| name.as_str().starts_with("ce-"));
        match body::media_type(headers).as_deref() {
            Some("application/cloudevents+json") => Ok(Self::Structured),
            Some("application/cloudevents-batch+json") => Ok(Self::Batch),
            Some("application/json") if has_attributes => Ok(Self::Binary),
            _ => Err(ApiRefusal::MediaType { expected: READ_HERE }),
        }
    }

    fn read(self, headers: &HeaderMap, body: Bytes) -> Result<Vec<Received>, ApiRefusal> {
        Ok(match self {
            Self::Structured => vec![Received { event: event::parse(&body)?, body }],
            Self::Batch => event::parse_batch(&body)?,
            Self::Binary => {
                let headers = headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes()));
                vec![event::from_binary(headers, &body)?]
            }
        })
    }
}

/// Takes events in: all of the request or, if one of them is malformed, none.
pub(super) async fn take(
    State(console): State<ApiSettings>,
    caller: Caller,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, ApiRefusal> {
    let mode = Mode::of(&headers)?;
    let received = mode.read(&headers, body)?;
    let tenants = received.iter().map(|one| &one.event.data.tenant_id);
    if let Some(foreign) = tenants.into_iter().find(|tenant| !caller.scope().allows(tenant)) {
        return Err(ApiRefusal::UnknownTenant(foreign.clone()));
    }
    if let Some((index, fault)) = first_stray(&console, &received).await? {
        return Err(ApiRefusal::Malformed { fault, index: (mode == Mode::Batch).then_some(index) });
    }
    let batch: Vec<Parsed> = received.into_iter().map(parsed).collect();
    let verdicts = console.intake.take(&batch).await?;
    let earlier = earlier(&console, &batch, &verdicts).await?;
    let taken: Vec<TakenIn<'_>> =
        batch.iter().zip(verdicts).filter_map(|(parsed, verdict)| TakenIn::of(parsed, verdict, &earlier)).collect();
    Ok((StatusCode::ACCEPTED, Json(taken)).into_response())
}

/// Where the deliveries stand of events that were taken in before.
async fn earlier(
    console: &ApiSettings,
    batch: &[Parsed],
    verdicts: &[Verdict],
) -> Result<HashMap<EventKey, (DeliveryId, DeliveryState)>, StoreError> {
    let again =
        batch.iter().zip(verdicts).filter(|(_, verdict)| matches!(verdict, Verdict::Duplicate | Verdict::Redrive(_)));
    let keys: Vec<EventKey> =
        again.filter_map(|(parsed, _)| parsed.event.as_ref().ok().map(InvoiceSent::key)).collect();
    console.store.main_deliveries_of(&keys).await
}

/// The first event with a document outside its tenant's folder, which only the catalogue knows. Events of unknown
/// tenants are looked at when the tenant comes.
async fn first_stray(console: &ApiSettings, received: &[Received]) -> Result<Option<(usize, Malformed)>, StoreError> {
    let mut prefixes: HashMap<&TenantId, Option<String>> = HashMap::new();
    for (index, one) in received.iter().enumerate() {
        let tenant_id = &one.event.data.tenant_id;
        if !prefixes.contains_key(tenant_id) {
            let tenant = console.store.tenant(tenant_id, &TenantScope::All).await?;
            prefixes.insert(tenant_id, tenant.map(|tenant| tenant.object_prefix()));
        }
        if let Some(Some(prefix)) = prefixes.get(tenant_id)
            && let Err(fault) = event::check_objects(&one.event.data, prefix)
        {
            return Ok(Some((index, fault)));
        }
    }
    Ok(None)
}

fn parsed(received: Received) -> Parsed {
    let Received { body, event } = received;
    Parsed { body, whole: None, via: Via::Http, redelivered: false, given_up: false, again: None, event: Ok(event) }
}

/// What became of one event of a request.
#[derive(Debug, Serialize)]
struct TakenIn<'a> {
    source: &'a str,
    id: &'a str,
    #[serde(flatten)]
    result: TakenResult,
    /// What of the event nothing reads.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<MemberWarning>,
}

#[derive(Debug, Serialize)]
#[serde(tag = "result", rename_all = "snake_case")]
enum TakenResult {
    Accepted {
        delivery_id: DeliveryId,
    },
    Duplicate {
        /// None of an event that waits, or that is a dead letter.
        #[serde(flatten)]
        earlier: Option<EarlierDelivery>,
    },
    DuplicateInvoice {
        delivery_id: DeliveryId,
    },
    Waiting,
    DeadLetter {
        class: &'static str,
        hint: &'static str,
    },
}

/// What an event became when it came first.
#[derive(Debug, Serialize)]
struct EarlierDelivery {
    delivery_id: DeliveryId,
    state: &'static str,
}

impl<'a> TakenIn<'a> {
    fn of(
        parsed: &'a Parsed,
        verdict: Verdict,
        earlier: &HashMap<EventKey, (DeliveryId, DeliveryState)>,
    ) -> Option<Self> {
        let event = parsed.event.as_ref().ok()?;
        let result = match verdict {
            Verdict::Accepted(delivery_id) => TakenResult::Accepted { delivery_id },
            // Intake has put the dead letter back itself, or found that another process was faster.
            Verdict::Duplicate | Verdict::Redrive(_) => TakenResult::Duplicate {
                earlier: earlier
                    .get(&event.key())
                    .map(|(delivery_id, state)| EarlierDelivery { delivery_id: *delivery_id, state: state.into_str() }),
            },
            Verdict::DuplicateInvoice(delivery_id) => TakenResult::DuplicateInvoice { delivery_id },
            Verdict::Waiting => TakenResult::Waiting,
            Verdict::DeadLetter(class) => TakenResult::DeadLetter { class: class.into_str(), hint: class.hint() },
        };
        Some(Self { source: &event.source, id: &event.id, result, warnings: event::warnings(&parsed.body) })
    }
}

/// Which event is asked for.
#[derive(Debug, Deserialize)]
pub(super) struct NamedEvent {
    source: Option<String>,
    id: Option<String>,
}

impl NamedEvent {
    fn read(query: Result<Query<Self>, QueryRejection>) -> Result<(String, String), Malformed> {
        let unreadable = |_| Malformed::at("$", "must be asked for as ?source=…&id=…, each once");
        let Query(Self { source, id }) = query.map_err(unreadable)?;
        Ok((named("source", source)?, named("id", id)?))
    }
}

fn named(name: &str, value: Option<String>) -> Result<String, Malformed> {
    let value = value.ok_or_else(|| Malformed::at(name, "is missing; ask as ?source=…&id=…"))?;
    identifier(name, &value, KEY_MAX)?;
    Ok(value)
}

/// What became of an event.
pub(super) async fn report(
    State(console): State<ApiSettings>,
    caller: Caller,
    query: Result<Query<NamedEvent>, QueryRejection>,
) -> Result<Json<EventStatus>, ApiRefusal> {
    let (source, id) = NamedEvent::read(query)?;
    let report = console.store.event_fate(&source, &id, caller.scope()).await?.ok_or(ApiRefusal::UnknownEvent)?;
    let deliveries = match &report.event {
        Some(event) => console.store.deliveries_of_event(event.key, caller.scope()).await?,
        None => Vec::new(),
    };
    let roots: Vec<DeliveryId> = deliveries.iter().map(|delivery| delivery.root).collect();
    let portal = console.store.portal_events(&roots, caller.scope()).await?;
    Ok(Json(EventStatus::of(source, id, report, deliveries, &portal)))
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderName, HeaderValue};

    use super::*;

    fn mode(headers: &[(&'static str, &'static str)]) -> Option<Mode> {
        let headers = headers
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
            .collect();
        Mode::of(&headers).ok()
    }

    #[test]
    fn the_content_type_says_how_events_are_carried() {
        type Headers = [(&'static str, &'static str)];
        let cases: [(&Headers, Option<Mode>); 11] = [
            (&[("content-type", "application/cloudevents+json")], Some(Mode::Structured)),
            (&[("content-type", "Application/CloudEvents+JSON ; charset=UTF-8")], Some(Mode::Structured)),
            (&[("content-type", "application/cloudevents-batch+json;charset=utf-8")], Some(Mode::Batch)),
            (&[("content-type", "application/json"), ("ce-id", "1")], Some(Mode::Binary)),
            // The content type says that the attributes are in the body.
            (&[("content-type", "application/cloudevents+json"), ("ce-id", "1")], Some(Mode::Structured)),
            (&[("content-type", "application/json")], None),
            (&[("content-type", "application/cloudevents+avro")], None),
            (&[("content-type", "text/plain"), ("ce-id", "1")], None),
            (&[("content-type", "application/cloudevents+json, text/plain")], None),
            (&[("ce-id", "1")], None),
            (&[("content-type", "application/json"), ("content-type", "text/plain"), ("ce-id", "1")], None),
        ];
        for (headers, expected) in cases {
            assert_eq!(mode(headers), expected, "{headers:?}");
        }
    }
}

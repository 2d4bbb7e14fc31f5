//! `/api/v1/events`: events in, and what became of one.

use std::collections::HashMap;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::caller::Caller;
use super::document::bodies::{EventData, InvoiceSentEvent};
use super::document::parameters::{EventHeaders, IdempotencyKeyHeader};
use super::document::problems::{BodyProblems, IdempotencyProblems, NotFound, Problems};
use super::event_report::EventStatus;
use super::refusal::ApiRefusal;
use super::{ApiSettings, body};
use crate::event::bounds::{KEY_MAX, identifier};
use crate::event::{self, InvoiceSent, Malformed, MemberWarning, Received};
use crate::intake::{Parsed, Verdict};
use crate::model::access::TenantScope;
use crate::model::ids::{DeliveryId, EventKey, TenantId};
use crate::model::incoming::Via;
use crate::model::reason::ReasonCode;
use crate::model::state::DeliveryState;
use crate::store::StoreError;

/// The routes of events.
pub(super) fn routes() -> OpenApiRouter<ApiSettings> {
    OpenApiRouter::default().routes(routes!(report, take))
}

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
///
/// 202 means that the database has committed them. An event that came before is answered as a duplicate, so that any request
/// may be sent again.
#[utoipa::path(
    post,
    path = "/api/v1/events",
    operation_id = "publish_events",
    tag = "events",
    params(EventHeaders, IdempotencyKeyHeader),
    request_body(content(
        (InvoiceSentEvent = "application/cloudevents+json"),
        (Vec<InvoiceSentEvent> = "application/cloudevents-batch+json"),
        (EventData = "application/json")
    )),
    responses(
        (status = 202, description = "What became of each event, in order.", body = Vec<TakenIn>),
        BodyProblems,
        NotFound,
        IdempotencyProblems,
        Problems
    )
)]
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
#[derive(Debug, Serialize, ToSchema)]
struct TakenIn<'a> {
    source: &'a str,
    id: &'a str,
    result: TakenResult,
    /// The delivery that was made of it, or of what came first; none of an event that waits, or that is a dead letter.
    #[serde(skip_serializing_if = "Option::is_none")]
    delivery_id: Option<DeliveryId>,
    /// Where that delivery stands, of a duplicate.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<DeliveryState>)]
    state: Option<&'static str>,
    /// Why it is a dead letter.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<ReasonCode>)]
    class: Option<&'static str>,
    /// What to do about a dead letter.
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<&'static str>,
    /// What of the event nothing reads.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<MemberWarning>,
}

/// What became of an event.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum TakenResult {
    /// A delivery was made of it.
    Accepted,
    /// It came before.
    Duplicate,
    /// Its invoice was sent by another event.
    DuplicateInvoice,
    /// Its customer is not known yet.
    Waiting,
    /// No delivery could be made of it.
    DeadLetter,
}

impl<'a> TakenIn<'a> {
    fn of(
        parsed: &'a Parsed,
        verdict: Verdict,
        earlier: &HashMap<EventKey, (DeliveryId, DeliveryState)>,
    ) -> Option<Self> {
        let event = parsed.event.as_ref().ok()?;
        let warnings = event::warnings(&parsed.body);
        let of = |result| Self {
            source: &event.source,
            id: &event.id,
            result,
            delivery_id: None,
            state: None,
            class: None,
            hint: None,
            warnings,
        };
        Some(match verdict {
            Verdict::Accepted(delivery_id) => Self { delivery_id: Some(delivery_id), ..of(TakenResult::Accepted) },
            // Intake has put the dead letter back itself, or found that another process was faster.
            Verdict::Duplicate | Verdict::Redrive(_) => {
                let (delivery_id, state) = earlier.get(&event.key()).copied().unzip();
                Self { delivery_id, state: state.map(DeliveryState::into_str), ..of(TakenResult::Duplicate) }
            }
            Verdict::DuplicateInvoice(delivery_id) => {
                Self { delivery_id: Some(delivery_id), ..of(TakenResult::DuplicateInvoice) }
            }
            Verdict::Waiting => of(TakenResult::Waiting),
            Verdict::DeadLetter(class) => {
                Self { class: Some(class.into_str()), hint: Some(class.hint()), ..of(TakenResult::DeadLetter) }
            }
        })
    }
}

/// Which event is asked for.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct NamedEvent {
    /// The event's `source`.
    #[param(required = true, min_length = 1, max_length = 255, example = "https://billing.example/eu-1")]
    source: Option<String>,
    /// The event's `id`.
    #[param(required = true, min_length = 1, max_length = 255, example = "7f1b0d7e-1c1f-4f0e-9a55-0f5f6d1c2a01")]
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

/// Shows what became of an event.
#[utoipa::path(
    get,
    path = "/api/v1/events",
    operation_id = "event_status",
    tag = "events",
    params(NamedEvent),
    responses(
        (status = 200, description = "Its state, deliveries and dead letters.", body = EventStatus),
        NotFound,
        Problems
    )
)]
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

//! `Idempotency-Key` ([draft-ietf-httpapi-idempotency-key-header]): a POST that names one is done once, and the same
//! request again gets the answer of the first.
//!
//! The key is the caller's own, for one route. A row of the database decides who works on the request, over all processes
//! ([`Store::claim_key`]). An answer that says that nothing was done, and that the same may be sent again (409, 429 and
//! 5xx), is not kept; every other one is, for 24 hours.
//!
//! The claim goes with the request's actor ([`ClaimedKey`]), and the audit log's entry of the change marks the key in the
//! change's own transaction: so nothing is done twice under one key, although the process dies before the answer is kept, or
//! the request fails after its change. Events have no actor and need none: `(source, id)` makes them one.
//!
//! [draft-ietf-httpapi-idempotency-key-header]: https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header/

use std::time::Duration;

use axum::body::{Body, HttpBody as _, to_bytes};
use axum::extract::{MatchedPath, Request, State};
use axum::http::request::Parts;
use axum::http::uri::PathAndQuery;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tracing::Instrument as _;
use uuid::Uuid;

use super::REQUEST_DEADLINE;
use super::capacity::Turn;
use super::refusal::{ApiRefusal, KeyRefusal};
use crate::event::Malformed;
use crate::model::access::{Principal, TenantScope};
use crate::model::claimed_key::ClaimedKey;
use crate::model::incoming::BODY_BYTES_MAX;
use crate::sha256::{Sha256, Sha256Hasher};
use crate::store::{IDEMPOTENCY_LEASE, KeyClaim, KeyedAnswer, KeyedRequest, Store, StoreError};

const KEY_HEADER: &str = "idempotency-key";
/// Says that an answer is that of an earlier request.
const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

/// The longest key.
const KEY_CHARS_MAX: usize = 255;
/// The largest body of an answer that is kept.
const ANSWER_BYTES_MAX: usize = 1024 * 1024;

/// The POSTs that change nothing. Their keys are not looked at: an answer for each would let whoever may only look fill the
/// database.
const LOOKS: [&str; 3] = [
    "/api/v1/links/find",
    "/api/v1/tenants/{tenant_id}/settings/preview",
    "/api/v1/deliveries/{delivery_id}/resend/plan",
];

/// What a request may take from its key on: it is over before anybody else may have the key.
const WORK_DEADLINE: Duration = REQUEST_DEADLINE;
const _: () = assert!(WORK_DEADLINE.as_secs() + 30 <= IDEMPOTENCY_LEASE.as_secs(), "the lease outlives the work");

/// Does a POST with an idempotency key once. It stands inside of the bounds of [`super::capacity`]: bodies are in memory by
/// then, and a storm of keys is no storm on the database.
pub(super) async fn once(State(store): State<Store>, request: Request, next: Next) -> Result<Response, ApiRefusal> {
    let only_looks = request.extensions().get::<MatchedPath>().is_some_and(|route| LOOKS.contains(&route.as_str()));
    if *request.method() != Method::POST || only_looks {
        return Ok(next.run(request).await);
    }
    let Some(key) = key(request.headers())? else { return Ok(next.run(request).await) };
    let (head, body) = request.into_parts();
    let body = to_bytes(body, BODY_BYTES_MAX).await.map_err(|_| ApiRefusal::TooLarge)?;
    let principal: &Principal = head.extensions.get().expect("no route is without the access check");
    let keyed = KeyedRequest { id: id(&head, principal, &key), payload: payload(&head, &principal.scope, &body) };
    let mut request = Request::from_parts(head, Body::from(body));
    match store.claim_key(&keyed).await? {
        KeyClaim::Mine(claim) => {
            request.extensions_mut().insert(ClaimedKey { id: keyed.id, claim });
            work(KeyedWork { store, keyed, claim }, request, next).await
        }
        KeyClaim::Done(Some(answer)) => replayed(answer),
        KeyClaim::Done(None) => Err(ApiRefusal::Key(KeyRefusal::AnswerNotKept)),
        KeyClaim::UnderWay => Err(ApiRefusal::Key(KeyRefusal::UnderWay)),
        KeyClaim::OutcomeUnknown => Err(ApiRefusal::Key(KeyRefusal::OutcomeUnknown)),
        KeyClaim::OtherPayload => Err(ApiRefusal::Key(KeyRefusal::Taken)),
    }
}

/// The key of a request, if it names one: a structured string (RFC 9651 §3.3.3), as the draft wants it, or the same without
/// quotes, as many clients send it.
fn key(headers: &HeaderMap) -> Result<Option<String>, Malformed> {
    let mut values = headers.get_all(KEY_HEADER).iter();
    let Some(value) = values.next() else { return Ok(None) };
    let refused = || Malformed::at("Idempotency-Key", "must be one text of 1 to 255 printable ASCII characters");
    let text = value.to_str().map_err(|_| refused())?.trim();
    let key = if text.starts_with('"') { unquoted(text).ok_or_else(refused)? } else { text.to_owned() };
    let is_printable = |c: char| (' '..='~').contains(&c);
    // A printable character is one byte.
    let fits = (1..=KEY_CHARS_MAX).contains(&key.len()) && key.chars().all(is_printable);
    if fits && values.next().is_none() { Ok(Some(key)) } else { Err(refused()) }
}

fn unquoted(text: &str) -> Option<String> {
    let inside = text.strip_prefix('"')?.strip_suffix('"')?;
    let mut key = String::with_capacity(inside.len());
    let mut characters = inside.chars();
    while let Some(character) = characters.next() {
        key.push(match character {
            '\\' => characters.next().filter(|escaped| matches!(escaped, '"' | '\\'))?,
            '"' => return None,
            other => other,
        });
    }
    Some(key)
}

/// What the key of this caller for this route is known by.
fn id(head: &Parts, principal: &Principal, key: &str) -> Sha256 {
    let route = head.extensions.get::<MatchedPath>().map_or("", MatchedPath::as_str);
    let mut digest = Sha256Hasher::new();
    add(&mut digest, principal.kind.into_str().as_bytes());
    // Of kinds that are one alone there is no id.
    add(&mut digest, principal.kind.id().unwrap_or_default().as_bytes());
    add(&mut digest, route.as_bytes());
    add(&mut digest, key.as_bytes());
    digest.finish()
}

/// Everything that says what is asked for. Events in binary mode have their attributes in headers. The tenants of whoever asks
/// belong to it: what the answer of then names may be beyond the scope of today.
fn payload(head: &Parts, scope: &TenantScope, body: &[u8]) -> Sha256 {
    let says_what = |name: &HeaderName| {
        *name == header::CONTENT_TYPE || *name == header::IF_MATCH || name.as_str().starts_with("ce-")
    };
    let headers = head.headers.iter().filter(|(name, _)| says_what(name));
    let mut headers: Vec<(&str, &[u8])> = headers.map(|(name, value)| (name.as_str(), value.as_bytes())).collect();
    headers.sort_unstable();
    let mut digest = Sha256Hasher::new();
    add(&mut digest, head.method.as_str().as_bytes());
    add(&mut digest, head.uri.path_and_query().map_or("", PathAndQuery::as_str).as_bytes());
    for (name, value) in headers {
        add(&mut digest, name.as_bytes());
        add(&mut digest, value);
    }
    for tenant in scope.tenants().into_iter().flatten() {
        add(&mut digest, tenant.as_str().as_bytes());
    }
    add(&mut digest, &[u8::from(scope.is_all())]);
    add(&mut digest, body);
    digest.finish()
}

/// Each part counts with its length, so that none runs into the next.
fn add(digest: &mut Sha256Hasher, part: &[u8]) {
    digest.update(&(part.len() as u64).to_be_bytes());
    digest.update(part);
}

/// A request whose key is ours.
#[derive(Clone)]
struct KeyedWork {
    store: Store,
    keyed: KeyedRequest,
    claim: Uuid,
}

/// Works on the request in a task of its own: a client that leaves must not end it between what it does and the answer that
/// is kept of it, for such a client is the one that comes again.
async fn work(claimed: KeyedWork, request: Request, next: Next) -> Result<Response, ApiRefusal> {
    let turn: Option<Turn> = request.extensions().get().cloned();
    let working = {
        let claimed = claimed.clone();
        async move {
            // It counts among what is worked on at once also when nobody waits for it any more.
            let _turn = turn;
            let answer = tokio::time::timeout(WORK_DEADLINE, next.run(request)).await;
            // What was begun may still be done, so nobody gets the key before its lease ends.
            let answer = answer.map_err(|_| ApiRefusal::TookTooLong)?;
            claimed.keep(answer).await
        }
    };
    match tokio::spawn(working.in_current_span()).await {
        Ok(answer) => answer,
        Err(ended) => {
            claimed.free().await;
            match ended.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                Err(ended) => Err(ApiRefusal::Internal(format!("a request's task ended: {ended}"))),
            }
        }
    }
}

impl KeyedWork {
    /// Keeps an answer for the same request, or gives the key back if the answer says that the same may be sent again. The key
    /// of a request that failed after its change stays taken.
    async fn keep(&self, answer: Response) -> Result<Response, ApiRefusal> {
        // 409: what stands in the way now may be gone in a minute.
        let is_for_now = matches!(answer.status(), StatusCode::CONFLICT | StatusCode::TOO_MANY_REQUESTS);
        if is_for_now || answer.status().is_server_error() {
            self.free().await;
            return Ok(answer);
        }
        let (head, body) = answer.into_parts();
        if body.size_hint().exact().is_none_or(|bytes| bytes > ANSWER_BYTES_MAX as u64) {
            self.note(self.store.finish_key(&self.keyed, self.claim, None).await);
            return Ok(Response::from_parts(head, body));
        }
        let body = to_bytes(body, ANSWER_BYTES_MAX).await;
        let body = body.map_err(|error| ApiRefusal::Internal(format!("an answer broke off: {error}")))?;
        let text = |value: &HeaderValue| value.to_str().ok().map(str::to_owned);
        let headers = head.headers.iter().filter_map(|(name, value)| Some((name.to_string(), text(value)?))).collect();
        let answer = KeyedAnswer { status: head.status.as_u16(), headers, body: body.to_vec() };
        self.note(self.store.finish_key(&self.keyed, self.claim, Some(&answer)).await);
        Ok(Response::from_parts(head, Body::from(body)))
    }

    async fn free(&self) {
        self.note(self.store.free_key(&self.keyed, self.claim).await);
    }

    /// What was done is answered, whatever becomes of its row: the lease ends by itself, and what was acted on is marked.
    fn note<T>(&self, written: Result<T, StoreError>) {
        if let Err(error) = written {
            let seconds = IDEMPOTENCY_LEASE.as_secs();
            tracing::warn!(
                claim = %self.claim,
                "failed to note that a request with an Idempotency-Key has ended; its key is taken for {seconds} s, and whoever \
                 sends the request again later learns that its outcome is unknown if it changed something: {error}"
            );
        }
    }
}

/// The answer of an earlier request.
fn replayed(answer: KeyedAnswer) -> Result<Response, ApiRefusal> {
    let unreadable = || ApiRefusal::Internal("an answer that was kept cannot be read".to_owned());
    let status = StatusCode::from_u16(answer.status).map_err(|_| unreadable())?;
    let mut response = (status, Body::from(answer.body)).into_response();
    for (name, value) in answer.headers {
        let name = HeaderName::try_from(name).map_err(|_| unreadable())?;
        let value = HeaderValue::try_from(value).map_err(|_| unreadable())?;
        response.headers_mut().append(name, value);
    }
    response.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
    Ok(response)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::ids::TenantId;

    fn read(values: &[&[u8]]) -> Result<Option<String>, Malformed> {
        let value = |bytes: &&[u8]| HeaderValue::from_bytes(bytes).expect("a header's value");
        let name = HeaderName::from_static(KEY_HEADER);
        key(&values.iter().map(|bytes| (name.clone(), value(bytes))).collect())
    }

    #[test]
    fn a_key_is_printable_and_stands_alone() {
        assert_eq!(read(&[]), Ok(None));
        let longest = "k".repeat(KEY_CHARS_MAX);
        for (written, key) in [
            ("8e03978e-40d5-43e8", "8e03978e-40d5-43e8"),
            ("\"8e03978e-40d5-43e8\"", "8e03978e-40d5-43e8"),
            (r#""a \"b\" \\c""#, r#"a "b" \c"#),
            ("a b~!", "a b~!"),
            ("it's \"one\"", "it's \"one\""),
            (longest.as_str(), longest.as_str()),
        ] {
            assert_eq!(read(&[written.as_bytes()]), Ok(Some(key.to_owned())), "{written}");
        }
        let longer = "k".repeat(KEY_CHARS_MAX + 1);
        for broken in ["", " ", "\"\"", "\"", "\"a", "\"a\";q=1", "\"a\"b\"", r#""a\n""#, "a\tb", "ä", &longer] {
            assert!(read(&[broken.as_bytes()]).is_err(), "{broken}");
        }
        assert!(read(&[b"a", b"a"]).is_err(), "two of them");
    }

    fn digest(headers: &[(&'static str, &'static str)], target: &'static str, body: &str) -> Sha256 {
        let mut request = axum::http::Request::post(target);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let (head, ()) = request.body(()).expect("a request").into_parts();
        payload(&head, &TenantScope::All, body.as_bytes())
    }

    #[test]
    fn an_answer_is_for_the_tenants_that_it_was_given_for() {
        let (head, ()) = axum::http::Request::post("/a").body(()).expect("a request").into_parts();
        let of = |tenants: &[&str]| {
            payload(&head, &TenantScope::of(tenants.iter().map(|tenant| TenantId::from(*tenant))), b"{}")
        };
        let all = payload(&head, &TenantScope::All, b"{}");
        let others = [of(&[]), of(&["acme"]), of(&["beta"]), of(&["acmebeta"])];
        assert_eq!(of(&["acme", "beta"]), of(&["beta", "acme"]));
        assert!(others.iter().all(|other| *other != of(&["acme", "beta"]) && *other != all));
    }

    #[test]
    fn whatever_says_what_is_asked_for_counts() {
        let json = ("content-type", "application/json");
        let same = digest(&[json, ("ce-id", "1"), ("ce-type", "t")], "/a?b=1", "{}");
        let elsewhere = [("traceparent", "00-1"), ("ce-type", "t"), ("user-agent", "x"), ("ce-id", "1"), json];
        assert_eq!(digest(&elsewhere, "/a?b=1", "{}"), same);
        for other in [
            digest(&[json, ("ce-id", "2"), ("ce-type", "t")], "/a?b=1", "{}"),
            digest(&[json, ("ce-id", "1t"), ("ce-type", "")], "/a?b=1", "{}"),
            digest(&[json], "/a?b=1", "{}"),
            digest(&[("ce-id", "1"), ("ce-type", "t")], "/a?b=1", "{}"),
            digest(&[json, ("ce-id", "1"), ("ce-type", "t")], "/a?b=2", "{}"),
            digest(&[json, ("ce-id", "1"), ("ce-type", "t")], "/a", "{}"),
            digest(&[json, ("ce-id", "1"), ("ce-type", "t")], "/a?b=1", "{} "),
            digest(&[json, ("ce-id", "1"), ("ce-type", "t"), ("if-match", "\"1\"")], "/a?b=1", "{}"),
        ] {
            assert_ne!(other, same);
        }
    }
}

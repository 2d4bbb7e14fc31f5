//! Posts a text message to the provider, with deadlines.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::header::CONTENT_TYPE;
use reqwest::redirect::Policy;
use reqwest::{Client, RequestBuilder, Response};
use secrecy::ExposeSecret as _;

use super::breaker::SmsBreaker;
use super::{SmsCredentials, SmsInterface, SmsOutcome, SmsProvider, twilio};
use crate::clock::Clock;

/// How long the provider may take.
#[derive(Debug, Clone, Copy)]
pub struct SmsDeadlines {
    /// For a connection to come about.
    pub connect: Duration,
    /// For all of it: somebody is waiting.
    pub total: Duration,
}

impl Default for SmsDeadlines {
    fn default() -> Self {
        Self { connect: Duration::from_secs(4), total: Duration::from_secs(10) }
    }
}

/// Of an answer so much is read.
const ANSWER_BYTES_MAX: usize = 64 << 10;

/// Sends text messages; cheap to clone. Shows no credentials.
#[derive(Clone)]
pub struct SmsSender(Arc<Inner>);

struct Inner {
    provider: SmsProvider,
    client: Client,
    breaker: SmsBreaker,
    clock: Clock,
}

/// The provider cannot be used as configured.
#[derive(Debug, thiserror::Error)]
#[error("the HTTP client for text messages cannot be made")]
pub struct InvalidSmsProvider(#[source] reqwest::Error);

impl fmt::Debug for SmsSender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SmsSender({})", self.0.provider.url.host_str().unwrap_or_default())
    }
}

impl SmsSender {
    /// A sender of this provider.
    ///
    /// # Errors
    /// If no HTTP client can be made.
    pub fn new(provider: SmsProvider, deadlines: SmsDeadlines, clock: Clock) -> Result<Self, InvalidSmsProvider> {
        let client = Client::builder()
            .connect_timeout(deadlines.connect)
            .timeout(deadlines.total)
            // A message, with its credentials, goes to the configured place only.
            .redirect(Policy::none())
            // On a connection that was used before nobody knows whether a request was read; messages are few.
            .pool_max_idle_per_host(0)
            .user_agent(concat!("invoice-dispatcher/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(InvalidSmsProvider)?;
        Ok(Self(Arc::new(Inner { provider, client, breaker: SmsBreaker::default(), clock })))
    }

    /// Whether the provider does not work, as far as this process has seen.
    #[must_use]
    pub fn is_down(&self) -> bool {
        self.0.breaker.is_open(self.0.clock.monotonic())
    }

    /// Sends a text to a number (E.164).
    pub async fn send(&self, to: &str, text: &str) -> SmsOutcome {
        let Inner { breaker, clock, .. } = &*self.0;
        let Some(permit) = breaker.permit(clock.monotonic()) else { return SmsOutcome::Down };
        let outcome = self.post(to, text).await;
        permit.conclude(outcome.is_providers_fault(), clock.monotonic());
        outcome
    }

    async fn post(&self, to: &str, text: &str) -> SmsOutcome {
        let answered = match self.request(to, text).send().await {
            // Nothing was written yet: once more, perhaps to another of its addresses.
            Err(error) if error.is_connect() => self.request(to, text).send().await,
            answered => answered,
        };
        let answer = match answered {
            Ok(answer) => answer,
            Err(error) if error.is_connect() => return SmsOutcome::NotSent { fault: fault(error) },
            Err(error) => return SmsOutcome::Unanswered { fault: fault(error) },
        };
        let status = answer.status().as_u16();
        let body = match read(answer).await {
            Ok(body) => body,
            // The status may tell enough.
            Err(error) => {
                return SmsOutcome::of_status(status).unwrap_or(SmsOutcome::Unanswered { fault: fault(error) });
            }
        };
        match &self.0.provider.interface {
            SmsInterface::Twilio => twilio::outcome(status, &body),
            SmsInterface::Http(template) => template.outcome(status, &body),
        }
    }

    fn request(&self, to: &str, text: &str) -> RequestBuilder {
        let Inner { provider, client, .. } = &*self.0;
        let sender = provider.sender.as_deref().unwrap_or_default();
        let (media_type, body) = match &provider.interface {
            SmsInterface::Twilio => {
                let encoded = |value: &str| utf8_percent_encode(value, NON_ALPHANUMERIC).to_string();
                let fields = twilio::form(to, sender, text).map(|(name, value)| format!("{name}={}", encoded(value)));
                ("application/x-www-form-urlencoded", fields.join("&"))
            }
            SmsInterface::Http(template) => (template.body_type.media_type(), template.fill(to, sender, text)),
        };
        let request = client.post(provider.url.clone()).header(CONTENT_TYPE, media_type).body(body);
        match &provider.credentials {
            Some(SmsCredentials::Basic { user, password }) => request.basic_auth(user, Some(password.expose_secret())),
            Some(SmsCredentials::Bearer(token)) => request.bearer_auth(token.expose_secret()),
            None => request,
        }
    }
}

/// What is wrong, without the address: its query may hold credentials.
fn fault(error: reqwest::Error) -> String {
    let error = error.without_url();
    let source = std::error::Error::source(&error).map(|source| format!(": {source}")).unwrap_or_default();
    format!("{error}{source}")
}

async fn read(mut answer: Response) -> Result<Vec<u8>, reqwest::Error> {
    let mut body = Vec::new();
    while let Some(chunk) = answer.chunk().await? {
        let room = ANSWER_BYTES_MAX - body.len();
        body.extend_from_slice(&chunk[..chunk.len().min(room)]);
        if body.len() == ANSWER_BYTES_MAX {
            break;
        }
    }
    Ok(body)
}

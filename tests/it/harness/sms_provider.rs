//! A provider of text messages that speaks Twilio's Messages API as its documentation says, and a plain one beside it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Form, Json, Router};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// What the provider knows its customer by.
pub(crate) const ACCOUNT: &str = "AC0123456789abcdef0123456789abcdef";
pub(crate) const TOKEN: &str = "t@ken/+";

/// What it does with the next messages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ProviderMood {
    Works,
    /// An error as Twilio's, of this code.
    Refuses(u32),
    /// This status, with this body.
    Answers(u16, &'static str),
}

/// A message that it took.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ProvidedSms {
    pub(crate) to: String,
    pub(crate) from: String,
    pub(crate) text: String,
}

/// The provider; it ends when it is dropped.
pub(crate) struct SmsProviderServer {
    /// Where it listens, for example `http://127.0.0.1:40123`.
    pub(crate) url: String,
    state: Arc<ProviderState>,
    serving: JoinHandle<()>,
}

struct ProviderState {
    mood: Mutex<ProviderMood>,
    messages: Mutex<Vec<ProvidedSms>>,
    /// Requests, also those that were refused.
    requests: Mutex<usize>,
}

impl SmsProviderServer {
    pub(crate) async fn start() -> Self {
        let state = Arc::new(ProviderState {
            mood: Mutex::new(ProviderMood::Works),
            messages: Mutex::default(),
            requests: Mutex::default(),
        });
        let router = Router::new()
            .route("/2010-04-01/Accounts/{account}/Messages.json", post(twilio))
            .route("/send", post(plain))
            .with_state(Arc::clone(&state));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("bound"));
        let serving = tokio::spawn(async move { axum::serve(listener, router).await.expect("it serves") });
        Self { url, state, serving }
    }

    pub(crate) fn be(&self, mood: ProviderMood) {
        *self.state.mood.lock().expect("nobody panics with it") = mood;
    }

    pub(crate) fn messages(&self) -> Vec<ProvidedSms> {
        self.state.messages.lock().expect("nobody panics with it").clone()
    }

    pub(crate) fn requests(&self) -> usize {
        *self.state.requests.lock().expect("nobody panics with it")
    }

    /// The code of the newest message.
    pub(crate) fn newest_code(&self) -> String {
        let messages = self.messages();
        let text = &messages.last().expect("a message").text;
        text.rsplit_once('#').expect("the last line has the code").1.to_owned()
    }
}

impl Drop for SmsProviderServer {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl ProviderState {
    fn mood(&self) -> ProviderMood {
        *self.requests.lock().expect("nobody panics with it") += 1;
        self.mood.lock().expect("nobody panics with it").clone()
    }

    fn keep(&self, to: &str, from: &str, text: &str) {
        let [to, from, text] = [to, from, text].map(str::to_owned);
        self.messages.lock().expect("nobody panics with it").push(ProvidedSms { to, from, text });
    }
}

/// <https://www.twilio.com/docs/messaging/api/message-resource>
async fn twilio(
    State(state): State<Arc<ProviderState>>,
    Path(account): Path<String>,
    headers: HeaderMap,
    Form(form): Form<HashMap<String, String>>,
) -> Response {
    let mood = state.mood();
    let expected = format!("Basic {}", STANDARD.encode(format!("{ACCOUNT}:{TOKEN}")));
    let authorised = headers.get(header::AUTHORIZATION).is_some_and(|given| given == expected.as_str());
    if account != ACCOUNT || !authorised {
        return error(StatusCode::UNAUTHORIZED, 20_003, "Authenticate");
    }
    let field = |name: &str| form.get(name).map(String::as_str).filter(|value| !value.is_empty());
    let (Some(to), Some(text)) = (field("To"), field("Body")) else {
        return error(StatusCode::BAD_REQUEST, 21_604, "A 'To' phone number and a 'Body' are required.");
    };
    let Some(from) = field("From").or_else(|| field("MessagingServiceSid")) else {
        return error(StatusCode::BAD_REQUEST, 21_603, "A 'From' phone number is required.");
    };
    let seconds = field("ValidityPeriod").map(str::parse::<u32>);
    if !matches!(seconds, None | Some(Ok(1..=36_000))) {
        return error(StatusCode::BAD_REQUEST, 21_623, "ValidityPeriod is invalid");
    }
    match mood {
        ProviderMood::Works => {}
        ProviderMood::Refuses(code) => return error(StatusCode::BAD_REQUEST, code, "refused"),
        ProviderMood::Answers(status, body) => return plain_answer(status, body),
    }
    state.keep(to, from, text);
    let sid = format!("SM{:032x}", state.messages.lock().expect("nobody panics with it").len());
    let message = json!({"sid": sid, "account_sid": account, "to": to, "from": from, "body": text, "status": "queued",
                         "direction": "outbound-api", "num_segments": "1", "error_code": null, "error_message": null});
    (StatusCode::CREATED, Json(message)).into_response()
}

fn error(status: StatusCode, code: u32, message: &str) -> Response {
    let more_info = format!("https://www.twilio.com/docs/errors/{code}");
    let body = json!({"code": code, "message": message, "more_info": more_info, "status": status.as_u16()});
    (status, Json(body)).into_response()
}

async fn plain(State(state): State<Arc<ProviderState>>, Json(message): Json<Value>) -> Response {
    let mood = state.mood();
    if let ProviderMood::Answers(status, body) = mood {
        return plain_answer(status, body);
    }
    let field = |name: &str| message[name].as_str().unwrap_or_default().to_owned();
    state.keep(&field("to"), &field("from"), &field("text"));
    StatusCode::ACCEPTED.into_response()
}

fn plain_answer(status: u16, body: &'static str) -> Response {
    (StatusCode::from_u16(status).expect("a status"), body).into_response()
}

//! The HTTP client under the S3 protocol: credentials go to the configured server only, and no answer fills the memory.
//!
//! `object_store` reads the body of an error, and of a listing, whole before it looks at it. A server (or anything that
//! answers in its place) that sends such a body without end would take all memory, so that bodies are cut here. Bodies
//! of documents pass: their reader counts them.

use std::pin::Pin;
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt;
use object_store::client::{
    HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpResponse, HttpResponseBody, HttpService,
};
use object_store::{ClientConfigKey, ClientOptions};

/// What is kept of the body of an error: its code and its sentence.
const ERROR_BYTES_MAX: usize = 16 << 10;
/// A listing has at most 1,000 keys of 1,024 bytes; anything else that is read whole is smaller.
const ANSWER_BYTES_MAX: usize = 8 << 20;

/// Marks a request whose answer is a document: its reader takes no more than the document's size.
#[derive(Debug, Clone, Copy)]
pub(super) struct CountedByReader;

/// Makes the clients: one for the bucket, another one for the source of credentials.
#[derive(Debug)]
pub(super) struct StoreConnector {
    /// How long a request may take, with its answer.
    pub(super) deadline: Duration,
    /// How long a connection may take.
    pub(super) connect_deadline: Duration,
}

impl HttpConnector for StoreConnector {
    fn connect(&self, options: &ClientOptions) -> object_store::Result<HttpClient> {
        let plain = options.get_config_value(&ClientConfigKey::AllowHttp).as_deref() == Some("true");
        reqwest::Client::builder()
            // A redirect would carry the request's signature and session token to whatever host it names. One within
            // S3 (another region) would be refused there: the signature names the host.
            .redirect(reqwest::redirect::Policy::none())
            .https_only(!plain)
            .http1_only()
            .timeout(self.deadline)
            .connect_timeout(self.connect_deadline)
            .user_agent(concat!("invoice-dispatcher/", env!("CARGO_PKG_VERSION")))
            .build()
            .map(|client| HttpClient::new(BoundedClient { client }))
            .map_err(|error| object_store::Error::Generic { store: "S3", source: Box::new(error) })
    }
}

#[derive(Debug)]
struct BoundedClient {
    client: reqwest::Client,
}

impl HttpService for BoundedClient {
    // As `#[async_trait]` writes it.
    fn call<'client, 'future>(
        &'client self,
        request: HttpRequest,
    ) -> Pin<Box<dyn Future<Output = Result<HttpResponse, HttpError>> + Send + 'future>>
    where
        'client: 'future,
        Self: 'future,
    {
        Box::pin(async move {
            let is_counted = request.extensions().get::<CountedByReader>().is_some();
            let answer = HttpService::call(&self.client, request).await?;
            let (head, body) = answer.into_parts();
            let body = if !head.status.is_success() {
                beginning(body).await
            } else if is_counted {
                body
            } else {
                whole(body).await?
            };
            Ok(HttpResponse::from_parts(head, body))
        })
    }
}

/// The beginning of an error's body: what breaks off, or is no text, still has its status.
async fn beginning(body: HttpResponseBody) -> HttpResponseBody {
    let (mut chunks, mut kept) = (body.bytes_stream(), Vec::new());
    while kept.len() < ERROR_BYTES_MAX {
        let Some(Ok(chunk)) = chunks.next().await else { break };
        let fits = chunk.len().min(ERROR_BYTES_MAX - kept.len());
        kept.extend_from_slice(&chunk[..fits]);
    }
    String::from_utf8_lossy(&kept).into_owned().into()
}

async fn whole(body: HttpResponseBody) -> Result<HttpResponseBody, HttpError> {
    let (mut chunks, mut kept) = (body.bytes_stream(), Vec::new());
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk?;
        if kept.len() + chunk.len() > ANSWER_BYTES_MAX {
            return Err(HttpError::new(HttpErrorKind::Decode, AnswerTooLong));
        }
        kept.extend_from_slice(&chunk);
    }
    Ok(Bytes::from(kept).into())
}

#[derive(Debug, thiserror::Error)]
#[error("the answer has more than {ANSWER_BYTES_MAX} bytes")]
struct AnswerTooLong;

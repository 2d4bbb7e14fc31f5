//! An error as HTTP clients see it: `application/problem+json` ([RFC 9457]).
//!
//! [RFC 9457]: https://www.rfc-editor.org/rfc/rfc9457

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value};

/// Before a problem's name (RFC 9457 §3.1.1): names need not be fetched, only compared.
const TYPE_PREFIX: &str = "urn:invoice-dispatcher:problem:";

/// An error as HTTP clients see it. Tells what they can mend, never our inside.
#[derive(Debug, Clone, PartialEq)]
pub struct Problem {
    status: StatusCode,
    title: &'static str,
    detail: String,
    members: Map<String, Value>,
}

impl Problem {
    /// A problem of the kind `title`, and what is wrong this time. Programs know it by a `type` that is made of the title,
    /// so a title that was ever published stays: words in small letters.
    #[must_use]
    pub fn new(status: StatusCode, title: &'static str, detail: impl Into<String>) -> Self {
        Self { status, title, detail: detail.into(), members: Map::new() }
    }

    /// Adds a member that programs can read (RFC 9457 §3.2), such as `path`.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.members.insert(name.to_owned(), value.into());
        self
    }

    /// The HTTP status.
    #[must_use]
    pub const fn status(&self) -> StatusCode {
        self.status
    }

    fn body(self) -> Value {
        let mut members = self.members;
        // Set last: no extension may pose as one of the standard's own.
        members.insert("type".to_owned(), format!("{TYPE_PREFIX}{}", self.title.replace(' ', "-")).into());
        members.insert("title".to_owned(), self.title.into());
        members.insert("status".to_owned(), self.status.as_u16().into());
        members.insert("detail".to_owned(), self.detail.into());
        Value::Object(members)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let content_type = (header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        (self.status, [content_type], self.body().to_string()).into_response()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_problem_says_kind_detail_and_place() {
        let problem = Problem::new(StatusCode::BAD_REQUEST, "malformed event", "data.invoice.total is missing")
            .with("index", 3)
            .with("path", "data.invoice.total")
            .with("status", 200);
        let response = problem.into_response();
        assert_eq!(response.status(), StatusCode::BAD_REQUEST);
        assert_eq!(response.headers()[header::CONTENT_TYPE], "application/problem+json");
        let body = axum::body::to_bytes(response.into_body(), 1 << 16).await.expect("a body");
        let json: Value = serde_json::from_slice(&body).expect("JSON");
        let expected = serde_json::json!({
            "type": "urn:invoice-dispatcher:problem:malformed-event", "title": "malformed event", "status": 400,
            "detail": "data.invoice.total is missing", "index": 3, "path": "data.invoice.total",
        });
        assert_eq!(json, expected);
    }
}

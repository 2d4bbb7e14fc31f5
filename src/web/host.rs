//! Answers only requests that ask for one of our names.
//!
//! A page on the internet can point its own name at 127.0.0.1 (DNS rebinding) and so talk to a listener on loopback
//! with the browser's blessing; only `Host` gives it away. So the list holds on loopback as elsewhere. Ports are not
//! compared: a proxy may listen on another, and a rebound name is foreign whatever its port.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};

use super::Problem;

/// The names that a listener answers to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostAllowList(Names);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Names {
    Any,
    These(Arc<BTreeSet<String>>),
}

impl HostAllowList {
    /// The listener's own address, `names`, and loopback's names: through a forwarded port (a container's, an SSH tunnel's)
    /// a listener on any address is asked by those, and no page on the internet can bear them.
    pub fn new<'a>(listen: SocketAddr, names: impl IntoIterator<Item = &'a str>) -> Self {
        let mut allowed: BTreeSet<String> = names.into_iter().map(normalised).collect();
        if !listen.ip().is_unspecified() {
            allowed.insert(listen.ip().to_string());
        }
        allowed.extend(["localhost", "127.0.0.1", "::1"].map(str::to_owned));
        Self(Names::These(Arc::new(allowed)))
    }

    /// Loopback's names on loopback; anywhere else every name, since a scraper or a probe asks by whatever it was given.
    #[must_use]
    pub fn for_metrics(listen: SocketAddr) -> Self {
        if listen.ip().is_loopback() { Self::new(listen, []) } else { Self(Names::Any) }
    }

    /// Puts the list before every route of `router`, and before its "not found".
    pub fn guard<S: Clone + Send + Sync + 'static>(self, router: Router<S>) -> Router<S> {
        router.layer(from_fn_with_state(self, refuse_foreign_hosts))
    }

    fn allows(&self, host: &str) -> bool {
        match &self.0 {
            Names::Any => true,
            Names::These(names) => names.contains(host),
        }
    }
}

async fn refuse_foreign_hosts(State(list): State<HostAllowList>, request: Request, next: Next) -> Response {
    let host = match requested_host(&request) {
        Ok(host) => host,
        Err(problem) => return problem.into_response(),
    };
    if list.allows(&host) {
        return next.run(request).await;
    }
    // RFC 9110 §15.5.20: the request was directed at a server that does not answer for this name.
    let detail = format!("{host:?} is not a name of this server; an operator may add it to the allowed hosts");
    Problem::new(StatusCode::MISDIRECTED_REQUEST, "unknown host", detail).into_response()
}

/// The one host that the request asks for ([RFC 9112 §3.2](https://www.rfc-editor.org/rfc/rfc9112#section-3.2)).
fn requested_host(request: &Request) -> Result<String, Problem> {
    let refuse = |detail: &str| Problem::new(StatusCode::BAD_REQUEST, "bad host", detail);
    let header = host_header(request.headers()).map_err(refuse)?;
    // A target in absolute form goes before the header; both are ours or neither.
    let authority = request.uri().authority().map(|authority| normalised(authority.host())).or(header);
    authority.ok_or_else(|| refuse("the request has no Host"))
}

fn host_header(headers: &HeaderMap) -> Result<Option<String>, &'static str> {
    let mut values = headers.get_all(header::HOST).iter();
    match (values.next(), values.next()) {
        (None, _) => Ok(None),
        (Some(_), Some(_)) => Err("the request has more than one Host"),
        (Some(value), None) => {
            let authority: Authority =
                value.to_str().ok().and_then(|text| text.parse().ok()).ok_or("the request's Host is no host")?;
            if authority.as_str().contains('@') {
                return Err("the request's Host has a user");
            }
            Ok(Some(normalised(authority.host())))
        }
    }
}

fn normalised(host: &str) -> String {
    host.trim_start_matches('[').trim_end_matches(']').trim_end_matches('.').to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use axum::routing::get;

    use super::*;
    use crate::web::wire::Listening;

    fn list(listen: &str, names: &[&str]) -> HostAllowList {
        HostAllowList::new(listen.parse().expect("an address"), names.iter().copied())
    }

    async fn status(list: HostAllowList, request: &str) -> String {
        let router = list.guard(Router::new().route("/", get(|| async { "ours" })));
        let answer = Listening::start(router).await.ask(request).await;
        answer.split(' ').nth(1).expect("a status").to_owned()
    }

    #[tokio::test]
    async fn only_our_names_are_answered() {
        let cases = [
            ("Host: 127.0.0.1:8080\r\n", "200"),
            ("Host: localhost\r\n", "200"),
            ("Host: LOCALHOST.:1\r\n", "200"),
            ("Host: [::1]:8080\r\n", "200"),
            ("Host: console.example\r\n", "200"),
            ("Host: evil.example\r\n", "421"),
            ("Host: 127.0.0.1.evil.example\r\n", "421"),
            ("Host: 0.0.0.0\r\n", "421"),
            ("Host: user@localhost\r\n", "400"),
            ("Host: a b\r\n", "400"),
            ("Host: localhost\r\nHost: evil.example\r\n", "400"),
            ("", "400"),
        ];
        for (header, expected) in cases {
            let request = format!("GET / HTTP/1.1\r\n{header}Connection: close\r\n\r\n");
            assert_eq!(status(list("127.0.0.1:8080", &["Console.Example"]), &request).await, expected, "{header:?}");
        }
    }

    #[tokio::test]
    async fn a_foreign_target_is_refused_whatever_the_header_says() {
        let request = "GET http://evil.example/ HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
        assert_eq!(status(list("127.0.0.1:8080", &[]), request).await, "421");
    }

    #[tokio::test]
    async fn what_is_not_there_is_guarded_too() {
        let request = "GET /other HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n";
        assert_eq!(status(list("127.0.0.1:8080", &[]), request).await, "421");
    }

    #[test]
    fn an_open_listener_answers_to_the_names_it_was_given() {
        let open = list("0.0.0.0:8080", &["console.example"]);
        assert!(open.allows("console.example") && open.allows("localhost") && open.allows("127.0.0.1"));
        assert!(!open.allows("0.0.0.0") && !open.allows("evil.example"));
        assert!(list("10.0.0.7:8080", &[]).allows("10.0.0.7"));
        let metrics = |listen: &str| HostAllowList::for_metrics(listen.parse().expect("an address"));
        assert!(!metrics("127.0.0.1:9464").allows("evil.example") && metrics("0.0.0.0:9464").allows("worker"));
    }
}

//! The listeners of API and portal, from before the process has met its database.
//!
//! An address that is in use is reported at once, not once the database is there. Requests are answered meanwhile: the
//! probes', or 503.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::map_response;
use axum::response::{IntoResponse, Response};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::Roles;
use super::observability::bind;
use crate::config::Config;
use crate::web::{HostAllowList, Limits, Probes, Problem, add_security_headers, probes_router, serve_within};

/// How soon a client may try again, in seconds.
const RETRY_AFTER: HeaderValue = HeaderValue::from_static("5");
/// How long requests that are under way may take when the real pages take over.
const REQUEST_GRACE: Duration = Duration::from_secs(1);

/// What one process listens on, beside probes and metrics.
#[derive(Debug)]
pub struct Listeners {
    pub(super) console: Option<EarlyListener>,
    pub(super) portal: Option<EarlyListener>,
}

impl Listeners {
    /// Listens where the roles of this process need it, and answers that it is starting.
    ///
    /// # Errors
    /// If nothing can listen there.
    pub async fn open(config: &Config, roles: Roles, probes: &Probes) -> anyhow::Result<Self> {
        let limits = Limits::behind(&config.http.trusted_proxies);
        let mut listeners = Self { console: None, portal: None };
        if roles.console {
            let console = &config.console;
            let names = console.hosts.iter().map(String::as_str).chain([console.url.host()]);
            let router = starting(probes_router(probes.clone()).fallback(starting_problem), console.listen, names);
            listeners.console =
                Some(EarlyListener::open("API", "CONSOLE_LISTEN", console.listen, limits.clone(), router).await?);
        }
        if roles.portal {
            let portal = &config.portal;
            // Its visitors have a browser: they get a page.
            let router = starting(crate::portal::starting_router(), portal.listen, [portal.url.host()]);
            listeners.portal =
                Some(EarlyListener::open("portal", "PORTAL_LISTEN", portal.listen, limits, router).await?);
        }
        Ok(listeners)
    }
}

/// One listener whose pages are still to come.
#[derive(Debug)]
pub(super) struct EarlyListener {
    /// The same socket as that which is served meanwhile: it never stops listening.
    listener: TcpListener,
    starting: CancellationToken,
}

impl EarlyListener {
    async fn open(
        what: &str,
        variable: &str,
        address: SocketAddr,
        limits: Limits,
        router: Router,
    ) -> anyhow::Result<Self> {
        let listener = bind(what, variable, address).await?;
        let (listener, meanwhile) = twice(listener)?;
        let starting = CancellationToken::new();
        tokio::spawn(serve_within(limits, meanwhile, router, starting.clone(), REQUEST_GRACE));
        Ok(Self { listener, starting })
    }

    /// The listener for the real pages.
    pub(super) fn ready(self) -> TcpListener {
        self.starting.cancel();
        self.listener
    }
}

fn twice(listener: TcpListener) -> io::Result<(TcpListener, TcpListener)> {
    let one = listener.into_std()?;
    let other = one.try_clone()?;
    Ok((TcpListener::from_std(one)?, TcpListener::from_std(other)?))
}

/// What is served until the database is met.
async fn starting_problem() -> Response {
    let problem = Problem::new(
        StatusCode::SERVICE_UNAVAILABLE,
        "the service is starting",
        "the database is not reached yet; try again",
    );
    ([(header::RETRY_AFTER, RETRY_AFTER)], problem).into_response()
}

fn starting<'a>(router: Router, listen: SocketAddr, names: impl IntoIterator<Item = &'a str>) -> Router {
    HostAllowList::new(listen, names).guard(router).layer(map_response(add_security_headers))
}

//! The page that shows the caught mails.
//!
//! Mails are hostile input: every value is escaped by the templates, the HTML of a mail is shown only in a frame that
//! may do nothing, and files are only ever downloaded. The page answers to names of this machine only, so a site
//! elsewhere cannot read it through a name that points here (DNS rebinding).

mod download;
mod guard;
mod view;

use std::net::SocketAddr;
use std::sync::{Arc, LazyLock};

use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router, middleware};
use base64::Engine;
use minijinja::value::Serde;
use minijinja::{Environment, UndefinedBehavior, context};
use serde::Deserialize;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::mailbox::{CaughtMail, Mailbox};
use super::parsed_email::ParsedEmail;
use super::text_messages::{PostedText, TextMessages};
use view::{ListView, MailView, PageView, TextView};

const CSS: &str = concat!(include_str!("../../../assets/tokens.css"), include_str!("page/page.css"));
const JS: &str = include_str!("page/page.js");

/// Mails in the list; the older ones are in the folder.
const MAILS_SHOWN_MAX: usize = 500;

/// What the page itself may do: its own style and script, its own addresses, and nothing else.
static POLICY: LazyLock<String> = LazyLock::new(|| {
    let hash = |text: &str| {
        let digest = ring::digest::digest(&ring::digest::SHA256, text.as_bytes());
        base64::engine::general_purpose::STANDARD.encode(digest)
    };
    format!(
        "default-src 'none'; style-src 'sha256-{}'; script-src 'sha256-{}'; connect-src 'self'; frame-src 'self'; \
         img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
        hash(CSS),
        hash(JS)
    )
});

/// What a mail's HTML may do: look like something. `sandbox` holds also when it is opened outside its frame.
const MAIL_POLICY: &str =
    "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; frame-ancestors 'self'";

static TEMPLATES: LazyLock<Environment<'static>> = LazyLock::new(|| {
    let mut templates = Environment::new();
    templates.set_undefined_behavior(UndefinedBehavior::Strict);
    for (name, text) in [
        ("base.html", include_str!("page/base.html")),
        ("badge.html", include_str!("page/badge.html")),
        ("list.html", include_str!("page/list.html")),
        ("mail.html", include_str!("page/mail.html")),
        ("texts.html", include_str!("page/texts.html")),
        ("problem.html", include_str!("page/problem.html")),
    ] {
        templates.add_template(name, text).expect("the built-in templates parse, as the tests show");
    }
    templates
});

#[derive(Clone)]
struct CatcherPage {
    mailbox: Mailbox,
    smtp_address: SocketAddr,
    texts: TextMessages,
}

/// Answers until `stop`.
pub(super) async fn serve(
    listener: TcpListener,
    smtp_address: SocketAddr,
    mailbox: Mailbox,
    texts: TextMessages,
    stop: CancellationToken,
) {
    let app = router(CatcherPage { mailbox, smtp_address, texts });
    // `serve` ends by the signal only; an accept error is retried inside.
    let _ = axum::serve(listener, app).with_graceful_shutdown(stop.cancelled_owned()).await;
}

fn router(page: CatcherPage) -> Router {
    Router::new()
        .route("/", get(list))
        .route("/mails.json", get(list_json))
        .route("/texts", get(texts).post(take_text))
        .route("/texts.json", get(texts_json))
        .route("/mail/{id}", get(mail))
        .route("/mail/{id}/html", get(html))
        .route("/mail/{id}/source", get(source))
        .route("/mail/{id}/attachment/{number}", get(attachment))
        .fallback(|| async { PageProblem::NoSuchPage })
        .layer(middleware::map_response(guard::add_headers))
        .layer(middleware::from_fn(guard::only_this_machine))
        .with_state(page)
}

/// What goes wrong when a mail is looked at.
enum PageProblem {
    NoSuchPage,
    NoSuchMail,
    NoSuchPart,
    Unreadable(std::io::Error),
}

impl IntoResponse for PageProblem {
    fn into_response(self) -> Response {
        let (status, problem, advice) = match self {
            Self::NoSuchPage => (StatusCode::NOT_FOUND, "There is no such page", String::new()),
            Self::NoSuchMail => {
                (StatusCode::NOT_FOUND, "There is no such email", "It may belong to an earlier run.".to_owned())
            }
            Self::NoSuchPart => (StatusCode::NOT_FOUND, "The email has no such part", String::new()),
            Self::Unreadable(error) => (
                StatusCode::GONE,
                "The email cannot be read",
                format!("Its file in the folder does not open: {error}."),
            ),
        };
        (status, render("problem.html", context! { problem, advice })).into_response()
    }
}

fn render(template: &str, values: minijinja::Value) -> Response {
    let template = TEMPLATES.get_template(template).expect("only built-in templates are named");
    match template.render(context! { css => CSS, js => JS, ..values }) {
        Ok(text) => ([(header::CONTENT_SECURITY_POLICY, POLICY.as_str())], Html(text)).into_response(),
        Err(error) => {
            tracing::error!(%error, "The catcher's page cannot be rendered");
            (StatusCode::INTERNAL_SERVER_ERROR, "The page cannot be rendered.").into_response()
        }
    }
}

async fn list(State(page): State<CatcherPage>) -> Response {
    let mails = page.mailbox.mails();
    let view = ListView::new(&mails, MAILS_SHOWN_MAX);
    let folder = page.mailbox.folder().display().to_string();
    let smtp = page.smtp_address.to_string();
    render("list.html", context! { folder, smtp, ..minijinja::Value::from(Serde(view)) })
}

/// The same list for machines and for the page's own refreshing.
async fn list_json(State(page): State<CatcherPage>, headers: HeaderMap) -> Response {
    let mails = page.mailbox.mails();
    // Mails are only ever added: their number and the newest name say whether anything changed.
    let tag = format!("\"{}-{}\"", mails.len(), mails.first().map_or("none", |mail| mail.id.as_str()));
    let tag: String = tag.chars().filter(char::is_ascii_graphic).collect();
    if headers.get(header::IF_NONE_MATCH).is_some_and(|known| known.as_bytes() == tag.as_bytes()) {
        return (StatusCode::NOT_MODIFIED, [(header::ETAG, tag)]).into_response();
    }
    let mails: Vec<&CaughtMail> = mails.iter().map(AsRef::as_ref).collect();
    ([(header::ETAG, tag)], Json(mails)).into_response()
}

async fn texts(State(page): State<CatcherPage>) -> Response {
    let messages: Vec<TextView> = page.texts.newest_first().into_iter().map(TextView::new).collect();
    render("texts.html", context! { messages => Serde(messages) })
}

async fn texts_json(State(page): State<CatcherPage>, headers: HeaderMap) -> Response {
    let messages = page.texts.newest_first();
    let tag = format!("\"t{}\"", messages.first().map_or(0, |message| message.number));
    if headers.get(header::IF_NONE_MATCH).is_some_and(|known| known.as_bytes() == tag.as_bytes()) {
        return (StatusCode::NOT_MODIFIED, [(header::ETAG, tag)]).into_response();
    }
    ([(header::ETAG, tag)], Json(messages)).into_response()
}

/// Takes a text message, as a provider would: from this machine, and from no page of another site, which may not post JSON.
async fn take_text(State(page): State<CatcherPage>, Json(posted): Json<PostedText>) -> StatusCode {
    if page.texts.keep(posted) { StatusCode::ACCEPTED } else { StatusCode::BAD_REQUEST }
}

#[derive(Deserialize)]
struct MailQuery {
    view: Option<PageView>,
}

async fn mail(
    State(page): State<CatcherPage>,
    Path(id): Path<String>,
    Query(query): Query<MailQuery>,
) -> Result<Response, PageProblem> {
    let mails = page.mailbox.mails();
    let at = mails.iter().position(|mail| mail.id == id).ok_or(PageProblem::NoSuchMail)?;
    let message = page.mailbox.message(&mails[at]).await.map_err(PageProblem::Unreadable)?;
    let letter = ParsedEmail::read(&message);
    let newer = at.checked_sub(1).map(|at| mails[at].id.as_str());
    let older = mails.get(at + 1).map(|mail| mail.id.as_str());
    let view = MailView::new(&mails[at], &letter, &message, query.view);
    Ok(render("mail.html", context! { newer, older, ..minijinja::Value::from(Serde(view)) }))
}

async fn read(page: &CatcherPage, id: &str) -> Result<(Arc<CaughtMail>, Vec<u8>), PageProblem> {
    let mail = page.mailbox.find(id).ok_or(PageProblem::NoSuchMail)?;
    let message = page.mailbox.message(&mail).await.map_err(PageProblem::Unreadable)?;
    Ok((mail, message))
}

async fn html(State(page): State<CatcherPage>, Path(id): Path<String>) -> Result<Response, PageProblem> {
    let (_, message) = read(&page, &id).await?;
    let html = ParsedEmail::read(&message).html.ok_or(PageProblem::NoSuchPart)?;
    Ok(([(header::CONTENT_SECURITY_POLICY, MAIL_POLICY)], Html(html)).into_response())
}

#[derive(Deserialize)]
struct SourceQuery {
    #[serde(default)]
    download: Option<String>,
}

async fn source(
    State(page): State<CatcherPage>,
    Path(id): Path<String>,
    Query(query): Query<SourceQuery>,
) -> Result<Response, PageProblem> {
    let (mail, message) = read(&page, &id).await?;
    if query.download.is_some() {
        return Ok(download::file(&format!("{}.eml", mail.id), "message/rfc822", message));
    }
    let headers = [(header::CONTENT_TYPE, "text/plain; charset=utf-8"), (header::CONTENT_SECURITY_POLICY, MAIL_POLICY)];
    Ok((headers, message).into_response())
}

async fn attachment(
    State(page): State<CatcherPage>,
    Path((id, number)): Path<(String, usize)>,
) -> Result<Response, PageProblem> {
    let (_, message) = read(&page, &id).await?;
    let files = ParsedEmail::read(&message).files;
    let file = number.checked_sub(1).and_then(|at| files.into_iter().nth(at)).ok_or(PageProblem::NoSuchPart)?;
    Ok(download::file(&file.description.name, &file.description.media_type, file.bytes))
}

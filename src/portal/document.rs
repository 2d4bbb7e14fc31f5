//! `/invoices/{root}/documents/{number}`: one document; `/invoices/{root}/documents.zip`: all of them.

use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{FromRequestParts as _, Path, Query, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use uuid::Uuid;

use super::bytes::{BytesError, ProvenBytes};
use super::guard::{DocumentGrant, GuardedVisit, invoice_path};
use super::invoice::RootPath;
use super::language::LanguageWish;
use super::range::{self, AskedRange};
use super::session::{Visitor, later, not_found};
use super::{Portal, content, guard, pages};
use crate::compose::file_names::{WantedName, document_names, file_names};
use crate::event::{Document, DocumentRole, InvoiceData, MediaType};
use crate::model::ids::DeliveryId;
use crate::store::StoreError;

/// What a link to a document says besides.
#[derive(Debug, Default, Deserialize)]
pub(super) struct DocumentQuery {
    /// `1`: it is to be saved, also where a browser could show it.
    #[serde(default)]
    download: Option<String>,
}

type DocumentPath = Result<Path<(Uuid, usize)>, PathRejection>;

/// One document, or the part of it that is asked for.
pub(super) async fn show(
    State(portal): State<Portal>,
    path: DocumentPath,
    Query(query): Query<DocumentQuery>,
    request: Parts,
) -> Response {
    let Ok(Path((root, number))) = path else { return not_found(&request.uri, &request.headers) };
    let (method, headers) = (request.method.clone(), request.headers.clone());
    let (visitor, grant, names) = match admit(&portal, request, DeliveryId(root)).await {
        Ok(admitted) => admitted,
        Err(page) => return page,
    };
    let (bytes, document) = match portal.bytes.prove(&grant, number).await {
        Ok(Some(bytes)) => (bytes, grant.document(number).expect("it is proven")),
        Ok(None) => return visitor.not_found(),
        Err(error) => return refuse(&grant, &visitor, &error),
    };
    let name = &names[number - 1];
    if method == Method::GET {
        record_downloads(&portal, &visitor, grant.root(), std::slice::from_ref(name)).await;
    }
    answer(bytes, document, name, query.download.as_deref() == Some("1"), &headers)
}

/// All documents as a zip archive.
pub(super) async fn show_all(State(portal): State<Portal>, root: RootPath, request: Parts) -> Response {
    let Ok(Path(root)) = root else { return not_found(&request.uri, &request.headers) };
    let method = request.method.clone();
    let (visitor, grant, names) = match admit(&portal, request, DeliveryId(root)).await {
        Ok(admitted) => admitted,
        Err(page) => return page,
    };
    let archive = match portal.bytes.prove_all(&grant, &names).await {
        Ok(archive) => archive,
        Err(error) => return refuse(&grant, &visitor, &error),
    };
    if method == Method::GET {
        record_downloads(&portal, &visitor, grant.root(), &names).await;
    }
    let name = archive_name(grant.data());
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("application/zip")),
        (header::CONTENT_LENGTH, HeaderValue::from(archive.size())),
        (header::CONTENT_DISPOSITION, content::disposition("attachment", &name)),
        (
            header::CONTENT_SECURITY_POLICY,
            HeaderValue::from_static("default-src 'none'; sandbox; frame-ancestors 'none'"),
        ),
    ];
    (headers, archive.into_body()).into_response()
}

/// The right to read the invoice's documents, and their file names; or the page that is shown instead. Only this asks the
/// database, and takes a turn: the bytes come from elsewhere, and may take long.
async fn admit(
    portal: &Portal,
    mut request: Parts,
    root: DeliveryId,
) -> Result<(Visitor, DocumentGrant, Vec<String>), Response> {
    let language = LanguageWish::of(&request.uri, &request.headers);
    let asking = async {
        let visitor = Visitor::from_request_parts(&mut request, portal).await?;
        let guarded = guard::visit(portal, &visitor, root).await.map_err(|refusal| refusal.page(&visitor))?;
        Ok((visitor, guarded))
    };
    let Some(asked) = portal.turns.run(asking).await else { return Err(later(language)) };
    let (visitor, guarded) = asked?;
    if !guarded.shown().documents() {
        return Err(instead(&guarded, &visitor));
    }
    let grant = guarded.into_grant().expect("documents are shown");
    let data = grant.data();
    let names = document_names(&data.invoice.number, &data.documents);
    Ok((visitor, grant, names))
}

/// Where documents are not shown: whom to ask, or the page of the invoice, which says what is to be done.
fn instead(guarded: &GuardedVisit, visitor: &Visitor) -> Response {
    let (layout, path) = (guarded.layout(visitor, None), invoice_path(guarded.visit.root));
    if guarded.shown().asks_verification() {
        let location = HeaderValue::try_from(layout.language.link(&path)).expect("a path of ASCII");
        return (StatusCode::SEE_OTHER, [(header::LOCATION, location)]).into_response();
    }
    pages::documents_closed(&layout, &path)
}

/// The file name of the archive: the invoice's number.
fn archive_name(data: &InvoiceData) -> String {
    let unnamed = WantedName { name: None, role: DocumentRole::Attachment, media_type: MediaType::Zip };
    file_names(&data.invoice.number, &[unnamed]).remove(0)
}

fn answer(bytes: ProvenBytes, document: &Document, name: &str, is_download: bool, asked: &HeaderMap) -> Response {
    let size = document.size;
    let etag = format!("\"{}\"", document.sha256);
    let mut headers = content::headers(document.media_type, name, bytes.head(), is_download);
    headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    headers.insert(header::ETAG, HeaderValue::try_from(&etag).expect("hexadecimal digits"));
    let content_range = |text: String| HeaderValue::try_from(text).expect("ASCII");
    let (status, range) = match range::asked(asked, size, &etag) {
        AskedRange::Whole => (StatusCode::OK, 0..size),
        AskedRange::Part(range) => {
            let text = format!("bytes {}-{}/{size}", range.start, range.end - 1);
            headers.insert(header::CONTENT_RANGE, content_range(text));
            (StatusCode::PARTIAL_CONTENT, range)
        }
        AskedRange::Unsatisfiable => {
            headers.insert(header::CONTENT_RANGE, content_range(format!("bytes */{size}")));
            return (StatusCode::RANGE_NOT_SATISFIABLE, headers, Body::empty()).into_response();
        }
    };
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(range.end - range.start));
    (status, headers, bytes.into_body(range)).into_response()
}

/// A failure of this takes no document from anybody.
async fn record_downloads(portal: &Portal, visitor: &Visitor, root: DeliveryId, names: &[String]) {
    let recording = async {
        for name in names {
            portal.store.record_portal_download(root, name, Some(visitor.network())).await?;
        }
        Ok::<_, StoreError>(())
    };
    match portal.turns.run(recording).await {
        Some(Ok(())) => {}
        Some(Err(error)) => tracing::warn!("failed to record a download of delivery {root}: {error}"),
        None => tracing::warn!("failed to record a download of delivery {root} in time"),
    }
}

fn refuse(grant: &DocumentGrant, visitor: &Visitor, error: &BytesError) -> Response {
    match error {
        BytesError::Document(error) => {
            tracing::error!(
                delivery.id = %grant.root(), invoice.number = grant.data().invoice.number,
                "failed to show a document of invoice {}: {error}", grant.data().invoice.number
            );
            grant.unavailable(visitor)
        }
        BytesError::StillProving => visitor.later(),
        BytesError::TooLarge => grant.unavailable(visitor),
    }
}

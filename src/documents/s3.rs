//! S3, or what speaks its protocol, as document store.
//!
//! One GET a document: its head gives the size before the body is read, and of the body no more than that is read. A
//! missing object is 404 only if we may list the bucket (`s3:ListBucket`); otherwise S3 answers 403, and we must take
//! that for "refused".

use std::fmt;
use std::ops::Range;
use std::time::Duration;

use futures_util::stream::{self, FuturesUnordered};
use futures_util::{StreamExt, TryStreamExt};
use object_store::aws::{AmazonS3, AmazonS3Builder};
use object_store::path::Path;
use object_store::{ClientOptions, GetOptions, GetRange, GetResult, ObjectStore, ObjectStoreExt, RetryConfig};
use secrecy::{ExposeSecret, SecretString};
use url::{Host, Url};

use super::client::{CountedByReader, StoreConnector};
use super::parts::ObjectPart;
use super::progress::LoadProgress;
use super::validator::Validator;
use super::{DocumentError, InvalidStore, Options, loaded, prove_digest, prove_size};
use crate::event::bounds::object_key;
use crate::event::{Document, LoadedDocument};

/// How many documents of one mail are fetched at the same time.
const CONCURRENT_MAX: usize = 8;
const CONNECT_DEADLINE: Duration = Duration::from_secs(5);
/// How often a request is repeated that the server could not answer.
const REPETITIONS: usize = 2;

/// How S3 is reached. Without keys the machine's role is asked for some (instance metadata).
#[derive(Debug, Clone, Default)]
pub struct S3Access {
    /// `AWS_ACCESS_KEY_ID`.
    pub access_key_id: Option<String>,
    /// `AWS_SECRET_ACCESS_KEY`.
    pub secret_access_key: Option<SecretString>,
    /// `AWS_SESSION_TOKEN`, of temporary keys.
    pub session_token: Option<SecretString>,
    /// `AWS_REGION`; `us-east-1` if absent.
    pub region: Option<String>,
    /// `AWS_ENDPOINT_URL`: another server than Amazon's. `http:` on this machine only.
    pub endpoint: Option<String>,
}

impl S3Access {
    /// Takes what `variable` has of the environment variables; blank ones count as absent.
    #[must_use]
    pub fn from_environment(variable: impl Fn(&str) -> Option<String>) -> Self {
        let variable = |name| variable(name).filter(|value| !value.trim().is_empty());
        Self {
            access_key_id: variable("AWS_ACCESS_KEY_ID"),
            secret_access_key: variable("AWS_SECRET_ACCESS_KEY").map(Into::into),
            session_token: variable("AWS_SESSION_TOKEN").map(Into::into),
            region: variable("AWS_REGION"),
            endpoint: variable("AWS_ENDPOINT_URL"),
        }
    }
}

/// Makes ring the process's one provider of TLS cryptography. May be called any number of times.
pub fn install_crypto_provider() {
    // An error says that there is one already.
    let _ = rustls::crypto::ring::default_provider().install_default();
}

#[derive(Debug)]
pub(super) struct Bucket {
    store: AmazonS3,
    /// The same without repetitions: who asks whether a document is there has no time for them.
    asked_once: AmazonS3,
    name: String,
    /// What stands before every key: empty, or ending in `/`.
    prefix: String,
}

impl Bucket {
    pub(super) fn open(url: &str, options: &Options) -> Result<Self, InvalidStore> {
        let (name, prefix) = split(url)?;
        install_crypto_provider();
        let build = |repetitions| {
            let built = builder(name, options, repetitions)?.build();
            built.map_err(|error| InvalidStore::new(format!("cannot be used: {error}")))
        };
        let (store, asked_once) = (build(REPETITIONS)?, build(0)?);
        let prefix = if prefix.is_empty() { String::new() } else { format!("{prefix}/") };
        Ok(Self { store, asked_once, name: name.to_owned(), prefix })
    }

    pub(super) async fn load_all(
        &self,
        documents: &[Document],
        progress: &LoadProgress,
    ) -> Result<Vec<LoadedDocument>, DocumentError> {
        let loads: Vec<_> = documents.iter().map(|document| self.load(document, progress)).collect();
        stream::iter(loads).buffered(CONCURRENT_MAX).try_collect().await
    }

    /// Finds each document in its size, all at once; what the store does not answer counts as found.
    pub(super) async fn find_all(&self, documents: &[Document]) -> Result<(), DocumentError> {
        let mut answers: FuturesUnordered<_> = documents.iter().map(|document| self.find(document)).collect();
        while let Some(answer) = answers.next().await {
            if let Err(DocumentError::Missing { .. } | DocumentError::Mismatch { .. }) = answer {
                return answer;
            }
        }
        Ok(())
    }

    async fn find(&self, document: &Document) -> Result<(), DocumentError> {
        let path = self.path(document)?;
        let found = match self.asked_once.head(&path).await {
            Ok(found) => found,
            // The answer to HEAD has no body, and only a body tells a missing object from a missing bucket.
            Err(object_store::Error::NotFound { .. }) => get(&self.asked_once, &path, document).await?.meta,
            Err(error) => return Err(classify(document, &error)),
        };
        prove_size(document, found.size)
    }

    /// What tells the object from others now, if it has the document's size.
    pub(super) async fn validator(&self, document: &Document) -> Result<Option<Validator>, DocumentError> {
        let path = self.path(document)?;
        let found = self.store.head(&path).await.map_err(|error| classify(document, &error))?;
        prove_size(document, found.size)?;
        Ok(found.e_tag.map(Validator::ETag))
    }

    /// A part of the document.
    pub(super) async fn part(&self, document: &Document, range: Range<u64>) -> Result<ObjectPart, DocumentError> {
        let path = self.path(document)?;
        let (wanted, ranged) = (range.end - range.start, GetRange::Bounded(range));
        let answer = get_with(&self.store, &path, document, GetOptions::new().with_range(Some(ranged))).await?;
        prove_size(document, answer.meta.size)?;
        let validator = answer.meta.e_tag.clone().map(Validator::ETag);
        let bytes = read_declared(answer, wanted, document, &LoadProgress::default()).await?.into();
        Ok(ObjectPart { bytes, validator })
    }

    async fn load(&self, document: &Document, progress: &LoadProgress) -> Result<LoadedDocument, DocumentError> {
        let path = self.path(document)?;
        let answer = get(&self.store, &path, document).await?;
        progress.add(1);
        prove_size(document, answer.meta.size)?;
        let bytes = read_declared(answer, document.size, document, progress).await?;
        let described = document.clone();
        // Megabytes take milliseconds: not on a thread that others wait for.
        tokio::task::spawn_blocking(move || prove_digest(&described, &bytes).map(|()| loaded(&described, bytes)))
            .await
            .unwrap_or_else(|_| Err(DocumentError::unavailable(document, "the reading was given up")))
    }

    /// Parsed, not converted: a conversion would escape characters, and ask for another key.
    fn path(&self, document: &Document) -> Result<Path, DocumentError> {
        Path::parse(format!("{}{}", self.prefix, document.object)).map_err(|_| DocumentError::missing(document))
    }

    /// Lists one key: that needs the server, the keys, the bucket and the right to tell missing from refused.
    pub(super) async fn check(&self) -> Result<(), String> {
        let prefix = (!self.prefix.is_empty()).then(|| Path::from(self.prefix.as_str()));
        match self.store.list(prefix.as_ref()).next().await {
            None | Some(Ok(_)) => Ok(()),
            Some(Err(error)) => Err(format!("the bucket {} cannot be listed: {error}", self.name)),
        }
    }
}

impl fmt::Display for Bucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let prefix = self.prefix.trim_end_matches('/');
        write!(f, "s3://{}{}{prefix}", self.name, if prefix.is_empty() { "" } else { "/" })
    }
}

async fn get(store: &AmazonS3, path: &Path, document: &Document) -> Result<GetResult, DocumentError> {
    get_with(store, path, document, GetOptions::new()).await
}

async fn get_with(
    store: &AmazonS3,
    path: &Path,
    document: &Document,
    mut options: GetOptions,
) -> Result<GetResult, DocumentError> {
    options.extensions.insert(CountedByReader);
    store.get_opts(path, options).await.map_err(|error| classify(document, &error))
}

/// Reads a body that has been said to have `size` bytes; one that has another is the server's fault.
///
/// (HTTP says that a chunked body may have any length, whatever `Content-Length` beside it says: RFC 9112 §6.3.)
async fn read_declared(
    answer: GetResult,
    size: u64,
    document: &Document,
    progress: &LoadProgress,
) -> Result<Vec<u8>, DocumentError> {
    let unavailable = |cause: &str| DocumentError::unavailable(document, cause);
    let size = usize::try_from(size).map_err(|_| unavailable("it does not fit into memory"))?;
    let mut bytes = Vec::new();
    bytes.try_reserve_exact(size).map_err(|_| unavailable("it does not fit into memory"))?;
    let mut chunks = answer.into_stream();
    while let Some(chunk) = chunks.try_next().await.map_err(|error| classify(document, &error))? {
        progress.add(chunk.len());
        if chunk.len() > size - bytes.len() {
            return Err(unavailable(&format!("the server sends more than the {size} bytes that it announced")));
        }
        bytes.extend_from_slice(&chunk);
    }
    if bytes.len() < size {
        return Err(unavailable(&format!("the server sent {} of the {size} bytes that it announced", bytes.len())));
    }
    Ok(bytes)
}

/// Bucket and prefix of `s3://BUCKET/PREFIX`.
fn split(url: &str) -> Result<(&str, &str), InvalidStore> {
    let rest = url.strip_prefix("s3://").ok_or_else(|| InvalidStore::new("must be s3://BUCKET/PREFIX"))?;
    let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
    if bucket.is_empty() {
        return Err(InvalidStore::new("names no bucket"));
    }
    if bucket.contains('@') {
        return Err(InvalidStore::new("holds credentials; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY instead"));
    }
    let bucket_shape = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    if !bucket.chars().all(bucket_shape) {
        return Err(InvalidStore::new("names a bucket with characters that no bucket has"));
    }
    let prefix = prefix.trim_end_matches('/');
    if !prefix.is_empty() {
        object_key("prefix", prefix)
            .map_err(|fault| InvalidStore::new(format!("has a prefix that {}", fault.problem)))?;
    }
    Ok((bucket, prefix))
}

fn builder(bucket: &str, options: &Options, repetitions: usize) -> Result<AmazonS3Builder, InvalidStore> {
    let access = &options.s3;
    let endpoint = access.endpoint.as_deref();
    let plain = endpoint.map_or(Ok(false), is_plain_loopback)?;
    let retry = RetryConfig { max_retries: repetitions, retry_timeout: options.deadline, ..RetryConfig::default() };
    let connector =
        StoreConnector { deadline: options.deadline, connect_deadline: CONNECT_DEADLINE.min(options.deadline) };
    let mut builder = AmazonS3Builder::new()
        .with_bucket_name(bucket)
        .with_region(access.region.as_deref().unwrap_or("us-east-1"))
        .with_retry(retry)
        .with_http_connector(connector)
        .with_client_options(ClientOptions::new().with_allow_http(plain));
    if let Some(endpoint) = endpoint {
        builder = builder.with_endpoint(endpoint);
    }
    match (&access.access_key_id, &access.secret_access_key) {
        (Some(id), Some(secret)) => {
            builder = builder.with_access_key_id(id).with_secret_access_key(secret.expose_secret());
        }
        (None, None) => {}
        _ => return Err(InvalidStore::new("needs both AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or neither")),
    }
    if let Some(token) = &access.session_token {
        builder = builder.with_token(token.expose_secret());
    }
    Ok(builder)
}

/// Whether `endpoint` is plain HTTP on this machine. Elsewhere documents travel by TLS only.
fn is_plain_loopback(endpoint: &str) -> Result<bool, InvalidStore> {
    let invalid = |problem: &str| InvalidStore::new(format!("cannot be reached: AWS_ENDPOINT_URL {problem}"));
    let url = Url::parse(endpoint).map_err(|_| invalid("is not a URL"))?;
    let loopback = match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => return Err(invalid("names no host")),
    };
    match url.scheme() {
        "https" => Ok(false),
        "http" if loopback => Ok(true),
        "http" => Err(invalid("is plain http: and not on this machine; use https:")),
        _ => Err(invalid("is neither https: nor http:")),
    }
}

fn classify(document: &Document, error: &object_store::Error) -> DocumentError {
    match error {
        // A missing bucket is 404 too, but no upload of a document cures it.
        object_store::Error::NotFound { source, .. } if !source.to_string().contains("NoSuchBucket") => {
            DocumentError::missing(document)
        }
        _ => DocumentError::unavailable(document, error),
    }
}

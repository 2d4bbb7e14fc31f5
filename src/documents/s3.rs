//! S3, or what speaks its protocol, as document store.
//!
//! One GET a document: its head tells the size before the body is read. A missing object is 404 only if we may list
//! the bucket (`s3:ListBucket`); otherwise S3 answers 403, and we must take that for "refused".

use std::fmt;
use std::time::Duration;

use futures_util::{StreamExt, TryStreamExt, stream};
use object_store::aws::{AmazonS3, AmazonS3Builder};
use object_store::path::Path;
use object_store::{ClientOptions, ObjectStore, ObjectStoreExt, RetryConfig};
use secrecy::{ExposeSecret, SecretString};
use url::{Host, Url};

use super::{DocumentError, InvalidStore, Options, loaded, prove_digest, prove_size};
use crate::compose::LoadedDocument;
use crate::event::Document;
use crate::event::bounds::object_key;

/// How many documents of one mail are fetched at the same time.
const CONCURRENT_MAX: usize = 8;
const CONNECT_DEADLINE: Duration = Duration::from_secs(5);

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
    name: String,
    /// What stands before every key: empty, or ending in `/`.
    prefix: String,
}

impl Bucket {
    pub(super) fn open(url: &str, options: &Options) -> Result<Self, InvalidStore> {
        let (name, prefix) = split(url)?;
        install_crypto_provider();
        let store =
            builder(name, options)?.build().map_err(|error| InvalidStore::new(format!("cannot be used: {error}")))?;
        let prefix = if prefix.is_empty() { String::new() } else { format!("{prefix}/") };
        Ok(Self { store, name: name.to_owned(), prefix })
    }

    pub(super) async fn load_all(&self, documents: &[Document]) -> Result<Vec<LoadedDocument>, DocumentError> {
        let loads: Vec<_> = documents.iter().map(|document| self.load(document)).collect();
        stream::iter(loads).buffered(CONCURRENT_MAX).try_collect().await
    }

    async fn load(&self, document: &Document) -> Result<LoadedDocument, DocumentError> {
        let failed = |error: object_store::Error| classify(document, &error);
        // Parsed, not converted: a conversion would escape characters, and ask for another key.
        let path =
            Path::parse(format!("{}{}", self.prefix, document.object)).map_err(|_| DocumentError::missing(document))?;
        let answer = self.store.get(&path).await.map_err(failed)?;
        prove_size(document, answer.meta.size)?;
        let bytes = answer.bytes().await.map_err(failed)?;
        prove_size(document, bytes.len() as u64)?;
        let described = document.clone();
        // Megabytes take milliseconds: not on a thread that others wait for.
        tokio::task::spawn_blocking(move || prove_digest(&described, &bytes).map(|()| loaded(&described, bytes)))
            .await
            .unwrap_or_else(|_| Err(DocumentError::unavailable(document, "the reading was given up")))
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

fn builder(bucket: &str, options: &Options) -> Result<AmazonS3Builder, InvalidStore> {
    let access = &options.s3;
    let endpoint = access.endpoint.as_deref();
    let plain = endpoint.map_or(Ok(false), is_plain_loopback)?;
    let retry = RetryConfig { max_retries: 2, retry_timeout: options.deadline, ..RetryConfig::default() };
    let client = ClientOptions::new()
        .with_timeout(options.deadline)
        .with_connect_timeout(CONNECT_DEADLINE.min(options.deadline))
        .with_allow_http(plain);
    let mut builder = AmazonS3Builder::new()
        .with_bucket_name(bucket)
        .with_region(access.region.as_deref().unwrap_or("us-east-1"))
        .with_retry(retry)
        .with_client_options(client);
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

//! A real S3 protocol server (moto), one for the whole test run.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::LazyLock;

use invoice_dispatcher::documents::{DocumentStore, Options, S3Access, install_crypto_provider};

/// The server. It ends when its standard input closes, thus with this process, however that ends.
pub(crate) struct S3 {
    /// Where it listens, for example `http://127.0.0.1:40123`.
    pub(crate) url: String,
    _server: Child,
    _folder: tempfile::TempDir,
}

static SERVER: LazyLock<S3> = LazyLock::new(S3::start);

impl S3 {
    /// The server of this test run; started by the first scenario that asks.
    pub(crate) fn shared() -> &'static Self {
        &SERVER
    }

    fn start() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/s3");
        let mut server = Command::new(script)
            .arg("run")
            .arg(folder.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("scripts/s3 starts");
        let mut url = String::new();
        let output = server.stdout.take().expect("its output is ours");
        BufReader::new(output).read_line(&mut url).expect("scripts/s3 tells its address");
        assert!(!url.is_empty(), "scripts/s3 did not start a server; it said why above");
        Self { url: url.trim().to_owned(), _server: server, _folder: folder }
    }

    /// Makes a bucket.
    pub(crate) async fn create_bucket(&self, bucket: &str) {
        self.put(bucket, Vec::new()).await;
    }

    /// Puts an object, without the library that is tested. `path` is the bucket and the key.
    pub(crate) async fn put(&self, path: &str, bytes: Vec<u8>) {
        install_crypto_provider();
        let mut url = url::Url::parse(&self.url).expect("its address is a URL");
        url.path_segments_mut().expect("http has a path").extend(path.split('/'));
        // The server does not look at the signature; it only replaces objects where there is one.
        let signed =
            "AWS4-HMAC-SHA256 Credential=test/20261129/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=0";
        let answer = reqwest::Client::new()
            .put(url)
            .header("authorization", signed)
            .body(bytes)
            .send()
            .await
            .expect("the server answers");
        assert!(answer.status().is_success(), "{path}: {}", answer.status());
    }

    /// Opens `url` (`s3://…`) on this server.
    pub(crate) fn open(&self, url: &str) -> DocumentStore {
        open_at(&self.url, url)
    }
}

/// Opens `url` (`s3://…`) on the server at `endpoint`.
pub(crate) fn open_at(endpoint: &str, url: &str) -> DocumentStore {
    let s3 = S3Access {
        access_key_id: Some("test".to_owned()),
        secret_access_key: Some("a-secret".into()),
        endpoint: Some(endpoint.to_owned()),
        ..S3Access::default()
    };
    let deadline = std::time::Duration::from_mins(1);
    DocumentStore::open(url, &Options { deadline, s3 }).expect("a store")
}

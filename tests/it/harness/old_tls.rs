//! A TLS server of yesterday: OpenSSL's own, held to a version that is not to be used any more.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

use rcgen::{CertificateParams, KeyPair};
use tempfile::TempDir;

/// `openssl s_server` on loopback. Ends with the test.
pub(crate) struct OldTls {
    child: Child,
    pub(crate) port: u16,
    folder: TempDir,
}

impl OldTls {
    /// One that knows TLS 1.0 alone.
    pub(crate) fn tls_1_0() -> Self {
        // Debian's configuration forbids what is that old, unless the level of security is lowered.
        Self::start(&["-tls1", "-cipher", "DEFAULT@SECLEVEL=0"])
    }

    /// One that knows TLS 1.2, but no cipher suite with forward secrecy.
    pub(crate) fn without_forward_secrecy() -> Self {
        Self::start(&["-tls1_2", "-cipher", "AES128-SHA@SECLEVEL=0"])
    }

    fn start(arguments: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let (certificate, key) = (folder.path().join("certificate.pem"), folder.path().join("key.pem"));
        let params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).expect("a name");
        let pair = KeyPair::generate().expect("a key");
        std::fs::write(&certificate, params.self_signed(&pair).expect("signed").pem()).expect("written");
        std::fs::write(&key, pair.serialize_pem()).expect("written");
        let mut child = Command::new("openssl")
            .args(["s_server", "-accept", "127.0.0.1:0", "-cert"])
            .arg(&certificate)
            .arg("-key")
            .arg(&key)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("openssl is installed");
        let lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
        let accept = lines.map_while(Result::ok).find_map(|line| line.strip_prefix("ACCEPT ").map(str::to_owned));
        let port = accept.as_deref().and_then(|address| address.rsplit(':').next()?.parse().ok());
        Self { child, port: port.expect("openssl says where it listens"), folder }
    }

    /// The file with its certificate.
    pub(crate) fn certificate_file(&self) -> String {
        self.folder.path().join("certificate.pem").display().to_string()
    }
}

impl Drop for OldTls {
    fn drop(&mut self) {
        let _ = (self.child.kill(), self.child.wait());
    }
}

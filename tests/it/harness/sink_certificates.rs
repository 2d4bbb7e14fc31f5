//! A certificate authority for one test, and server certificates good and bad.

#![allow(unreachable_pub, reason = "a test binary has no outside")]

use std::path::PathBuf;
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio_rustls::TlsAcceptor;

/// Which certificate the sink shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Certificate {
    /// For 127.0.0.1 and localhost, by the authority in the sink's CA file.
    Good,
    /// By that authority, for another name.
    OtherName,
    /// By that authority, for a time long past.
    Expired,
    /// By another authority of the same name.
    OtherAuthority,
    /// By itself alone, and no authority (CA:FALSE).
    SelfSigned,
    /// By itself, and an authority's (CA:TRUE), as `openssl req -x509` makes it.
    SelfSignedAuthority,
}

const ALL: [Certificate; 6] = [
    Certificate::Good,
    Certificate::OtherName,
    Certificate::Expired,
    Certificate::OtherAuthority,
    Certificate::SelfSigned,
    Certificate::SelfSignedAuthority,
];

/// The authority of one sink, and its file.
pub(super) struct Authority {
    folder: tempfile::TempDir,
    acceptors: [(Certificate, TlsAcceptor); ALL.len()],
}

impl Authority {
    pub(super) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (trusted, pem) = authority();
        std::fs::write(folder.path().join("ca.pem"), pem).unwrap();
        let (stranger, _) = authority();
        let acceptors = ALL.map(|certificate| {
            let issuer = match certificate {
                Certificate::OtherAuthority => Some(&stranger),
                Certificate::SelfSigned | Certificate::SelfSignedAuthority => None,
                _ => Some(&trusted),
            };
            let (shown, acceptor) = acceptor(certificate, issuer);
            std::fs::write(path(&folder, certificate), shown).unwrap();
            (certificate, acceptor)
        });
        Self { folder, acceptors }
    }

    pub(super) fn file(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    /// The file with the server's own certificate.
    pub(super) fn certificate_file(&self, certificate: Certificate) -> PathBuf {
        path(&self.folder, certificate)
    }

    /// Always the same for one certificate, so that its sessions can be resumed.
    pub(super) fn acceptor(&self, certificate: Certificate) -> TlsAcceptor {
        let found = self.acceptors.iter().find(|(kind, _)| *kind == certificate);
        found.expect("there is one of each kind").1.clone()
    }
}

fn path(folder: &tempfile::TempDir, certificate: Certificate) -> PathBuf {
    folder.path().join(format!("{certificate:?}.pem"))
}

/// The certificate as PEM, and the server that shows it.
fn acceptor(certificate: Certificate, issuer: Option<&Issuer<'static, KeyPair>>) -> (String, TlsAcceptor) {
    let names = match certificate {
        Certificate::OtherName => vec!["elsewhere.example".to_owned()],
        _ => vec!["127.0.0.1".to_owned(), "localhost".to_owned()],
    };
    let mut params = CertificateParams::new(names).unwrap();
    if certificate == Certificate::Expired {
        params.not_before = rcgen::date_time_ymd(2001, 1, 1);
        params.not_after = rcgen::date_time_ymd(2002, 1, 1);
    }
    if certificate == Certificate::SelfSigned {
        params.is_ca = IsCa::ExplicitNoCa;
    }
    if certificate == Certificate::SelfSignedAuthority {
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    }
    let key = KeyPair::generate().unwrap();
    let signed = match issuer {
        Some(issuer) => params.signed_by(&key, issuer).unwrap(),
        None => params.self_signed(&key).unwrap(),
    };
    let chain = vec![signed.der().clone()];
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .unwrap();
    (signed.pem(), TlsAcceptor::from(Arc::new(config)))
}

fn authority() -> (Issuer<'static, KeyPair>, String) {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.distinguished_name.push(DnType::CommonName, "Authority of a test");
    let key = KeyPair::generate().unwrap();
    let pem = params.self_signed(&key).unwrap().pem();
    (Issuer::new(params, key), pem)
}

//! TLS to the broker: by tokio-rustls, as to the relay. lapin's own brings a reader of PKCS#12 files, with all its ciphers.

use std::sync::Arc;
use std::{fmt, io};

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::url::BrokerUrl;

/// Why TLS cannot be set up, whatever the broker does.
#[derive(Debug)]
pub(super) enum TlsUnusable {
    /// The file with the certificate authority, and what is wrong with it.
    CaFile(String),
    /// The system has no certificate authorities, or rustls refuses its configuration.
    Setup(io::Error),
}

/// Verifies the broker's certificate and name, and encrypts.
pub(super) async fn handshake(
    connector: &TlsConnector,
    host: &str,
    tcp: TcpStream,
) -> io::Result<TlsStream<TcpStream>> {
    let name =
        ServerName::try_from(host.to_owned()).map_err(|fault| io::Error::new(io::ErrorKind::InvalidData, fault))?;
    connector.connect(name, tcp).await
}

/// What verifies the broker's certificate: our own authority if one is named, else the system's. None without TLS.
pub(super) fn connector(url: &BrokerUrl) -> Result<Option<TlsConnector>, TlsUnusable> {
    if !url.is_tls() {
        return Ok(None);
    }
    let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(setup)?
        .with_root_certificates(roots(url)?)
        .with_no_client_auth();
    Ok(Some(Arc::new(config).into()))
}

fn roots(url: &BrokerUrl) -> Result<RootCertStore, TlsUnusable> {
    let mut roots = RootCertStore::empty();
    let Some(path) = url.ca_file() else {
        // Systems ship authorities that rustls does not take; those that it takes are enough.
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        if roots.is_empty() {
            return Err(setup("the system has no certificate authorities: install ca-certificates, or name a CA file"));
        }
        return Ok(roots);
    };
    let unusable = |problem: &dyn fmt::Display| TlsUnusable::CaFile(format!("{}: {problem}", path.display()));
    let certificates = CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| unusable(&error))?;
    for certificate in certificates {
        roots.add(certificate).map_err(|error| unusable(&error))?;
    }
    if roots.is_empty() { Err(unusable(&"it holds no certificate")) } else { Ok(roots) }
}

fn setup(cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> TlsUnusable {
    TlsUnusable::Setup(io::Error::other(cause))
}

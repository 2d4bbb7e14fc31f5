//! How a relay's certificate is verified.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, InvalidDnsNameError, ServerName};
use rustls::{ClientConfig, RootCertStore};

/// Why a relay cannot be reached as configured, whatever the relay does.
#[derive(Debug, thiserror::Error)]
pub enum InvalidRelay {
    /// The file of the certificate authority cannot be used.
    #[error("the certificate authority file {} {problem}", path.display())]
    CaFile {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// The system has no certificate authorities.
    #[error("the system has no certificate authorities: install ca-certificates, or name a CA file")]
    NoSystemRoots,
    /// TLS cannot be set up.
    #[error("TLS cannot be set up: {0}")]
    Tls(#[from] rustls::Error),
    /// No certificate can be valid for the host.
    #[error("the host name cannot stand in a certificate")]
    HostName(#[from] InvalidDnsNameError),
    /// The name for EHLO is none.
    #[error("the EHLO name must be a host name or an address literal like [192.0.2.1]")]
    HelloName,
}

/// What every handshake with one relay needs. Sessions are resumed, since the configuration is made once.
#[derive(Clone)]
pub(in crate::relay) struct TlsClient {
    pub(in crate::relay) connector: tokio_rustls::TlsConnector,
    pub(in crate::relay) server_name: ServerName<'static>,
}

impl TlsClient {
    /// Trusts the authorities in `ca_file`, or the system's if there is none.
    pub(in crate::relay) fn new(host: &str, ca_file: Option<&Path>) -> Result<Self, InvalidRelay> {
        let roots = match ca_file {
            Some(path) => roots_of_file(path)?,
            None => system_roots()?,
        };
        let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Self { connector: Arc::new(config).into(), server_name: ServerName::try_from(host.to_owned())? })
    }
}

fn roots_of_file(path: &Path) -> Result<RootCertStore, InvalidRelay> {
    let fault = |problem: String| InvalidRelay::CaFile { path: path.to_owned(), problem };
    let mut roots = RootCertStore::empty();
    let certificates =
        CertificateDer::pem_file_iter(path).map_err(|problem| fault(format!("is unreadable: {problem}")))?;
    for certificate in certificates {
        let certificate = certificate.map_err(|problem| fault(format!("is not PEM: {problem}")))?;
        roots.add(certificate).map_err(|problem| fault(format!("holds an unusable certificate: {problem}")))?;
    }
    if roots.is_empty() { Err(fault("holds no certificate".to_owned())) } else { Ok(roots) }
}

fn system_roots() -> Result<RootCertStore, InvalidRelay> {
    let mut roots = RootCertStore::empty();
    // Systems ship authorities that rustls does not take; those that it takes are enough.
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if roots.is_empty() { Err(InvalidRelay::NoSystemRoots) } else { Ok(roots) }
}

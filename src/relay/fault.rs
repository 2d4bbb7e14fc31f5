//! What stands between us and a relay, as far as one failed connection shows.
//!
//! An error's text is for people, and each library words it its own way. What a person can do about it depends on the
//! kind of fault; this module tells the kinds apart, once.

use std::io;

use rustls::{AlertDescription, CertificateError, Error, InvalidMessage, PeerIncompatible};

/// Why a relay cannot be used, where neither the phase nor a reply says it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TransportFault {
    /// The host's name has no address.
    NotResolved,
    /// Without TLS the relay's address must be this machine's, or a private one.
    OpenNetwork,
    /// What the relay sent in the handshake is not TLS.
    NotTls,
    /// The relay knows no version of TLS from 1.2 on.
    OldTls,
    /// The relay knows TLS 1.2, but none of the cipher suites that are safe.
    NoCommonCipher,
    /// The connection ended within the handshake, without a word.
    HandshakeCut,
    /// The relay's certificate proves nothing.
    Certificate(CertificateFault),
    /// TLS is required, and the relay does not offer STARTTLS.
    StartTlsNotOffered,
    /// None of the mechanisms that the relay offers is one that we speak. Empty: it offers no login.
    NoMechanism(Vec<String>),
}

/// Why a certificate proves nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CertificateFault {
    /// Its time is over.
    Expired,
    /// Its time has not come.
    NotYetValid,
    /// It is for other names, which follow as far as it says them.
    OtherName(Vec<String>),
    /// None of the authorities that are trusted has signed it.
    UnknownIssuer,
    /// It is a certificate authority's own (CA:TRUE), which cannot be a server's, also where it is trusted.
    IsAuthority,
    /// Anything else.
    Other,
}

impl TransportFault {
    /// What `error` of a TLS handshake means.
    pub(super) fn of_handshake(error: &io::Error) -> Option<Self> {
        if let Some(error) = error.get_ref().and_then(|inner| inner.downcast_ref::<Error>()) {
            return Self::of_tls(error);
        }
        let is_cut = matches!(
            error.kind(),
            io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe
        );
        is_cut.then_some(Self::HandshakeCut)
    }

    fn of_tls(error: &Error) -> Option<Self> {
        Some(match error {
            Error::InvalidCertificate(error) => Self::Certificate(CertificateFault::of(error)),
            // A banner in clear is read as the header of a record: its first octet is no content type.
            Error::InvalidMessage(
                InvalidMessage::InvalidContentType
                | InvalidMessage::UnknownProtocolVersion
                | InvalidMessage::MessageTooLarge,
            ) => Self::NotTls,
            // RFC 8446 §6.2: protocol_version where no version is shared; those of old say it by a ServerHello of
            // theirs.
            Error::AlertReceived(AlertDescription::ProtocolVersion)
            | Error::PeerIncompatible(
                PeerIncompatible::ServerDoesNotSupportTls12Or13
                | PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig,
            ) => Self::OldTls,
            Error::AlertReceived(AlertDescription::HandshakeFailure | AlertDescription::InsufficientSecurity)
            | Error::PeerIncompatible(_) => Self::NoCommonCipher,
            _ => return None,
        })
    }
}

impl CertificateFault {
    fn of(error: &CertificateError) -> Self {
        match error {
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => Self::Expired,
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => Self::NotYetValid,
            CertificateError::NotValidForName => Self::OtherName(Vec::new()),
            CertificateError::NotValidForNameContext { presented, .. } => {
                Self::OtherName(presented.iter().map(|name| bare_name(name).to_owned()).collect())
            }
            // An authority of the same name with another key is another authority.
            CertificateError::UnknownIssuer | CertificateError::BadSignature => Self::UnknownIssuer,
            // webpki's own word; rustls has none for it.
            CertificateError::Other(other) if other.0.to_string() == "CaUsedAsEndEntity" => Self::IsAuthority,
            _ => Self::Other,
        }
    }
}

/// webpki writes a certificate's names as Rust does: `DnsName("relay.example")`, `IpAddress(192.0.2.1)`.
fn bare_name(presented: &str) -> &str {
    let inner = presented.split_once('(').and_then(|(_, rest)| rest.strip_suffix(')'));
    inner.unwrap_or(presented).trim_matches('"')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(error: Error) -> Option<TransportFault> {
        TransportFault::of_handshake(&io::Error::new(io::ErrorKind::InvalidData, error))
    }

    #[test]
    fn each_kind_of_fault_is_distinguished() {
        for (error, fault) in [
            (Error::InvalidMessage(InvalidMessage::InvalidContentType), TransportFault::NotTls),
            (Error::AlertReceived(AlertDescription::ProtocolVersion), TransportFault::OldTls),
            (Error::PeerIncompatible(PeerIncompatible::ServerDoesNotSupportTls12Or13), TransportFault::OldTls),
            (Error::AlertReceived(AlertDescription::HandshakeFailure), TransportFault::NoCommonCipher),
            (Error::PeerIncompatible(PeerIncompatible::NoKxGroupsInCommon), TransportFault::NoCommonCipher),
            (CertificateError::Expired.into(), TransportFault::Certificate(CertificateFault::Expired)),
            (CertificateError::NotValidYet.into(), TransportFault::Certificate(CertificateFault::NotYetValid)),
            (CertificateError::UnknownIssuer.into(), TransportFault::Certificate(CertificateFault::UnknownIssuer)),
            (
                CertificateError::NotValidForName.into(),
                TransportFault::Certificate(CertificateFault::OtherName(Vec::new())),
            ),
            (CertificateError::BadEncoding.into(), TransportFault::Certificate(CertificateFault::Other)),
        ] {
            assert_eq!(of(error.clone()), Some(fault), "{error}");
        }
        for (presented, bare) in
            [("DnsName(\"*.relay.example\")", "*.relay.example"), ("IpAddress(192.0.2.1)", "192.0.2.1"), ("odd", "odd")]
        {
            assert_eq!(bare_name(presented), bare);
        }
        assert_eq!(of(Error::DecryptError), None);
        let cut = io::Error::new(io::ErrorKind::UnexpectedEof, "tls handshake eof");
        assert_eq!(TransportFault::of_handshake(&cut), Some(TransportFault::HandshakeCut));
    }
}

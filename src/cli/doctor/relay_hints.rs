//! What to do about a relay that does not let us in. Pure: one sentence for each kind of fault.

use crate::model::reply::Phase;
use crate::relay::{CertificateFault, RelayConfig, RelayUnavailable, RelayUrl, Security, TransportFault};

/// In which way the relay can be reached, since it cannot be as configured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum OtherWay {
    /// By STARTTLS, in place of TLS from the first byte.
    StartTls,
    /// By TLS from the first byte.
    ImplicitTls,
    /// By SMTP without any TLS only.
    None,
}

impl OtherWay {
    pub(super) fn remedy(self, config: &RelayConfig) -> String {
        let url = |security| format!("{:?}", RelayUrl { security, ..config.url.clone() });
        let port = config.url.port;
        match self {
            Self::StartTls => format!(
                "write {} in place of smtps:: on port {port} the relay begins in clear and turns to TLS by STARTTLS \
                 (it was tried)",
                url(Security::StartTls)
            ),
            Self::ImplicitTls => format!(
                "write {}: on port {port} the relay speaks TLS from the first byte (it was tried)",
                url(Security::ImplicitTls)
            ),
            Self::None => format!(
                "have TLS switched on at the relay, or name the port on which it has it (587 with smtp+starttls:, 465 \
                 with smtps:): on port {port} it speaks SMTP in clear and offers no STARTTLS (it was tried)"
            ),
        }
    }
}

/// What to do about it.
pub(super) fn remedy(config: &RelayConfig, unavailable: &RelayUnavailable) -> String {
    if let Some(remedy) = unavailable.fault.as_ref().and_then(|fault| of_fault(config, fault)) {
        return remedy;
    }
    let (relay, url) = (&config.name, &config.url);
    let code = unavailable.reply.as_ref().map(|reply| reply.code);
    match (unavailable.phase, code) {
        (Phase::Connect, _) if unavailable.connection_refused => {
            format!("start the relay, or correct host and port in its URL: nothing listens on port {}", url.port)
        }
        (Phase::Connect, _) => {
            "open the firewall between here and the relay, or correct host and port in its URL".into()
        }
        (Phase::Banner | Phase::Ehlo, Some(421)) => {
            "wait: the relay is busy, or has enough connections (fewer: connections of this relay)".into()
        }
        (Phase::Banner, Some(_)) => "have this machine's address allowed at the relay: it turns us away at once".into(),
        (Phase::Banner, None) => format!("see that port {} is the relay's SMTP port: no SMTP banner came", url.port),
        (Phase::Ehlo, Some(_)) => format!(
            "set hello_name of this relay to a name that the relay knows: it refuses {:?} in EHLO",
            config.hello_name
        ),
        (Phase::Tls, Some(_)) => "look into the relay's log: it offers STARTTLS, and then refuses it".into(),
        (Phase::Tls, None) => format!("see that the relay speaks TLS on port {}, and look into its log", url.port),
        (Phase::Auth, _) if unavailable.auth_refused => {
            format!("correct user and password in its URL, then run: invoice-dispatcher relays resume {relay}")
        }
        (Phase::Auth, Some(_)) => "wait: the relay cannot check a login now; if that stays, ask who runs it".into(),
        _ => "ask who runs the relay".into(),
    }
}

fn of_fault(config: &RelayConfig, fault: &TransportFault) -> Option<String> {
    Some(match fault {
        TransportFault::NotResolved => "correct the host in its URL, or the name service (DNS) of this machine".into(),
        TransportFault::OpenNetwork if config.url.security == Security::PrivatePlain => {
            "use smtps:// or smtp+starttls://: ?tls=none is for relays at private addresses only".into()
        }
        TransportFault::OpenNetwork => "use smtps:// or smtp+starttls://: without TLS a relay must be on this machine".into(),
        TransportFault::NotTls => format!("see that the relay speaks TLS on port {}: what it sent is not TLS", config.url.port),
        TransportFault::OldTls => "have TLS 1.2 or 1.3 switched on at the relay: it knows older versions only, which are not safe"
            .into(),
        TransportFault::NoCommonCipher => {
            "have cipher suites with ECDHE and AES-GCM or ChaCha20 switched on at the relay (and TLS 1.2 or 1.3): it has \
             none of them"
                .into()
        }
        TransportFault::HandshakeCut => {
            "look into the relay's log: it hung up in the TLS handshake (TLS 1.2 at least, and this machine's address, \
             must be allowed)"
                .into()
        }
        TransportFault::StartTlsNotOffered => OtherWay::None.remedy(config),
        TransportFault::NoMechanism(others) if others.is_empty() => {
            "take user and password out of its URL, if the relay knows us by our address; else use the port on which it \
             offers a login (often 587 or 465)"
                .into()
        }
        TransportFault::NoMechanism(others) => format!(
            "have a login by password (AUTH PLAIN or LOGIN, often an \"app password\") allowed for this account, or use \
             another relay: {} is not spoken here, and no password would help",
            others.join(", ")
        ),
        TransportFault::Certificate(fault) => certificate(config, fault)?,
    })
}

fn certificate(config: &RelayConfig, fault: &CertificateFault) -> Option<String> {
    let host = &config.url.host;
    Some(match fault {
        CertificateFault::Expired => {
            "renew the relay's certificate: it has expired (or correct this machine's clock)".into()
        }
        CertificateFault::NotYetValid => {
            "correct the clock of this machine, or of the one that made the certificate: it is not valid yet".into()
        }
        CertificateFault::OtherName(names) if names.is_empty() => format!(
            "put {host} into the certificate as subject alternative name: it says none, and its common name does not count"
        ),
        CertificateFault::OtherName(names) => format!(
            "write a name in the relay's URL that its certificate is for ({}), or have {host} put into the certificate",
            names.join(", ")
        ),
        CertificateFault::UnknownIssuer => match &config.ca_file {
            Some(file) => format!(
                "put the certificate of the relay's authority into {}: none of those in it has signed the relay's (a relay \
                 that leaves its intermediate certificates out looks the same)",
                file.display()
            ),
            None => {
                "name the certificate of the relay's own authority as ca_file of this relay: none of this system's has \
                     signed it (a relay that leaves its intermediate certificates out looks the same)"
                    .into()
            }
        },
        CertificateFault::IsAuthority => format!(
            "make the relay a certificate that is no authority's (basicConstraints CA:FALSE, subjectAltName {host}) and \
             name that one, or the authority that signed it, as ca_file: one with CA:TRUE is no server's, even if ca_file \
             names it"
        ),
        CertificateFault::Other => return None,
    })
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;
    use crate::config::{Config, ConfigSources};
    use crate::relay::outcome::Reply;

    fn relay(url: &str) -> RelayConfig {
        let environment = [("SMTP_URL".to_owned(), url.to_owned())].into();
        let config = Config::read(&ConfigSources { environment, allow_embedded: true, ..ConfigSources::none() })
            .expect("no fault");
        config.relays.into_values().next().expect("one relay")
    }

    fn unavailable(phase: Phase, fault: Option<TransportFault>, reply: Option<Reply>) -> RelayUnavailable {
        RelayUnavailable { phase, reply, detail: String::new(), auth_refused: false, connection_refused: false, fault }
    }

    #[test]
    fn each_fault_has_a_hint_of_its_own() {
        let mut relay = relay("smtps://mail.example");
        let certificate = |fault| Some(TransportFault::Certificate(fault));
        let table = [
            (Phase::Connect, Some(TransportFault::NotResolved), "correct the host in its URL"),
            (Phase::Connect, Some(TransportFault::OpenNetwork), "without TLS a relay must be on this machine"),
            (Phase::Connect, None, "open the firewall"),
            (Phase::Tls, Some(TransportFault::NotTls), "what it sent is not TLS"),
            (Phase::Tls, Some(TransportFault::HandshakeCut), "it hung up in the TLS handshake"),
            (Phase::Tls, certificate(CertificateFault::NotYetValid), "correct the clock"),
            (Phase::Tls, certificate(CertificateFault::OtherName(Vec::new())), "put mail.example into the certificate"),
            (Phase::Tls, certificate(CertificateFault::UnknownIssuer), "as ca_file of this relay"),
            (Phase::Tls, certificate(CertificateFault::Other), "see that the relay speaks TLS on port 465"),
            (Phase::Banner, None, "no SMTP banner came"),
        ];
        for (phase, fault, words) in table {
            let hint = remedy(&relay, &unavailable(phase, fault.clone(), None));
            assert!(hint.contains(words), "{fault:?}: {hint}");
        }
        relay.ca_file = Some(PathBuf::from("ca/relay.pem"));
        let unknown = unavailable(Phase::Tls, certificate(CertificateFault::UnknownIssuer), None);
        assert!(remedy(&relay, &unknown).contains("authority into ca/relay.pem"));
        let busy = unavailable(Phase::Auth, None, Some(Reply::new(454, "4.7.0 later")));
        assert!(remedy(&relay, &busy).starts_with("wait: the relay cannot check a login now"));
    }

    #[test]
    fn what_works_is_written_as_it_is_to_be_written() {
        let hint = OtherWay::StartTls.remedy(&relay("smtps://dora:hunter2@mail.example:587"));
        assert!(hint.starts_with("write smtp+starttls://***@mail.example:587 in place of smtps:"), "{hint}");
        let hint = OtherWay::ImplicitTls.remedy(&relay("smtp+starttls://dora:hunter2@mail.example:465"));
        assert!(hint.starts_with("write smtps://***@mail.example:465: on port 465"), "{hint}");
    }
}

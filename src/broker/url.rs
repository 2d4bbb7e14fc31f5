//! Where the broker is, and as whom we log in.

use std::fmt;
use std::path::PathBuf;

use lapin::uri::{AMQPScheme, AMQPUri};

/// Seconds between heartbeats unless the URL says otherwise: a dead peer is noticed within twice that.
const HEARTBEAT_SECONDS: u16 = 15;
/// lapin keeps room for 32 frames each way. RabbitMQ's own 128 KiB would make that 8 MiB a connection, for events of a
/// few KiB.
const FRAME_BYTES_MAX: u32 = 32 << 10;

/// An `amqp:` or `amqps:` address. Shows itself without user and password.
#[derive(Clone)]
pub struct BrokerUrl {
    uri: AMQPUri,
    ca_file: Option<PathBuf>,
}

/// Why an address is none. The text never holds the address itself: it may contain a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BrokerUrlError {
    /// It cannot be read as a URL.
    #[error("is not an address like amqp://user:password@host:5672/%2f")]
    Unreadable,
    /// Neither `amqp:` nor `amqps:`.
    #[error("must begin with amqp:// or amqps://")]
    Scheme,
    #[error("names no host")]
    NoHost,
    /// A trailing slash names the virtual host "" ([RabbitMQ URI specification]), which is rarely there.
    ///
    /// [RabbitMQ URI specification]: https://www.rabbitmq.com/docs/uri-spec
    #[error(
        "ends in a slash, which means the virtual host with the empty name; write /%2f for the default virtual host, or leave the slash away"
    )]
    EmptyVirtualHost,
    /// The query holds something that we do not know or cannot read.
    #[error("has a query that cannot be read (heartbeat, frame_max and channel_max are numbers)")]
    Query,
}

impl BrokerUrl {
    /// Reads an address.
    ///
    /// # Errors
    /// [`BrokerUrlError`], whose text completes the sentence "`AMQP_URL` …".
    pub fn parse(text: &str) -> Result<Self, BrokerUrlError> {
        let url = url::Url::parse(text).map_err(|_| BrokerUrlError::Unreadable)?;
        if !matches!(url.scheme(), "amqp" | "amqps") {
            return Err(BrokerUrlError::Scheme);
        }
        let host = match url.host() {
            None | Some(url::Host::Domain("")) => return Err(BrokerUrlError::NoHost),
            Some(url::Host::Domain(name)) => name.to_owned(),
            Some(url::Host::Ipv4(address)) => address.to_string(),
            Some(url::Host::Ipv6(address)) => address.to_string(),
        };
        if url.path() == "/" {
            return Err(BrokerUrlError::EmptyVirtualHost);
        }
        let mut uri: AMQPUri = text.parse().map_err(|_| BrokerUrlError::Query)?;
        // lapin reads an IPv6 address as "localhost".
        uri.authority.host = host;
        uri.query.heartbeat.get_or_insert(HEARTBEAT_SECONDS);
        Ok(Self { uri, ca_file: None })
    }

    /// Trusts the certificate authority in this PEM file, in place of the system's.
    #[must_use]
    pub fn with_ca_file(self, ca_file: Option<PathBuf>) -> Self {
        Self { ca_file, ..self }
    }

    /// Whether the connection is protected by TLS.
    #[must_use]
    pub fn is_tls(&self) -> bool {
        self.uri.scheme == AMQPScheme::AMQPS
    }

    #[must_use]
    pub fn virtual_host(&self) -> &str {
        &self.uri.vhost
    }

    /// Host name or IP address.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.uri.authority.host
    }

    /// TCP port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.uri.authority.port
    }

    pub(super) fn uri(&self) -> &AMQPUri {
        &self.uri
    }

    /// The largest frame that is asked for; 0 leaves it to the broker, whose own size is accepted where `is_whole`
    /// says that messages must be handed on as they are. Properties are never split: they need so large a frame.
    pub(super) fn frame_bytes_wanted(&self, is_whole: bool) -> u32 {
        self.uri.query.frame_max.unwrap_or(if is_whole { 0 } else { FRAME_BYTES_MAX })
    }

    pub(super) fn ca_file(&self) -> Option<&PathBuf> {
        self.ca_file.as_ref()
    }
}

impl fmt::Display for BrokerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let host = self.host();
        let host = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
        write!(f, "{}://{host}:{}, virtual host {:?}", self.uri.scheme, self.port(), self.virtual_host())
    }
}

impl fmt::Debug for BrokerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_shows_itself_without_credentials() {
        let table = [
            ("amqp://billing:hunter2@rabbit.example/%2f", r#"amqp://rabbit.example:5672, virtual host "/""#),
            (
                "amqps://billing:hunter2@rabbit.example/invoices",
                r#"amqps://rabbit.example:5671, virtual host "invoices""#,
            ),
            ("amqp://localhost", r#"amqp://localhost:5672, virtual host "/""#),
            ("amqp://127.0.0.1:15673", r#"amqp://127.0.0.1:15673, virtual host "/""#),
            ("amqp://[2001:db8::1]:5673/%2f", r#"amqp://[2001:db8::1]:5673, virtual host "/""#),
        ];
        for (text, shown) in table {
            let url = BrokerUrl::parse(text).expect(text);
            assert_eq!(url.to_string(), shown);
            assert_eq!(format!("{url:?}"), shown);
        }
    }

    #[test]
    fn what_is_no_address_is_named() {
        let table = [
            ("amqp://u:hunter2@localhost/", BrokerUrlError::EmptyVirtualHost),
            ("amqp://u:hunter2@localhost:5672/?heartbeat=5", BrokerUrlError::EmptyVirtualHost),
            ("http://u:hunter2@localhost/%2f", BrokerUrlError::Scheme),
            ("localhost:5672", BrokerUrlError::Scheme),
            ("hunter2", BrokerUrlError::Unreadable),
            ("amqp:///%2f", BrokerUrlError::NoHost),
            ("amqp://u:hunter2@localhost/%2f?heartbeat=often", BrokerUrlError::Query),
        ];
        for (text, expected) in table {
            let error = BrokerUrl::parse(text).expect_err(text);
            assert_eq!(error, expected, "{text}");
            assert!(!error.to_string().contains("hunter2"));
        }
    }

    #[test]
    fn heartbeats_are_frequent_unless_told_otherwise() {
        let heartbeat = |text| BrokerUrl::parse(text).expect("an address").uri().query.heartbeat;
        assert_eq!(heartbeat("amqp://localhost/%2f"), Some(15));
        assert_eq!(heartbeat("amqp://localhost/%2f?heartbeat=60"), Some(60));
    }

    #[test]
    fn frames_are_small_unless_messages_are_handed_on_or_the_address_says_otherwise() {
        let wanted = |text, is_whole| BrokerUrl::parse(text).expect("an address").frame_bytes_wanted(is_whole);
        assert_eq!(wanted("amqp://localhost/%2f", false), 32_768);
        assert_eq!(wanted("amqp://localhost/%2f", true), 0);
        assert_eq!(wanted("amqp://localhost/%2f?frame_max=131072", false), 131_072);
        assert_eq!(wanted("amqp://localhost/%2f?frame_max=131072", true), 131_072);
    }
}

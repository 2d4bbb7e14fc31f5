//! `amqps:` verifies the broker: by our own certificate authority if one is named, else by the system's.

use std::sync::Arc;

use bytes::Bytes;
use invoice_dispatcher::broker::{BrokerUrl, Published, Publisher};
use invoice_dispatcher::clock::Clock;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use crate::harness::broker::Broker;

/// Ends TLS before the broker, with a certificate for `name`; returns its port and the authority's PEM.
async fn tls_before(broker: &BrokerUrl, name: &str) -> (u16, String) {
    let mut authority = CertificateParams::new(Vec::new()).expect("parameters");
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate().expect("a key")).expect("signed");
    let key = KeyPair::generate().expect("a key");
    let certificate = CertificateParams::new(vec![name.to_owned()]).expect("parameters");
    let certificate = certificate.signed_by(&key, &authority).expect("signed");
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let config = rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key)
        .expect("a certificate with its key");
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let port = listener.local_addr().expect("bound").port();
    let target = (broker.host().to_owned(), broker.port());
    tokio::spawn(async move {
        loop {
            let (near, _) = listener.accept().await.expect("the listener lives");
            let (acceptor, target) = (acceptor.clone(), target.clone());
            tokio::spawn(async move {
                // A client that does not trust us hangs up here.
                let Ok(mut near) = acceptor.accept(near).await else { return };
                let mut far = TcpStream::connect(target).await.expect("the broker is there");
                let _ = tokio::io::copy_bidirectional(&mut near, &mut far).await;
            });
        }
    });
    (port, authority.pem())
}

#[tokio::test]
async fn only_a_broker_that_our_authority_vouches_for_gets_our_password() {
    let broker = Broker::new().await;
    let folder = tempfile::tempdir().expect("a folder");
    let event = [Bytes::from_static(b"one")];
    let publish = async |name: &str, trusted: bool| {
        let (port, pem) = tls_before(&broker.url, name).await;
        let path = folder.path().join("ca.pem");
        std::fs::write(&path, pem).expect("written");
        let direct = format!("{}:{}", broker.url.host(), broker.url.port());
        let text = broker.text.replace("amqp://", "amqps://").replace(&direct, &format!("localhost:{port}"));
        let url = BrokerUrl::parse(&text).expect("an address").with_ca_file(trusted.then_some(path));
        let publisher = Publisher::new(url, broker.topology.clone(), Clock::system());
        let result = publisher.publish_events(&event).await.map_err(|error| error.to_string());
        publisher.close().await;
        result
    };
    assert_eq!(publish("localhost", true).await, Ok(vec![Published::Confirmed]));
    let unknown = publish("localhost", false).await.expect_err("no authority vouches for it");
    assert!(unknown.contains("UnknownIssuer"), "{unknown}");
    let another = publish("another.example", true).await.expect_err("a certificate of another host");
    assert!(another.contains("not valid for name"), "{another}");
    broker.clean_up().await;
}

#[tokio::test]
async fn a_file_without_a_certificate_is_named() {
    let broker = Broker::new().await;
    let folder = tempfile::tempdir().expect("a folder");
    let empty = folder.path().join("empty.pem");
    std::fs::write(&empty, "").expect("written");
    for path in [empty, folder.path().join("missing.pem")] {
        let url = BrokerUrl::parse("amqps://localhost/%2f").expect("an address").with_ca_file(Some(path.clone()));
        let publisher = Publisher::new(url, broker.topology.clone(), Clock::system());
        let error = publisher.publish_events(&[Bytes::new()]).await.expect_err("no authority").to_string();
        assert!(error.contains(path.to_str().expect("a name")), "{error}");
    }
    broker.clean_up().await;
}

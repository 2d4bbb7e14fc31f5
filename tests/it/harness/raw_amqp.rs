//! AMQP 0-9-1 by hand, for messages that no library makes.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

const METHOD: u8 = 1;
const CONTENT_HEADER: u8 = 2;
const BODY: u8 = 3;
/// RabbitMQ's own.
const FRAME_BYTES_MAX: u32 = 131_072;

/// A connection with one channel, whose publishes are confirmed.
pub(crate) struct RawPublisher(TcpStream);

/// One frame.
pub(crate) fn frame(kind: u8, channel: u16, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![kind];
    frame.extend(channel.to_be_bytes());
    frame.extend(u32::try_from(payload.len()).expect("small").to_be_bytes());
    frame.extend_from_slice(payload);
    frame.push(0xCE);
    frame
}

/// A method frame.
pub(crate) fn method(channel: u16, class: u16, number: u16, arguments: &[u8]) -> Vec<u8> {
    frame(METHOD, channel, &[&class.to_be_bytes(), &number.to_be_bytes(), arguments].concat())
}

fn short_string(text: &str) -> Vec<u8> {
    let mut octets = vec![u8::try_from(text.len()).expect("short")];
    octets.extend_from_slice(text.as_bytes());
    octets
}

fn long_string(text: &str) -> Vec<u8> {
    [&u32::try_from(text.len()).expect("short").to_be_bytes(), text.as_bytes()].concat()
}

/// So many tables, of which each holds nothing but the next.
pub(crate) fn nested_tables(depth: usize) -> Vec<u8> {
    nested(depth, b"\x01tF")
}

/// So many arrays in each other, in a table.
pub(crate) fn nested_arrays(depth: usize) -> Vec<u8> {
    let arrays = nested(depth, b"A");
    let length = u32::try_from(arrays.len() + 3).expect("small").to_be_bytes();
    [&length[..], b"\x01aA", &arrays].concat()
}

fn nested(depth: usize, entry: &[u8]) -> Vec<u8> {
    let mut octets = Vec::new();
    for inside in (0..depth).rev() {
        octets.extend(u32::try_from(inside * (entry.len() + 4)).expect("small").to_be_bytes());
        if inside > 0 {
            octets.extend_from_slice(entry);
        }
    }
    octets
}

/// A table with one header of so many bytes.
pub(crate) fn large_table(bytes: usize) -> Vec<u8> {
    let entry = [b"\x05trace", &b"S"[..], &long_string(&"x".repeat(bytes))].concat();
    [&u32::try_from(entry.len()).expect("small").to_be_bytes(), &entry[..]].concat()
}

impl RawPublisher {
    /// Logs in at the broker that this address names.
    pub(crate) async fn connect(url: &str) -> Self {
        let url = url::Url::parse(url).expect("an address");
        let address = (url.host_str().expect("a host"), url.port().expect("a port"));
        let mut raw = Self(TcpStream::connect(address).await.expect("the broker is there"));
        raw.send(b"AMQP\x00\x00\x09\x01").await;
        raw.until(10, 10).await;
        let login = format!("\0{}\0{}", url.username(), url.password().unwrap_or_default());
        let start_ok = [&[0; 4][..], &short_string("PLAIN"), &long_string(&login), &short_string("en_US")].concat();
        raw.send(&method(0, 10, 11, &start_ok)).await;
        raw.until(10, 30).await;
        let tune_ok = [&[0, 10][..], &FRAME_BYTES_MAX.to_be_bytes(), &[0, 0]].concat();
        raw.send(&method(0, 10, 31, &tune_ok)).await;
        raw.send(&method(0, 10, 40, &[&short_string("/")[..], &[0, 0]].concat())).await;
        raw.until(10, 41).await;
        raw.send(&method(1, 20, 10, &[0])).await;
        raw.until(20, 11).await;
        raw.send(&method(1, 85, 10, &[0])).await;
        raw.until(85, 11).await;
        raw
    }

    /// Publishes one message with these properties, flags and values; waits until the broker has it.
    pub(crate) async fn publish(&mut self, exchange: &str, routing_key: &str, properties: &[u8], body: &[u8]) {
        let arguments = [&[0, 0][..], &short_string(exchange), &short_string(routing_key), &[0]].concat();
        self.send(&method(1, 60, 40, &arguments)).await;
        let header = [&[0, 60, 0, 0][..], &(body.len() as u64).to_be_bytes(), properties].concat();
        self.send(&frame(CONTENT_HEADER, 1, &header)).await;
        for piece in body.chunks(FRAME_BYTES_MAX as usize - 8) {
            self.send(&frame(BODY, 1, piece)).await;
        }
        self.until(60, 80).await;
    }

    /// Publishes one message with these headers, a table.
    pub(crate) async fn publish_with_headers(&mut self, exchange: &str, key: &str, headers: &[u8], body: &[u8]) {
        // Headers, and that it is persistent.
        self.publish(exchange, key, &[&[0x30, 0], headers, &[2]].concat(), body).await;
    }

    async fn send(&mut self, octets: &[u8]) {
        self.0.write_all(octets).await.expect("the broker reads");
    }

    /// Reads until this method comes.
    async fn until(&mut self, class: u16, number: u16) {
        loop {
            let mut head = [0; 7];
            self.0.read_exact(&mut head).await.expect("the broker answers");
            let size = u32::from_be_bytes(head[3..].try_into().expect("four octets"));
            let mut payload = vec![0; size as usize + 1];
            self.0.read_exact(&mut payload).await.expect("the broker answers");
            let name = [&class.to_be_bytes()[..], &number.to_be_bytes()].concat();
            assert!(!payload.starts_with(&[0, 10, 0, 50]) && !payload.starts_with(&[0, 20, 0, 40]), "{payload:?}");
            if head[0] == METHOD && payload.starts_with(&name) {
                return;
            }
        }
    }
}

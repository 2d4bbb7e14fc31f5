//! A batch that a real process sends.

use std::time::{Duration, Instant};

use bytes::Bytes;
use invoice_dispatcher::intake::Parsed;
use invoice_dispatcher::model::incoming::{Incoming, Via};
use invoice_dispatcher::sha256::Sha256;

use super::process::Site;
use super::sink::{Sink, SinkState};

/// Events that are taken in at once.
const CHUNK: usize = 500;
/// How long a whole batch may take.
const PATIENCE: Duration = Duration::from_mins(5);

impl Site {
    /// Sends so many mails, `R-<name>-0` and on, each with a document of so many bytes; returns how many a second went out.
    pub(crate) async fn send_batch(&self, sink: &Sink, name: &str, count: usize, document_bytes: usize) -> f64 {
        let head = b"%PDF-1.4 ";
        let pdf = [&head[..], &vec![b'x'; document_bytes - head.len()]].concat();
        let app = self.app();
        let before = sink.see(|state| state.mails.len());
        assert!(self.run(&["relays", "pause", "default", "--reason", "a batch comes in"], "").await.success());
        let numbers: Vec<usize> = (0..count).collect();
        for chunk in numbers.chunks(CHUNK) {
            let events: Vec<Parsed> = chunk
                .iter()
                .map(|n| {
                    let mut event = self.event(&format!("{name}-{n}"), "ap@customer.example");
                    let document = &mut event["data"]["documents"][0];
                    document["size"] = pdf.len().into();
                    document["sha256"] = Sha256::of(&pdf).to_string().into();
                    self.write_document(&format!("acme/{name}-{n}.pdf"), &pdf);
                    Parsed::of(Incoming::new(Bytes::from(event.to_string()), Via::File))
                })
                .collect();
            app.intake.take(&events).await.expect("the database answers");
        }
        assert!(self.run(&["relays", "resume", "default"], "").await.success());
        sink.wait_for("the first of the batch", |state| state.mails.len() > before).await;
        let began = Instant::now();
        let all = |state: &SinkState| state.mails.len() >= before + count;
        sink.wait_within(PATIENCE, "the whole batch", all).await;
        f64::from(u32::try_from(count).expect("few")) / began.elapsed().as_secs_f64()
    }
}

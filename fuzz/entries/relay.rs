//! A hostile relay: whatever it answers, the conversation ends, in little memory, and only a relay that has let the
//! message come and then said 2xx has taken it.

use std::net::SocketAddr;
use std::time::Duration;

use invoice_dispatcher::model::ids::RelayName;
use invoice_dispatcher::model::state::OnUncertain;
use invoice_dispatcher::relay::outcome::Outcome;
use invoice_dispatcher::relay::{
    Connector, DataPermit, Deadlines, Envelope, EnvelopeRecipient, Permit, RelayConfig, RelayUrl, Submission,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

/// Ends one answer of the relay; the next follows when we have said something.
const TURN: u8 = 0xff;

/// Where the relay waits for a word and we for the rest of a reply, this ends it.
const DEADLINE: Duration = Duration::from_millis(100);

const MESSAGE: &[u8] = b"Subject: R-1\r\n\r\nDear customer,\r\n.\r\n";

struct Go;

impl DataPermit for Go {
    async fn permit(&mut self) -> Permit {
        Permit::Go
    }
}

/// Hands one mail to a relay whose answers are the bytes, turn by turn.
pub fn run(bytes: &[u8]) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime can be made");
    let submission = runtime.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let relay = listener.local_addr().expect("bound");
        let (submission, ()) = tokio::join!(submit(relay), answer(listener, bytes));
        submission
    });
    let Some(submission) = submission else { return };
    assert!(submission.outcome != Outcome::Accepted || says_yes(bytes), "{submission:?}");
    assert!(submission.outcome != Outcome::Uncertain || submission.final_dot_handed_over, "{submission:?}");
    let reply = submission.reply.as_ref().map(|reply| reply.text.as_str());
    for text in reply.into_iter().chain(submission.detail.as_deref()) {
        assert!(text.chars().count() <= 600 && !text.chars().any(char::is_control), "{text:?}");
    }
}

/// The bytes hold what a relay has to say that takes a message: 354, and a reply of the class 2.
fn says_yes(bytes: &[u8]) -> bool {
    let has = |code: &[u8]| bytes.windows(code.len()).any(|window| window == code);
    has(b"354") && has(b"2")
}

async fn answer(listener: TcpListener, bytes: &[u8]) {
    let Ok((mut stream, _)) = listener.accept().await else { return };
    drop(listener);
    let mut heard = [0; 4096];
    for (turn, words) in bytes.split(|byte| *byte == TURN).enumerate() {
        if turn > 0 && !matches!(stream.read(&mut heard).await, Ok(1..)) {
            return;
        }
        if stream.write_all(words).await.is_err() {
            return;
        }
    }
}

async fn submit(relay: SocketAddr) -> Option<Submission> {
    let config = RelayConfig {
        name: RelayName::from("hostile"),
        url: RelayUrl::parse(&format!("smtp://{relay}")).expect("an address"),
        connections: 1,
        rate: None,
        message_bytes_max: 1 << 20,
        pipelining: true,
        ca_file: None,
        hello_name: "worker.example".to_owned(),
        on_uncertain: OnUncertain::Wait,
        deadlines: Deadlines {
            connect: DEADLINE,
            command: DEADLINE,
            transfer: DEADLINE,
            final_dot: DEADLINE,
            permit: DEADLINE,
        },
    };
    let mut session = Connector::new(config).expect("plain SMTP on loopback").connect().await.ok()?;
    let address = |text: &str| text.parse().expect("an address");
    let to = |text| EnvelopeRecipient { address: address(text), essential: true };
    let envelope = Envelope {
        sender: address("bounces@acme.example"),
        recipients: vec![to("ap@customer.example"), to("cc@customer.example")],
    };
    Some(session.submit(&envelope, MESSAGE, &mut Go).await)
}

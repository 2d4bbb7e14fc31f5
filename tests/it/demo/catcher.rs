//! The demo's catcher holds real SMTP conversations, and loses or confuses nothing.

use std::time::Duration;

use invoice_dispatcher::clock::{Clock, Timestamp};
use invoice_dispatcher::demo::catcher::{ALWAYS, Behaviour, Catcher, CatcherConfig};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

pub(crate) const MESSAGE_BYTES_MAX: u64 = 10_000;

/// A catcher with its own folder, which refuses `gone@`, defers `later@` once, and hangs up on the first message to `mute@`.
pub(crate) async fn catcher() -> (Catcher, TempDir) {
    let folder = tempfile::tempdir().expect("a folder");
    let behaviour = Behaviour::new([
        ("gone@x.example", ALWAYS, "550 5.1.1 no such mailbox"),
        ("Later@x.example", 1, "451 4.7.1 come back later"),
    ])
    .hanging_up_once_on("Mute@x.example");
    let config = CatcherConfig {
        folder: folder.path().join("mail"),
        smtp_port: 0,
        page_port: 0,
        message_bytes_max: MESSAGE_BYTES_MAX,
        behaviour,
    };
    let clock = Clock::manual(Timestamp::parse("2026-11-23T09:30:00Z").expect("a time"));
    (Catcher::start(config, clock).await.expect("starts"), folder)
}

/// A client that says exactly what it is told.
pub(crate) struct Client(BufReader<TcpStream>);

impl Client {
    /// Connects and reads the greeting.
    pub(crate) async fn greet(catcher: &Catcher) -> Self {
        let stream = TcpStream::connect(catcher.smtp_address()).await.expect("connects");
        let mut client = Self(BufReader::new(stream));
        assert_eq!(client.reply().await, "220 catcher.localhost ESMTP, passes nothing on");
        client
    }

    /// Sends bytes as they are.
    pub(crate) async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.0.get_mut().write_all(bytes.as_ref()).await.expect("sent");
    }

    /// The last line of the next reply, without its CRLF.
    pub(crate) async fn reply(&mut self) -> String {
        loop {
            let mut line = String::new();
            let read = tokio::time::timeout(Duration::from_mins(1), self.0.read_line(&mut line));
            read.await.expect("the catcher answers").expect("a line");
            if line.as_bytes().get(3) != Some(&b'-') {
                return line.trim_end_matches("\r\n").to_owned();
            }
        }
    }

    /// Sends a line and reads its reply's code.
    pub(crate) async fn code(&mut self, line: &str) -> String {
        self.send(format!("{line}\r\n")).await;
        self.reply().await.chars().take(3).collect()
    }

    /// Says everything up to 354.
    pub(crate) async fn until_data(&mut self) {
        for (line, code) in [
            ("EHLO client.example", "250"),
            ("MAIL FROM:<a@x.example>", "250"),
            ("RCPT TO:<b@x.example>", "250"),
            ("DATA", "354"),
        ] {
            assert_eq!(self.code(line).await, code, "{line}");
        }
    }
}

/// The bytes of the newest mail's file.
async fn newest(catcher: &Catcher) -> Vec<u8> {
    let mails = catcher.mailbox().mails();
    catcher.mailbox().message(&mails[0]).await.expect("its file is there")
}

#[tokio::test]
async fn the_extensions_are_offered() {
    let (catcher, _folder) = catcher().await;
    let mut client = Client::greet(&catcher).await;
    client.send("EHLO client.example\r\nQUIT\r\n").await;
    let mut everything = String::new();
    client.0.read_to_string(&mut everything).await.expect("read to the end");
    let expected = "250-catcher.localhost\r\n250-PIPELINING\r\n250-SIZE 10000\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n\
        250-DSN\r\n250 ENHANCEDSTATUSCODES\r\n221 2.0.0 goodbye\r\n";
    assert_eq!(everything, expected);
}

/// A page of any site may have a browser send a form to this port; its fields could hold a whole transaction.
#[tokio::test]
async fn a_browser_cannot_bring_a_mail() {
    let (catcher, _folder) = catcher().await;
    for first in ["POST / HTTP/1.1", "PUT /x HTTP/1.1", "GET / HTTP/1.1"] {
        let mut client = Client::greet(&catcher).await;
        let smuggled = "Host: 127.0.0.1\r\nContent-Type: text/plain\r\nContent-Length: 120\r\n\r\nEHLO x\r\n\
            MAIL FROM:<a@x.example>\r\nRCPT TO:<b@x.example>\r\nDATA\r\nSubject: forged\r\n\r\n.\r\nQUIT\r\n";
        client.send(format!("{first}\r\n{smuggled}")).await;
        assert_eq!(client.reply().await, "421 4.7.0 this is no web server", "{first}");
        let mut rest = Vec::new();
        // What was sent behind it is not read, so the system may end the connection with a reset.
        let _ = client.0.read_to_end(&mut rest).await;
        assert!(rest.is_empty(), "{first}: {}", String::from_utf8_lossy(&rest));
    }
    assert!(catcher.mailbox().mails().is_empty());
}

#[tokio::test]
async fn a_pipelined_group_is_answered_in_order_and_the_message_is_kept_byte_for_byte() {
    let (catcher, _folder) = catcher().await;
    let mut client = Client::greet(&catcher).await;
    client
        .send(
            "EHLO client.example\r\nMAIL FROM:<a@x.example> SIZE=50 BODY=8BITMIME RET=HDRS\r\n\
             RCPT TO:<b@x.example> NOTIFY=FAILURE\r\nRCPT TO:<gone@x.example>\r\nRCPT TO:<c@x.example>\r\nDATA\r\n",
        )
        .await;
    for expected in ["250 ENH", "250 2.1.0", "250 2.1.5", "550 5.1.1", "250 2.1.5", "354 "] {
        let reply = client.reply().await;
        assert!(reply.starts_with(expected), "{reply}");
    }
    // Two messages and a QUIT in one go: the second transaction is pipelined behind the first one's dot.
    client
        .send(
            "Message-ID: <one@x.example>\r\n\r\n..\r\n...two dots\r\nh\u{e9}\r\n.\r\nMAIL FROM:<>\r\n\
             RCPT TO:<d@x.example>\r\nDATA\r\nSubject: Two\r\n\r\n.\r\nQUIT\r\n",
        )
        .await;
    for expected in ["250 2.0.0 caught as 0001-one", "250", "250", "354", "250 2.0.0 caught as 0002-mail", "221"] {
        let reply = client.reply().await;
        assert!(reply.starts_with(expected), "{reply}");
    }
    let mails = catcher.mailbox().mails();
    assert_eq!(mails[1].envelope.recipients, ["b@x.example", "c@x.example"]);
    assert_eq!((mails[0].envelope.sender.as_str(), mails[0].subject.as_str()), ("", "Two"));
    let first = catcher.mailbox().message(&mails[1]).await.expect("read");
    assert_eq!(first, "Message-ID: <one@x.example>\r\n\r\n.\r\n..two dots\r\nh\u{e9}\r\n".as_bytes());
}

/// Says the lines one after the other, and returns the codes of the replies.
async fn codes(catcher: &Catcher, lines: &[&str]) -> Vec<u16> {
    let mut client = Client::greet(catcher).await;
    let mut codes = Vec::new();
    for line in lines {
        codes.push(client.code(line).await.parse().expect("a reply begins with its code"));
    }
    codes
}

#[tokio::test]
async fn commands_out_of_order_are_refused_and_nothing_is_kept() {
    let (catcher, _folder) = catcher().await;
    let (mail, rcpt, gone) = ("MAIL FROM:<a@x.example>", "RCPT TO:<b@x.example>", "RCPT TO:<gone@x.example>");
    let cases: [(&[&str], &[u16]); 8] = [
        (&[mail, "EHLO c", rcpt, "DATA"], &[503, 250, 503, 503]),
        (&["EHLO c", mail, mail], &[250, 250, 503]),
        (&["EHLO c", mail, "DATA"], &[250, 250, 554]),
        (&["EHLO c", mail, gone, "DATA"], &[250, 250, 550, 554]),
        (&["EHLO c", mail, gone, "RSET", rcpt], &[250, 250, 550, 250, 503]),
        (&["EHLO c", mail, "RSET", mail, "EHLO c", mail], &[250, 250, 250, 250, 250, 250]),
        (&["RSET", "NOOP", "VRFY b", "HELP", mail], &[250, 250, 252, 214, 503]),
        (&["FROBNICATE", "STARTTLS", "AUTH PLAIN", "QUIT"], &[500, 502, 502, 221]),
    ];
    for (lines, expected) in cases {
        assert_eq!(codes(&catcher, lines).await, expected, "{lines:?}");
    }
    assert!(catcher.mailbox().mails().is_empty());
}

#[tokio::test]
async fn a_transaction_ends_with_its_message() {
    let (catcher, _folder) = catcher().await;
    let (mail, rcpt, gone) = ("MAIL FROM:<a@x.example>", "RCPT TO:<b@x.example>", "RCPT TO:<gone@x.example>");
    let cases: [(&[&str], &[u16]); 3] = [
        (&["EHLO c", mail, gone, rcpt, "DATA", ".", mail], &[250, 250, 550, 250, 354, 250, 250]),
        (&["EHLO c", mail, rcpt, "DATA", ".", rcpt], &[250, 250, 250, 354, 250, 503]),
        (&["HELO c", mail, rcpt, "DATA", ".", "QUIT"], &[250, 250, 250, 354, 250, 221]),
    ];
    for (lines, expected) in cases {
        assert_eq!(codes(&catcher, lines).await, expected, "{lines:?}");
    }
}

#[tokio::test]
async fn limits_of_a_conversation_are_kept() {
    let (catcher, _folder) = catcher().await;
    let (mail, mail_utf8) = ("MAIL FROM:<a@x.example>", "MAIL FROM:<a@x.example> SMTPUTF8");
    assert_eq!(codes(&catcher, &["EHLO c", "MAIL FROM:<a@x.example> SIZE=10000"]).await, [250, 250]);
    assert_eq!(codes(&catcher, &["EHLO c", mail, "RCPT TO:<ü@x.example>"]).await, [250, 250, 553]);
    assert_eq!(codes(&catcher, &["EHLO c", mail_utf8, "RCPT TO:<ü@x.example>"]).await, [250, 250, 250]);
    let mut lines = vec!["EHLO c", mail];
    lines.extend(["RCPT TO:<b@x.example>"; 101]);
    assert_eq!(codes(&catcher, &lines).await[101..], [250, 452]);
    assert_eq!(codes(&catcher, &["BOO"; 20]).await[18..], [500, 421]);
    for line in ["get /", "OPTIONS * HTTP/1.1", "CONNECT x:25 HTTP/1.1"] {
        assert_eq!(codes(&catcher, &[line]).await, [421], "{line}");
    }
}

#[tokio::test]
async fn an_address_is_deferred_once_and_then_taken() {
    let (catcher, _folder) = catcher().await;
    let mut client = Client::greet(&catcher).await;
    for (line, code) in [
        ("EHLO client.example", "250"),
        ("MAIL FROM:<a@x.example>", "250"),
        ("RCPT TO:<LATER@x.example>", "451"),
        ("RSET", "250"),
        ("MAIL FROM:<a@x.example>", "250"),
        ("RCPT TO:<later@x.example>", "250"),
    ] {
        assert_eq!(client.code(line).await, code, "{line}");
    }
}

#[tokio::test]
async fn a_message_is_kept_without_an_answer_once() {
    let (catcher, _folder) = catcher().await;
    for reply in ["", "250 2.0.0 caught as 0002-mail\r\n221 2.0.0 goodbye\r\n"] {
        let mut client = Client::greet(&catcher).await;
        for (line, code) in [
            ("EHLO client.example", "250"),
            ("MAIL FROM:<a@x.example>", "250"),
            ("RCPT TO:<mute@x.example>", "250"),
            ("DATA", "354"),
        ] {
            assert_eq!(client.code(line).await, code, "{line}");
        }
        // QUIT comes only where a connection is left to say it on.
        client.send("Subject: One\r\n\r\n.\r\n").await;
        if !reply.is_empty() {
            client.send("QUIT\r\n").await;
        }
        let mut answers = String::new();
        client.0.read_to_string(&mut answers).await.expect("the catcher hangs up");
        assert_eq!(answers, reply);
    }
    assert_eq!(catcher.mailbox().mails().len(), 2);
}

#[tokio::test]
async fn a_message_that_is_too_large_is_read_to_its_dot_and_refused() {
    let (catcher, _folder) = catcher().await;
    let mut client = Client::greet(&catcher).await;
    assert_eq!(client.code("EHLO client.example").await, "250");
    assert_eq!(client.code("MAIL FROM:<a@x.example> SIZE=10001").await, "552");
    client.until_data().await;
    let line = format!("{}\r\n", "x".repeat(98));
    client.send(line.repeat(101)).await;
    assert_eq!(client.code(".").await, "552");
    assert!(catcher.mailbox().mails().is_empty());
    // Exactly the limit is taken, on the same connection.
    client.until_data().await;
    client.send(line.repeat(100)).await;
    assert_eq!(client.code(".").await, "250");
    assert_eq!(newest(&catcher).await.len(), 10_000);
}

#[tokio::test]
async fn lines_over_the_limit_are_refused() {
    let (catcher, _folder) = catcher().await;
    let mut client = Client::greet(&catcher).await;
    assert_eq!(client.code(&format!("NOOP {}", "x".repeat(3_000))).await, "500");
    assert_eq!(client.code("NOOP").await, "250");
    for (length, code) in [(998, "250"), (999, "554"), (5_000, "554")] {
        client.until_data().await;
        client.send(format!("{}\r\n", "x".repeat(length))).await;
        assert_eq!(client.code(".").await, code, "{length}");
    }
    // A stuffed dot does not count.
    client.until_data().await;
    client.send(format!("..{}\r\n", "x".repeat(997))).await;
    assert_eq!(client.code(".").await, "250");
    assert_eq!(newest(&catcher).await.len(), 1_000);
}

#[tokio::test]
async fn a_second_message_cannot_be_smuggled_in_behind_a_bare_line_feed() {
    let (catcher, _folder) = catcher().await;
    let smuggled = "MAIL FROM:<evil@x.example>\r\nRCPT TO:<b@x.example>\r\nDATA\r\nSubject: Smuggled\r\n";
    for false_end in ["\n.\n", "\n.\r\n", "\r\n.\n", "\r.\r", "\r\n.\r"] {
        let mut client = Client::greet(&catcher).await;
        client.until_data().await;
        client.send(format!("Subject: One\r\n\r\ntext{false_end}{smuggled}")).await;
        assert_eq!(client.code("\r\n.").await, "554", "{false_end:?}");
    }
    assert!(catcher.mailbox().mails().is_empty());
}

#[tokio::test]
async fn a_client_that_hangs_up_before_the_dot_has_sent_nothing() {
    let (catcher, _folder) = catcher().await;
    let mut client = Client::greet(&catcher).await;
    client.until_data().await;
    client.send("Subject: Half\r\n\r\nand th").await;
    client.0.get_mut().shutdown().await.expect("shut down");
    let mut rest = Vec::new();
    client.0.read_to_end(&mut rest).await.expect("the catcher hangs up too");
    assert!(rest.is_empty() && catcher.mailbox().mails().is_empty());
}

#[tokio::test]
async fn when_it_stops_an_idle_client_is_reported() {
    let (catcher, _folder) = catcher().await;
    let mut client = Client::greet(&catcher).await;
    assert_eq!(client.code("NOOP").await, "250");
    let stopping = tokio::spawn(catcher.stop());
    assert_eq!(client.reply().await, "421 4.3.2 shutting down");
    stopping.await.expect("stops");
}

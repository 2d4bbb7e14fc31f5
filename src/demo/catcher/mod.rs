//! A mail catcher: a real SMTP server on loopback that keeps every mail and passes none on, with a page to look at
//! them. The page takes text messages, too, and shows them.

mod host;
pub mod mailbox;
mod page;
pub mod parsed_email;
pub mod text_messages;

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

pub use host::{ALWAYS, Behaviour};
pub use mailbox::{CaughtMail, Mailbox};
pub use text_messages::{CaughtText, TextMessages};

use super::smtp;
use crate::clock::Clock;

/// How a catcher is set up. It listens on 127.0.0.1 only.
#[derive(Debug)]
pub struct CatcherConfig {
    /// Where the mails are kept.
    pub folder: PathBuf,
    /// The SMTP port; 0 takes a free one.
    pub smtp_port: u16,
    /// The page's port; 0 takes a free one.
    pub page_port: u16,
    /// The largest message, in bytes; announced by SIZE.
    pub message_bytes_max: u64,
    /// How it misbehaves on purpose.
    pub behaviour: Behaviour,
}

/// A running catcher.
pub struct Catcher {
    smtp_address: SocketAddr,
    page_address: SocketAddr,
    mailbox: Mailbox,
    texts: TextMessages,
    stop: CancellationToken,
    tasks: Vec<JoinHandle<()>>,
}

impl Catcher {
    /// Opens the folder and both ports.
    ///
    /// # Errors
    /// If the folder cannot be opened or a port is taken.
    pub async fn start(config: CatcherConfig, clock: Clock) -> io::Result<Self> {
        let texts = TextMessages::new(clock.clone());
        let mailbox = Mailbox::open(&config.folder, clock).await?;
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, config.smtp_port)).await?;
        let page = TcpListener::bind((Ipv4Addr::LOCALHOST, config.page_port)).await?;
        let (smtp_address, page_address) = (listener.local_addr()?, page.local_addr()?);
        let stop = CancellationToken::new();
        let host = host::CatcherHost::new(mailbox.clone(), config.behaviour, config.message_bytes_max);
        let tasks = vec![
            tokio::spawn(smtp::serve(listener, Arc::new(host), stop.clone())),
            tokio::spawn(page::serve(page, smtp_address, mailbox.clone(), texts.clone(), stop.clone())),
        ];
        Ok(Self { smtp_address, page_address, mailbox, texts, stop, tasks })
    }

    /// Where it takes mail.
    #[must_use]
    pub const fn smtp_address(&self) -> SocketAddr {
        self.smtp_address
    }

    #[must_use]
    pub const fn page_address(&self) -> SocketAddr {
        self.page_address
    }

    /// What it caught.
    #[must_use]
    pub const fn mailbox(&self) -> &Mailbox {
        &self.mailbox
    }

    /// The text messages that it caught.
    #[must_use]
    pub const fn texts(&self) -> &TextMessages {
        &self.texts
    }

    /// Where text messages are posted to, as JSON with `to`, `from` and `text`.
    #[must_use]
    pub fn text_messages_url(&self) -> String {
        format!("http://{}/texts", self.page_address)
    }

    /// Stops taking mail and ends; a message that is being kept is kept.
    pub async fn stop(self) {
        self.stop.cancel();
        for task in self.tasks {
            // A task that panicked has nothing left to stop.
            let _ = task.await;
        }
    }
}

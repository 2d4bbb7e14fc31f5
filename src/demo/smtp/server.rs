//! Connections in, conversations held.

use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::SmtpHost;
use super::conversation::SmtpConversation;

/// How long after a connection could not be accepted the next is tried.
const ACCEPT_AGAIN: Duration = Duration::from_millis(50);

/// Takes connections until `stop`, then ends the open conversations and waits for them. Dropped, it ends them at once.
pub async fn serve<H: SmtpHost>(listener: TcpListener, host: Arc<H>, stop: CancellationToken) {
    let mut conversations = JoinSet::new();
    while let Some(accepted) = stop.run_until_cancelled(listener.accept()).await {
        let Ok((stream, _)) = accepted else {
            // Out of file descriptors, or the client was gone at once: neither ends the server.
            tokio::time::sleep(ACCEPT_AGAIN).await;
            continue;
        };
        let (host, stop) = (Arc::clone(&host), stop.clone());
        conversations.spawn(async move {
            let number = host.opened();
            // A broken connection is the client's affair; nothing was promised to it.
            if stream.set_nodelay(true).is_ok() {
                let _ = SmtpConversation::new(number, stream, stop).hold(&*host).await;
            }
            host.closed();
        });
        while conversations.try_join_next().is_some() {}
    }
    while conversations.join_next().await.is_some() {}
}

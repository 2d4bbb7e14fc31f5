//! A connection to the relay, counted among its lane's for as long as it stands.

use tokio_util::sync::CancellationToken;

use super::limits::slots::{ConnectionRefusal, OpenConnection, Slots};
use crate::relay::{Connector, RelayUnavailable, Session, Submission};

/// After so many mails a connection is replaced: load moves to hosts that came later behind one name.
const USES_MAX: u64 = 1_000;

/// A session with the relay. Dropped without [`Self::quit`], it is counted no more all the same.
pub(super) struct RelayConnection {
    pub(super) session: Session,
    open: OpenConnection,
}

/// Why there is no connection.
pub(super) struct NoConnection {
    pub(super) unavailable: RelayUnavailable,
    /// What it means, if the relay turned the connection away.
    pub(super) refusal: Option<ConnectionRefusal>,
}

impl RelayConnection {
    /// Connects to the relay. A drain (`stop`) does not wait for what a refusal means.
    pub(super) async fn open(
        connector: &Connector,
        slots: &Slots,
        stop: &CancellationToken,
    ) -> Result<Self, NoConnection> {
        let refused = match Self::open_once(connector, slots, stop).await {
            Err(none) if none.refusal == Some(ConnectionRefusal::Away) && none.unavailable.reply.is_some() => none,
            answer => return answer,
        };
        // Connections of ours that only wait for a mail may be all that the relay takes. They prove nothing, so it
        // would count as away: they go, and this one tries once more.
        if slots.idle.close().await { Self::open_once(connector, slots, stop).await } else { Err(refused) }
    }

    async fn open_once(connector: &Connector, slots: &Slots, stop: &CancellationToken) -> Result<Self, NoConnection> {
        let attempt = slots.attempt();
        match connector.connect().await {
            Ok(session) => Ok(Self { session, open: attempt.connected() }),
            Err(unavailable) if unavailable.connection_refused && !unavailable.auth_refused => {
                let refusal = stop.run_until_cancelled(attempt.refused()).await;
                Err(NoConnection { unavailable, refusal: Some(refusal.unwrap_or(ConnectionRefusal::TryAgain)) })
            }
            Err(unavailable) => Err(NoConnection { unavailable, refusal: None }),
        }
    }

    /// The connection, if another mail may go through it; otherwise it is closed.
    pub(super) async fn keep(self, submission: &Submission) -> Option<Self> {
        if submission.reusable && self.session.uses() < USES_MAX {
            return Some(self);
        }
        self.quit().await;
        None
    }

    /// Closes the connection in good manners.
    pub(super) async fn quit(self) {
        let Self { session, open } = self;
        // Before the relay has answered QUIT: its place is free for another one already.
        drop(open);
        session.quit().await;
    }
}

/// Closes a connection, if there is one.
pub(super) async fn quit(connection: Option<RelayConnection>) {
    if let Some(connection) = connection {
        connection.quit().await;
    }
}

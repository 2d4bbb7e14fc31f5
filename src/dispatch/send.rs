//! A slot: one connection to the relay, and the mails that go through it.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures_util::FutureExt;
use tokio::sync::{Mutex, mpsc, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{Instrument as _, debug, error};

use super::attempt_end::AttemptResult;
use super::context::Context;
use super::health::relay_gate::{Passing, RelayGate};
use super::limits::buffers::Buffers;
use super::limits::claims_ahead::ClaimsAhead;
use super::limits::idle::Idle;
use super::limits::rate::Rate;
use super::limits::slots::{ConnectionRefusal, Slots};
use super::owned::Owned;
use super::permit::{PermitBatcher, PermitRequest, is_outdated};
use super::prepare::{Prepared, compose_again};
use super::ready::Ready;
use super::recorder::Recorder;
use super::relay_connection::{NoConnection, RelayConnection, quit};
use super::submit_result::{SubmitResult, cut_off, panicked, signal, submit_result};
use crate::clock::Clock;
use crate::model::ids::WorkerId;
use crate::model::reason::ReasonCode;
use crate::policy::breaker::BreakerSignal;
use crate::relay::Connector;
use crate::store::{Claimed, DataPermitRequest, DeliveryContext};

/// How long a connection may wait for the next mail before it is closed in good manners.
const IDLE: Duration = Duration::from_secs(20);

/// The mails that wait for a connection; all slots of a lane take from it.
pub type ReadyQueue = Mutex<mpsc::Receiver<Ready>>;

/// What the slots of a lane share.
pub struct SmtpWorkers {
    pub worker: WorkerId,
    /// What a mail is composed with that waited too long.
    pub context: Arc<Context>,
    /// What waits to be sent.
    pub queue: ReadyQueue,
    /// Makes connections.
    pub connector: Arc<Connector>,
    /// Breaker and pause.
    pub gate: Arc<RelayGate>,
    /// The relay's rate.
    pub rate: Rate,
    /// How many slots may work.
    pub slots: Arc<Slots>,
    /// How many deliveries are claimed ahead of them.
    pub ahead: Arc<ClaimsAhead>,
    /// Permits to start DATA.
    pub starter: PermitBatcher,
    /// Writes down how attempts end.
    pub recorder: Recorder,
    /// What is being written down: a slot sends its next mail meanwhile.
    pub recordings: TaskTracker,
    /// Where a message's memory goes back to.
    pub buffers: Buffers,
    /// Time.
    pub clock: Clock,
    /// The worker drains: what is on the wire is finished, nothing new is begun.
    pub stop: CancellationToken,
    /// The drain has taken its time: what is not handed over by now is not any more.
    pub cut: CancellationToken,
}

impl SmtpWorkers {
    /// Sends mails by one slot until there are no more. `index` counts the lane's slots from 0; a slot rests while
    /// the limit is not above it.
    pub async fn run_slot(&self, index: usize) {
        let mut limit = self.slots.limit();
        let mut connection = None;
        // How long the last mail took, and since when the slot waits for the next one.
        let mut last: Option<(Duration, Instant)> = None;
        let mut at_work = None;
        loop {
            at_work.get_or_insert_with(|| self.slots.work(index));
            if *limit.borrow_and_update() <= index {
                quit(connection.take()).await;
                (at_work, last) = (None, None);
                self.rest(&mut limit, index).await;
                // During a drain no slot rests: the queue must empty.
                if !self.stop.is_cancelled() {
                    continue;
                }
            }
            let idle = connection.as_ref().map(|_| self.slots.idle.enter());
            let next = tokio::select! {
                next = tokio::time::timeout(IDLE, self.next()) => next.ok(),
                // Others need its place at the relay more.
                () = self.wanted_closed(idle.as_ref()) => None,
                // The limit has shrunk below this slot.
                _ = limit.wait_for(|limit| *limit <= index), if !self.stop.is_cancelled() => continue,
            };
            match next {
                Some(Some(ready)) => {
                    drop(idle);
                    if let Some((took, since)) = last {
                        self.ahead.connection_waited(since.elapsed(), took);
                    }
                    self.ahead.message_waited(ready.since.elapsed());
                    let span = ready.span.clone();
                    let begun = Instant::now();
                    // Boxed: the slot's future would hold it twice.
                    connection = Box::pin(self.serve(ready, connection, index)).instrument(span).await;
                    last = Some((begun.elapsed(), Instant::now()));
                }
                Some(None) => break,
                None => quit(connection.take()).await,
            }
        }
        quit(connection).await;
    }

    /// Waits until an idle connection should close: while the lane may not send, so that it does not keep out a probe,
    /// also one of another worker; or because the relay turns away a connection that this worker needs for a message.
    async fn wanted_closed(&self, idle: Option<&Idle<'_>>) {
        match idle {
            Some(idle) => tokio::select! {
                () = idle.asked_to_close() => {}
                () = self.gate.shut() => {}
            },
            None => std::future::pending().await,
        }
    }

    /// Rests until the limit is above this slot, or the worker drains. While no slot may work, what was claimed before is
    /// given back.
    async fn rest(&self, limit: &mut watch::Receiver<usize>, index: usize) {
        loop {
            let now = *limit.borrow_and_update();
            if now > index {
                return;
            }
            let ready = tokio::select! {
                // The sender lives as long as the slots, so waiting cannot fail.
                _ = limit.changed() => continue,
                () = self.stop.cancelled() => return,
                ready = self.next(), if now == 0 => ready,
            };
            let Some(ready) = ready else { return };
            self.recorder.release(&ready.owned.claimed).await;
        }
    }

    /// Waits for a message's turn by the relay's rate; `None` if this slot is not to send it: the worker drains, or has
    /// a smaller share of the relay's connections by now.
    async fn turn(&self, index: usize) -> Option<()> {
        let mut limit = self.slots.limit();
        tokio::select! {
            biased;
            () = self.stop.cancelled() => None,
            _ = limit.wait_for(|limit| *limit <= index) => None,
            () = self.turn_by_rate() => Some(()),
        }
    }

    /// Waits for a turn while the share is valid: after a time in which this worker or its database stood still, it may
    /// not be what it was, and a turn from before does not count.
    async fn turn_by_rate(&self) {
        loop {
            self.slots.confirmed().await;
            self.rate.turn().await;
            if !self.slots.is_expired() {
                return;
            }
        }
    }

    async fn next(&self) -> Option<Ready> {
        self.queue.lock().await.recv().await
    }

    /// Sends one mail and has recorded how it ended; returns the connection if it can be used again.
    async fn serve(&self, ready: Ready, connection: Option<RelayConnection>, index: usize) -> Option<RelayConnection> {
        let Ready { owned, delivery, mut prepared, waiting, since: _, span: _ } = ready;
        drop(waiting);
        prepared.memory.no_longer_ahead();
        // Before its turn: what is not sent must not use up the relay's rate.
        if self.recorder.holds(&owned.claimed, &prepared).await {
            return connection;
        }
        let turn = self.turn(index).await;
        let again = match turn {
            Some(()) if is_outdated(&prepared, &self.clock) => {
                self.compose_again(&owned, &delivery, &mut prepared).await
            }
            _ => Ok(()),
        };
        if let Err(result) = again {
            self.conclude(owned, &delivery, None, result).await;
            return connection;
        }
        let Some(passing) = turn.and_then(|()| self.gate.pass()) else {
            self.recorder.release(&owned.claimed).await;
            return connection;
        };
        // The hold may have begun meanwhile.
        if self.recorder.holds(&owned.claimed, &prepared).await {
            return connection;
        }
        let permit = self.permit(&owned.claimed, &delivery, &prepared).unless_outdated(&prepared);
        let (mut result, mut connection) = self.attempt(&owned, &prepared, connection, permit, &passing).await;
        if matches!(result, SubmitResult::Outdated) {
            if let Err(result) = self.compose_again(&owned, &delivery, &mut prepared).await {
                self.conclude(owned, &delivery, None, result).await;
                return connection;
            }
            // This one goes whatever its age: a relay that always takes that long to come to DATA gets its mail too.
            let permit = self.permit(&owned.claimed, &delivery, &prepared);
            (result, connection) = self.attempt(&owned, &prepared, connection, permit, &passing).await;
        }
        self.conclude(owned, &delivery, Some(&prepared), result).await;
        self.buffers.give_back(prepared.mail.bytes);
        connection
    }

    /// Composes a mail anew that waited too long; what came of the delivery if that cannot be done.
    async fn compose_again(
        &self,
        owned: &Owned,
        delivery: &DeliveryContext,
        prepared: &mut Prepared,
    ) -> Result<(), SubmitResult> {
        // Boxed: it is large, and rare.
        let work = Box::pin(compose_again(&self.context, self.connector.config(), &owned.claimed, delivery, prepared));
        match self.stop.run_until_cancelled(AssertUnwindSafe(work).catch_unwind()).await {
            None => Err(SubmitResult::Withdrawn),
            Some(Ok(composed)) => composed.map_err(SubmitResult::Ended),
            Some(Err(_)) => {
                error!(delivery.id = %owned.claimed.delivery, "failed to prepare a delivery: the dispatcher panicked");
                let why = "the dispatcher failed while composing; its log tells more";
                Err(SubmitResult::Ended(AttemptResult::before(ReasonCode::Internal, why)))
            }
        }
    }

    /// Sends one mail. A panic is this delivery's end, not the worker's.
    async fn attempt(
        &self,
        owned: &Owned,
        prepared: &Prepared,
        connection: Option<RelayConnection>,
        mut permit: PermitRequest<'_>,
        passing: &Passing<'_>,
    ) -> (SubmitResult, Option<RelayConnection>) {
        let sent = self.send_until_cut(prepared, connection, &mut permit, passing).await;
        sent.unwrap_or_else(|_| {
            error!(delivery.id = %owned.claimed.delivery, "failed to send a delivery: the dispatcher panicked");
            (SubmitResult::Ended(panicked(prepared, permit.started)), None)
        })
    }

    /// Has recorded how a delivery ended, or gives it back.
    async fn conclude(
        &self,
        owned: Owned,
        delivery: &DeliveryContext,
        prepared: Option<&Prepared>,
        result: SubmitResult,
    ) {
        let SubmitResult::Ended(ended) = result else { return self.recorder.release(&owned.claimed).await };
        let on_uncertain = self.connector.config().on_uncertain;
        let recording = self.recorder.record(on_uncertain, &owned.claimed, delivery, prepared, &ended);
        // The row stays in flight, and its place taken, until it is durable: a database that is slow, or away, so slows
        // the claims down.
        let recorded = async move {
            recording.await;
            drop(owned);
        };
        self.recordings.spawn(recorded.in_current_span());
    }

    /// Sends one mail, unless the drain's time is over before the final dot is handed over: then the connection is
    /// dropped, and the relay has half a message, which it must forget ([RFC 5321 §4.2.5]). `Err` is a panic.
    ///
    /// [RFC 5321 §4.2.5]: https://www.rfc-editor.org/rfc/rfc5321#section-4.2.5
    async fn send_until_cut(
        &self,
        prepared: &Prepared,
        connection: Option<RelayConnection>,
        permit: &mut PermitRequest<'_>,
        passing: &Passing<'_>,
    ) -> std::thread::Result<(SubmitResult, Option<RelayConnection>)> {
        let handed_over = Arc::clone(&permit.handed_over);
        // Boxed: a mail's whole conversation is a large future.
        let mut sending = Box::pin(AssertUnwindSafe(self.send(prepared, connection, permit, passing)).catch_unwind());
        // Sending is polled first and moves only while it is polled: the flag is as true as the cut.
        tokio::select! {
            biased;
            sent = &mut sending => return sent,
            () = self.cut.cancelled() => {}
        }
        if handed_over.load(Ordering::Relaxed) {
            return sending.await;
        }
        drop(sending);
        // Whether the start is recorded cannot be known once it was asked for: then only a record takes it back.
        Ok((if permit.asked { SubmitResult::Ended(cut_off(prepared)) } else { SubmitResult::Withdrawn }, None))
    }

    async fn send(
        &self,
        prepared: &Prepared,
        connection: Option<RelayConnection>,
        permit: &mut PermitRequest<'_>,
        passing: &Passing<'_>,
    ) -> (SubmitResult, Option<RelayConnection>) {
        let mut connection = match connection {
            Some(connection) => connection,
            None => match self.connect().await {
                Ok(connection) => connection,
                Err(none) => return (self.unavailable(prepared, &none, permit.started, passing).await, None),
            },
        };
        let mut fresh = connection.session.is_fresh();
        let mut submission = connection.session.submit(&prepared.mail.envelope, &prepared.mail.bytes, permit).await;
        if submission.broke_before_data && !fresh {
            self.slots.broke();
            self.connector.doubt_login();
            // The relay may have closed it as idle, or lost the session's state: once more on a fresh connection, without
            // using up an attempt.
            connection.quit().await;
            connection = match self.connect().await {
                Ok(connection) => connection,
                Err(none) => return (self.unavailable(prepared, &none, permit.started, passing).await, None),
            };
            fresh = true;
            submission = connection.session.submit(&prepared.mail.envelope, &prepared.mail.bytes, permit).await;
        }
        let signal = signal(&submission, fresh);
        match signal {
            BreakerSignal::Worked | BreakerSignal::Accepted | BreakerSignal::Refused => self.slots.answered(fresh),
            BreakerSignal::Unavailable | BreakerSignal::Uncertain => self.slots.broke(),
        }
        self.gate.answered_at(passing, submission.phase, signal).await;
        let connection = connection.keep(&submission).await;
        (submit_result(prepared, submission, permit), connection)
    }

    fn permit(&self, claimed: &Claimed, delivery: &DeliveryContext, prepared: &Prepared) -> PermitRequest<'_> {
        let decided = &prepared.decided;
        let start = DataPermitRequest {
            fence: claimed.fence(self.worker),
            tenant: claimed.tenant.clone(),
            customer: claimed.customer.clone(),
            decision: decided.terms,
            decision_reason: decided.reason,
            decision_inputs: prepared.decision_inputs.clone(),
            settings_version: decided.inputs.settings_version,
            customer_type: decided.inputs.customer_type,
            message_sha256: prepared.mail.sha256,
            message_date: prepared.mail.date,
            link: prepared.link.as_ref().map(|token| token.link(delivery.root, self.clock.now())),
        };
        PermitRequest::new(&self.starter, start, &self.slots, &self.clock)
    }

    async fn connect(&self) -> Result<RelayConnection, NoConnection> {
        RelayConnection::open(&self.connector, &self.slots, &self.stop).await
    }

    /// Records that no connection could be made: it uses up no attempt. It counts for the breaker unless the relay only
    /// limits connections or refuses the credentials.
    async fn unavailable(
        &self,
        prepared: &Prepared,
        NoConnection { unavailable, refusal }: &NoConnection,
        started: bool,
        passing: &Passing<'_>,
    ) -> SubmitResult {
        match refusal {
            Some(refusal @ (ConnectionRefusal::Enough | ConnectionRefusal::TryAgain)) => {
                debug!(relay = %self.connector.config().name, "the relay turned a connection away: {refusal:?}");
                // Once the start of DATA is recorded, only a record takes that back.
                if !started {
                    return SubmitResult::Withdrawn;
                }
            }
            Some(ConnectionRefusal::Away) | None if unavailable.auth_refused => {
                self.gate.credentials_refused(unavailable).await;
            }
            Some(ConnectionRefusal::Away) if unavailable.reply.is_some() => self.gate.turned_away(passing).await,
            Some(ConnectionRefusal::Away) | None => self.gate.signal(passing, BreakerSignal::Unavailable).await,
        }
        SubmitResult::Ended(AttemptResult {
            phase: Some(unavailable.phase),
            reply: unavailable.reply.clone(),
            started_at: prepared.started_at,
            ..AttemptResult::before(ReasonCode::RelayUnavailable, unavailable.to_string())
        })
    }
}

//! One login at a time, until one has worked.
//!
//! A lane opens all its connections at once. With wrong credentials each of them would be refused, and providers lock
//! an account after a few refusals. So the first login goes alone, and after a refusal mails ask no more: not those that
//! waited for it, nor those that were on their way when it came.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::{Mutex, MutexGuard};
use tokio::time::timeout;

/// Whether the credentials have worked, and who tries them.
#[derive(Debug, Default)]
pub(in crate::relay) struct FirstLogin {
    works: AtomicBool,
    refused: AtomicBool,
    alone: Mutex<()>,
}

/// What may be done about a login.
#[derive(Debug)]
pub(in crate::relay) enum LoginTurn<'a> {
    /// Log in. While the first login is under way it holds the others up.
    LogIn(Option<MutexGuard<'a, ()>>),
    /// The last login was refused: this one would be too.
    Refused,
    /// The login that was waited for takes too long.
    TooLong,
}

impl FirstLogin {
    /// Waits, `time` at most, while the first login is under way. After a refusal only who asks `anyway` has a turn.
    pub(in crate::relay) async fn turn(&self, time: Duration, anyway: bool) -> LoginTurn<'_> {
        if self.works.load(Ordering::Acquire) {
            return LoginTurn::LogIn(None);
        }
        let Ok(alone) = timeout(time, self.alone.lock()).await else { return LoginTurn::TooLong };
        if self.refused.load(Ordering::Acquire) && !anyway {
            return LoginTurn::Refused;
        }
        LoginTurn::LogIn((!self.works.load(Ordering::Acquire)).then_some(alone))
    }

    /// The relay has taken the credentials.
    pub(in crate::relay) fn accepted(&self) {
        self.refused.store(false, Ordering::Release);
        self.works.store(true, Ordering::Release);
    }

    /// The relay has refused them.
    pub(in crate::relay) fn refused(&self) {
        self.refused.store(true, Ordering::Release);
        self.doubt();
    }

    /// Whatever was refused, they may be tried: another worker has done so.
    pub(in crate::relay) fn allow(&self) {
        self.refused.store(false, Ordering::Release);
    }

    /// The relay may think otherwise by now: the next login goes alone.
    pub(in crate::relay) fn doubt(&self) {
        self.works.store(false, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    const TIME: Duration = Duration::from_secs(5);

    #[tokio::test]
    async fn who_waited_for_a_refused_login_does_not_try() {
        let login = FirstLogin::default();
        let first = login.turn(TIME, false).await;
        let mut second = Box::pin(login.turn(TIME, false));
        assert!((&mut second).now_or_never().is_none(), "one at a time");
        login.refused();
        drop(first);
        assert!(matches!(second.await, LoginTurn::Refused));
        assert!(matches!(login.turn(TIME, false).await, LoginTurn::Refused), "nor who comes later");
        assert!(matches!(login.turn(TIME, true).await, LoginTurn::LogIn(Some(_))), "but who is to try");
        login.allow();
        assert!(matches!(login.turn(TIME, false).await, LoginTurn::LogIn(Some(_))));
    }

    #[tokio::test]
    async fn once_it_works_nobody_waits() {
        let login = FirstLogin::default();
        let first = login.turn(TIME, false).await;
        let mut second = Box::pin(login.turn(TIME, false));
        assert!((&mut second).now_or_never().is_none());
        login.accepted();
        drop(first);
        assert!(matches!(second.await, LoginTurn::LogIn(None)));
        let third = login.turn(TIME, false).await;
        assert!(matches!((&third, login.turn(TIME, false).await), (LoginTurn::LogIn(None), LoginTurn::LogIn(None))));
        login.doubt();
        assert!(matches!(login.turn(TIME, false).await, LoginTurn::LogIn(Some(_))));
    }

    #[tokio::test]
    async fn nobody_waits_for_ever() {
        let login = FirstLogin::default();
        let _first = login.turn(TIME, false).await;
        assert!(matches!(login.turn(Duration::from_millis(10), false).await, LoginTurn::TooLong));
    }
}

//! Where passwords are hashed and compared: two at once, off the runtime, and few that wait.
//!
//! Each takes tens of milliseconds of a core and 19 MiB. A storm of sign-ins would otherwise take the machine from those who
//! send; the rest of it is turned away before anything is counted or compared.

use std::sync::Arc;

use secrecy::SecretString;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::spawn_blocking;

use crate::secrets::PasswordHash;

/// Hashed at once.
const AT_ONCE: usize = 2;
/// Waiting for their turn.
const WAITING_MAX: usize = 8;

/// Where passwords are hashed; one for a process.
#[derive(Debug, Clone)]
pub struct PasswordHashing {
    inside: Arc<Semaphore>,
    at_once: Arc<Semaphore>,
}

/// A place for one password.
#[derive(Debug)]
pub struct HashingPlace {
    inside: OwnedSemaphorePermit,
    at_once: Arc<Semaphore>,
}

impl Default for PasswordHashing {
    fn default() -> Self {
        Self { inside: Arc::new(Semaphore::new(AT_ONCE + WAITING_MAX)), at_once: Arc::new(Semaphore::new(AT_ONCE)) }
    }
}

impl PasswordHashing {
    /// A place; none if as many wait as may.
    #[must_use]
    pub fn enter(&self) -> Option<HashingPlace> {
        let inside = Arc::clone(&self.inside).try_acquire_owned().ok()?;
        Some(HashingPlace { inside, at_once: Arc::clone(&self.at_once) })
    }
}

impl HashingPlace {
    /// Whether the hash is this password's.
    pub async fn compare(self, hash: PasswordHash, password: SecretString) -> bool {
        self.run(move || hash.is_of(&password)).await
    }

    /// The hash of a new password.
    pub async fn hash(self, password: SecretString) -> PasswordHash {
        self.run(move || PasswordHash::of(&password)).await
    }

    /// The place is kept until the work ends, also where nobody waits for it any more.
    async fn run<T: Send + 'static>(self, work: impl FnOnce() -> T + Send + 'static) -> T {
        let Self { inside, at_once } = self;
        let turn = at_once.acquire_owned().await.expect("the semaphore is never closed");
        let working = spawn_blocking(move || {
            let done = work();
            drop((turn, inside));
            done
        });
        working.await.expect("hashing does not panic, and the runtime outlives its requests")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn ten_come_in_and_the_rest_is_turned_away() {
        let hashing = PasswordHashing::default();
        let mut inside: Vec<HashingPlace> = (0..10).map(|_| hashing.enter().expect("a place")).collect();
        assert!(hashing.enter().is_none());
        let password = SecretString::from("correct horse battery");
        let hash = inside.pop().expect("a place").hash(password.clone()).await;
        assert!(inside.pop().expect("a place").compare(hash, password).await);
        assert!(hashing.enter().is_some(), "what is done makes room");
    }
}

//! Two transactions that wait for each other: PostgreSQL ends one, which does everything again at once.

use crate::store::db::error::StoreError;

/// So often the same work is done again.
const REPEATS_MAX: u32 = 3;

/// Does `work`, and at once again if it was rolled back for another transaction's sake. Nothing of it was done then.
pub(in crate::store) async fn repeat_after_deadlock<T, F>(work: impl Fn() -> F) -> Result<T, StoreError>
where
    F: Future<Output = Result<T, StoreError>>,
{
    for _ in 0..REPEATS_MAX {
        match work().await {
            Err(StoreError::GaveWay(why)) => tracing::debug!("done again: {why}"),
            done => return done,
        }
    }
    work().await
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[tokio::test]
    async fn what_gave_way_is_done_again_and_what_goes_on_giving_way_ends() {
        let done = Cell::new(0);
        let work = |gives_way: u32| {
            done.set(done.get() + 1);
            let result = if done.get() <= gives_way { Err(StoreError::GaveWay("deadlock".into())) } else { Ok(7) };
            async move { result }
        };
        assert_eq!(repeat_after_deadlock(|| work(2)).await.expect("the third time"), 7);
        assert_eq!(done.replace(0), 3);
        assert!(repeat_after_deadlock(|| work(9)).await.is_err());
        assert_eq!(done.get(), 4);
    }
}

//! One bad value never stops the rest: a batch that is refused is halved until the guilty items stand alone.

use std::future::Future;
use std::ops::Range;

/// Writes `items` in as few batches as the guilty ones allow; returns one result for each, in order.
///
/// `write` gets a part of `items` and returns one result for each of them. An error for which `is_guilt` holds halves
/// the part; a single item keeps it as its result.
///
/// # Errors
/// The first error for which `is_guilt` does not hold; parts written before stay written.
pub async fn bisect<'a, T, R, E, F, W>(
    items: &'a [T],
    is_guilt: impl Fn(&E) -> bool,
    write: W,
) -> Result<Vec<Result<R, E>>, E>
where
    W: Fn(&'a [T]) -> F,
    F: Future<Output = Result<Vec<R>, E>>,
{
    let mut results = Vec::with_capacity(items.len());
    // The parts still to be written, the first on top, so that results come in order.
    let mut parts: Vec<Range<usize>> = Vec::from([Range { start: 0, end: items.len() }]);
    while let Some(part) = parts.pop() {
        if part.is_empty() {
            continue;
        }
        match write(&items[part.clone()]).await {
            Ok(written) => results.extend(written.into_iter().map(Ok)),
            Err(error) if !is_guilt(&error) => return Err(error),
            Err(error) if part.len() == 1 => results.push(Err(error)),
            Err(_) => {
                let middle = part.start + part.len() / 2;
                parts.push(middle..part.end);
                parts.push(part.start..middle);
            }
        }
    }
    Ok(results)
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[tokio::test]
    async fn only_the_guilty_fail() {
        let writes = Cell::new(0);
        let items: Vec<u32> = (0..64).collect();
        let results = bisect(
            &items,
            |_: &&str| true,
            |part| {
                writes.set(writes.get() + 1);
                let refused = part.iter().any(|item| [5, 40].contains(item));
                async move { if refused { Err("refused") } else { Ok(part.to_vec()) } }
            },
        )
        .await
        .expect("guilt is no failure of the whole");
        for (item, result) in items.iter().zip(results) {
            assert_eq!(result.is_err(), [5, 40].contains(item));
        }
        assert!(writes.get() <= 25, "{} writes", writes.get());
    }

    #[tokio::test]
    async fn an_outage_is_nobodys_guilt() {
        let items = [1, 2, 3];
        let result = bisect(&items, |error: &&str| *error == "refused", |_| async { Err::<Vec<()>, _>("away") }).await;
        assert_eq!(result.err(), Some("away"));
    }
}

//! More requests at once than can be worked on: each gets an answer, and what was taken is kept.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use sqlx::{Connection, SqliteConnection};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::api::support::{Answer, Api, EVENT, event};
use crate::harness::database::TestDatabase;

/// Fewer than a process may have open files, on most machines: both ends are in this one.
const CONNECTIONS: usize = 200;

/// Posts all at once; answers with the events, in no order. None where the connection was closed before the request had
/// come: a full listener makes room by those that wait, and a client may choose one at that moment.
async fn post_all(api: &Arc<Api>, events: Vec<Value>) -> Vec<(Value, Option<Answer>)> {
    let connections = Arc::new(Semaphore::new(CONNECTIONS));
    let mut posts = JoinSet::new();
    for event in events {
        let (api, connections) = (api.clone(), connections.clone());
        posts.spawn(async move {
            let _connection = connections.acquire().await.expect("never closed");
            let answer = api.try_post(EVENT, event.to_string()).await;
            (event, answer)
        });
    }
    posts.join_all().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_500_posts_nothing_is_lost_that_was_accepted() {
    let database = TestDatabase::sqlite().await;
    let api = Arc::new(Api::start(&database).await);
    api.remember_acme().await;
    let mut left: Vec<Value> = (0..500).map(|_| event()).collect();
    let mut accepted = HashSet::new();
    while !left.is_empty() {
        let answers = post_all(&api, std::mem::take(&mut left)).await;
        for (event, answer) in answers {
            let Some(answer) = answer else {
                left.push(event);
                continue;
            };
            if answer.status == 202 {
                assert_eq!(answer.json[0]["result"], "accepted", "{answer:?}");
                accepted.insert(event["id"].as_str().expect("a text").to_owned());
            } else {
                assert!(matches!(answer.status.as_u16(), 429 | 503), "{answer:?}");
                assert!(answer.header("retry-after").parse::<u16>().is_ok_and(|seconds| seconds > 0), "{answer:?}");
                left.push(event);
            }
        }
        let stored = database.texts("SELECT event_id FROM event").await;
        assert_eq!(stored.into_iter().collect::<HashSet<_>>(), accepted);
    }
    assert_eq!(accepted.len(), 500);
    assert_eq!(database.number("SELECT COUNT(*) FROM delivery").await, 500);
    database.assert_ledger().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_cannot_be_worked_on_is_reported_to_come_again() {
    let database = TestDatabase::sqlite().await;
    let api = Arc::new(Api::start(&database).await);
    api.remember_acme().await;
    // Another process writes, so that nothing that we begin can end.
    let path = database.url.as_str();
    let mut other = SqliteConnection::connect(path).await.expect("the file opens");
    sqlx::raw_sql("BEGIN IMMEDIATE").execute(&mut other).await.expect("the writer's place");

    let mut posts = JoinSet::new();
    for _ in 0..100 {
        let api = api.clone();
        posts.spawn(async move { api.post(EVENT, event().to_string()).await });
    }
    // All but the four that are worked on: those who found no place at once, and those who waited in vain.
    for _ in 0..96 {
        let answer = tokio::time::timeout(Duration::from_secs(9), posts.join_next()).await;
        let answer = answer.expect("in time").expect("one is left").expect("no panic");
        answer.refusal(429);
        assert_eq!(answer.header("retry-after"), "1");
    }
    // Their storm keeps no other client out.
    api.get("/api/v1/tenants/acme").await.success(200);
    sqlx::raw_sql("ROLLBACK").execute(&mut other).await.expect("given back");
    for answer in posts.join_all().await {
        answer.success(202);
    }
    assert_eq!(database.number("SELECT COUNT(*) FROM event").await, 4);
}

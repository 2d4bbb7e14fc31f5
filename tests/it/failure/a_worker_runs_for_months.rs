//! A worker that is never restarted keeps what it still needs.

use std::time::Duration;

use crate::harness::database::TestDatabase;
use crate::harness::dispatcher::Dispatcher;
use crate::harness::sink::Sink;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn its_templates_are_reported_before_each_round_of_forgetting() {
    let sink = Sink::start().await;
    let mut dispatcher = Dispatcher::new(TestDatabase::sqlite().await, &sink).await;
    dispatcher.start();
    dispatcher.wait_until("SELECT COUNT(*) FROM template_version", 1).await;
    dispatcher.database.clock.advance(Duration::from_hours(100 * 24));
    let today = format!("SELECT COUNT(*) FROM template_version WHERE seen_at >= {}", dispatcher.database.clock.now().0);
    dispatcher.pass_until(&today, 1).await;
    dispatcher.finish().await;
}

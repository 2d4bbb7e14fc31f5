//! The relay takes a mail while the database is away: the write is repeated, never the send.

use std::time::Duration;

use invoice_dispatcher::model::state::{Concluded, DeliveryState};

use crate::harness::process::Site;
use crate::harness::servers::PrivateServers;
use crate::harness::sink::{Act, Script, Sink, Step};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_mail_is_recorded_as_sent_and_not_sent_again() {
    let servers = PrivateServers::start_postgres_alone().await;
    let sink = Sink::scripted(Script::new().on(Step::Dot, Act::Slow(Duration::from_secs(3)))).await;
    let site = Site::new(&servers.database_url(), None, &sink).await;
    let worker = site.start();
    crate::failure::processes_are_killed::take_in(&site, &[("a", "ap@customer.example")]).await;
    sink.wait_for("DATA", |state| state.data_phases == 1).await;
    servers.kill_postgres().await;
    sink.wait_for("the 250", |state| state.mails.len() == 1).await;
    servers.start_postgres().await;
    let counts = crate::failure::processes_are_killed::until_concluded(&site.store, 1).await;

    assert_eq!(counts.get(&DeliveryState::Concluded(Concluded::Sent)), Some(&1), "{counts:?}");
    assert_eq!(sink.mails_and_data_phases(), (1, 1));
    assert!(worker.stop().await.success());
    site.assert_adds_up().await;
}

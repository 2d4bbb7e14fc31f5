//! A relay says of one recipient that a limit is reached, in the words of a sender's limit: nothing is wrong with the
//! sender, whose other emails wait for moments only, and only once.

use std::time::Duration;

use super::senders::{holds, mails};
use crate::harness::database::{TestDatabase, on_both_databases};
use crate::harness::dispatcher::Dispatcher;
use crate::harness::sink::{Act, Script, Sink, Step};

on_both_databases!(a_small_tenant_is_held_for_moments_and_once);

async fn a_small_tenant_is_held_for_moments_and_once(database: TestDatabase) {
    let full = "ap+0@customer-0.example";
    let sink = Sink::scripted(Script::new().on_address(full, Step::Rcpt, Act::reply("550 5.4.5 too much today"))).await;
    let mut dispatcher = Dispatcher::new(database, &sink).await;
    dispatcher.take(&mails(&dispatcher, "acme", "ap", 1, 1)).await;
    dispatcher.start();
    dispatcher.pass_until("SELECT COUNT(*) FROM sender_hold", 1).await;
    assert_eq!(holds(&dispatcher.database).await, ["rechnung@acme.example daily_limit rcpt 550 5.4.5"]);

    let sent = "SELECT COUNT(*) FROM delivery WHERE concluded = 'sent'";
    for (local, count) in [("one", 3), ("two", 6), ("three", 9)] {
        dispatcher.take(&mails(&dispatcher, "acme", local, 3, 3)).await;
        let before = dispatcher.database.clock.now();
        dispatcher.pass_until(sent, count).await;
        let passed = dispatcher.database.clock.now().since(before);
        // The first trial comes after 30 s, and another one would two minutes after that.
        assert!(passed < Duration::from_mins(2), "{local} waited for {passed:?}");
        // The one delivery has been tried again by then.
        dispatcher.pass_until("SELECT COUNT(*) FROM lane_entry WHERE attempts >= 1", 1).await;
        assert!(holds(&dispatcher.database).await.is_empty(), "it holds no sender a second time");
    }
    sink.behave(Script::new());
    dispatcher.pass_until_concluded().await;
    assert_eq!(dispatcher.database.number(sent).await, 10);
    dispatcher.finish().await;
}

//! Whatever words a relay has for a sender that it does not take: no invoice of the batch dies, none ends as if its
//! customer were to blame, and other tenants go on.

use std::time::Duration;

use super::senders::{ended, holds, mails, pass, pass_until_ended, waiting};
use crate::harness::database::{TestDatabase, on_both_databases};
use crate::harness::dispatcher::Dispatcher;
use crate::harness::sink::{Act, Script, Sink, Step};

on_both_databases!(
    by_policy_at_rcpt,
    as_ses_says_it,
    as_exchange_says_it,
    as_exim_says_it,
    two_tenants_on_one_day,
    tenants_behind_one_bounce_address,
    among_dead_mailboxes,
);

const BATCH: usize = 60;

/// A hold is tried after five minutes for the first time.
const OTHERS_MINUTES_MAX: f64 = 5.0;

async fn tenants(database: TestDatabase, script: Script, refused: &[&str]) -> (Dispatcher, Sink) {
    let sink = Sink::scripted(script).await;
    let mut dispatcher = Dispatcher::new(database, &sink).await;
    for tenant in refused {
        dispatcher.add_tenant(tenant, "include").await;
        dispatcher.take(&mails(&dispatcher, tenant, "ap", BATCH, BATCH)).await;
    }
    dispatcher.take(&mails(&dispatcher, "acme", "good", BATCH, BATCH)).await;
    dispatcher.start();
    (dispatcher, sink)
}

/// For three hours all of the batch waits, and then goes out once the relay takes the sender.
async fn nothing_is_lost(mut dispatcher: Dispatcher, sink: &Sink, refused: &[&str], expected: &[&str]) {
    let minutes = pass_until_ended(&dispatcher, "acme", "sent", BATCH).await;
    assert!(minutes < OTHERS_MINUTES_MAX, "others go on, after {minutes}");
    let batch = i64::try_from(BATCH).expect("a small number");
    for tenant in refused {
        // But for one, by which the hold may be tried.
        let held = format!(
            "SELECT COUNT(*) FROM (
                 SELECT 1 FROM lane_entry WHERE held IS NOT NULL AND tenant_id = '{tenant}' LIMIT {}) AS held",
            batch - 1
        );
        dispatcher.pass_until(&held, batch - 1).await;
    }
    assert_eq!(holds(&dispatcher.database).await, expected);
    pass(&dispatcher, Duration::from_hours(1)).await;
    dispatcher.stop().await;
    dispatcher.start();
    pass(&dispatcher, Duration::from_hours(2)).await;
    for tenant in refused {
        assert_eq!(waiting(&dispatcher.database, tenant).await, batch, "{tenant} waits");
    }
    assert_eq!(dispatcher.database.number("SELECT COUNT(*) FROM dead_letter WHERE state = 'open'").await, 0);
    sink.behave(Script::new());
    // The trials are two hours apart by now.
    pass(&dispatcher, Duration::from_mins(121)).await;
    for tenant in refused {
        pass_until_ended(&dispatcher, tenant, "sent", BATCH).await;
    }
    assert!(holds(&dispatcher.database).await.is_empty());
    dispatcher.finish().await;
}

async fn one_is_refused(database: TestDatabase, step: Step, reply: &str, hold: &str) {
    let script = Script::new().on_sender("rechnung@bad.example", step, Act::reply(reply));
    let (dispatcher, sink) = tenants(database, script, &["bad"]).await;
    nothing_is_lost(dispatcher, &sink, &["bad"], &[hold]).await;
}

async fn by_policy_at_rcpt(database: TestDatabase) {
    let hold = "rechnung@bad.example refused rcpt 550 5.7.1";
    one_is_refused(database, Step::Rcpt, "550 5.7.1 not you", hold).await;
}

async fn as_ses_says_it(database: TestDatabase) {
    let reply = "554 Message rejected: Email address is not verified.";
    one_is_refused(database, Step::Dot, reply, "rechnung@bad.example refused final_dot 554").await;
}

async fn as_exchange_says_it(database: TestDatabase) {
    let reply = "554 5.2.252 SendAsDenied; rechnung@bad.example not allowed to send as it";
    one_is_refused(database, Step::Dot, reply, "rechnung@bad.example refused final_dot 554 5.2.252").await;
}

async fn as_exim_says_it(database: TestDatabase) {
    let hold = "rechnung@bad.example same_words rcpt 550";
    one_is_refused(database, Step::Rcpt, "550 Sender verify failed", hold).await;
}

async fn two_tenants_on_one_day(database: TestDatabase) {
    let script = ["bad", "worse"].iter().fold(Script::new(), |script, tenant| {
        script.on_sender(&format!("rechnung@{tenant}.example"), Step::Rcpt, Act::reply("550 5.7.1 not you"))
    });
    let (dispatcher, sink) = tenants(database, script, &["bad", "worse"]).await;
    let expected = ["rechnung@bad.example refused rcpt 550 5.7.1", "rechnung@worse.example refused rcpt 550 5.7.1"];
    nothing_is_lost(dispatcher, &sink, &["bad", "worse"], &expected).await;
}

/// The relay knows them by their From addresses, and says so when it has seen them.
async fn tenants_behind_one_bounce_address(database: TestDatabase) {
    let sink = Sink::start().await;
    let mut dispatcher = Dispatcher::new(database, &sink).await;
    dispatcher.add_tenant("bad", "include").await;
    dispatcher
        .database
        .execute(
            "UPDATE tenant_profile SET body = REPLACE(body, '\"sender\":{', '\"sender\":{\"bounce_address\":\"bounces@platform.example\",')
             WHERE body NOT LIKE '%bounce_address%'",
        )
        .await;
    dispatcher.take(&mails(&dispatcher, "bad", "dot-554-5.7.1", BATCH, BATCH)).await;
    dispatcher.take(&mails(&dispatcher, "acme", "good", BATCH, BATCH)).await;
    dispatcher.start();
    let minutes = pass_until_ended(&dispatcher, "acme", "sent", BATCH).await;
    assert!(minutes < OTHERS_MINUTES_MAX, "others go on, after {minutes}");
    pass(&dispatcher, Duration::from_mins(30)).await;
    let expected = ["rechnung@bad.example via bounces@platform.example refused final_dot 554 5.7.1"];
    assert_eq!(holds(&dispatcher.database).await, expected);
    assert_eq!(waiting(&dispatcher.database, "bad").await, i64::try_from(BATCH).expect("a small number"));
    assert!(sink.mails().iter().all(|mail| mail.sender == "bounces@platform.example"));
    dispatcher.take(&mails(&dispatcher, "acme", "more", BATCH, BATCH)).await;
    pass_until_ended(&dispatcher, "acme", "sent", BATCH * 2).await;
    dispatcher.finish().await;
}

/// Relays that look at the recipient first say of some that they are unknown: that ends the hold, and the next refusals
/// begin it anew. None of the others is lost by it.
async fn among_dead_mailboxes(database: TestDatabase) {
    let sink =
        Sink::scripted(Script::new().on_sender("rechnung@bad.example", Step::Rcpt, Act::reply("550 5.7.1 not you")))
            .await;
    let mut dispatcher = Dispatcher::new(database, &sink).await;
    dispatcher.add_tenant("bad", "include").await;
    let mut script = Script::new();
    for n in 0..4 {
        let address = format!("ap+{n}@customer-{n}.example");
        script = script.on_address(&address, Step::Rcpt, Act::reply("550 5.1.1 no such user"));
    }
    sink.behave(script.on_sender("rechnung@bad.example", Step::Rcpt, Act::reply("550 5.7.1 not you")));
    dispatcher.take(&mails(&dispatcher, "bad", "ap", BATCH, BATCH)).await;
    dispatcher.start();
    pass(&dispatcher, Duration::from_hours(4)).await;
    let rejected = ended(&dispatcher.database, "bad", "rejected").await;
    assert!(rejected <= 4, "{rejected}");
    assert_eq!(waiting(&dispatcher.database, "bad").await + rejected, i64::try_from(BATCH).expect("a small number"));
    assert_eq!(holds(&dispatcher.database).await.len(), 1);
    dispatcher.finish().await;
}

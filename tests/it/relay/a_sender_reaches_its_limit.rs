//! The relay takes no more of this sender today: no delivery is to blame, none loses an attempt, and the relay is not
//! hammered.

use std::time::Duration;

use serde_json::json;

use crate::harness::database::{TestDatabase, on_both_databases};
use crate::harness::dispatcher::Dispatcher;
use crate::harness::relay::relay;
use crate::harness::sink::{Act, Script, Sink, Step};

on_both_databases!(what_is_over_the_limit_waits_uncounted_and_goes_out_later,);

const SENT: &str = "SELECT COUNT(*) FROM delivery WHERE concluded = 'sent'";
const PUT_OFF: &str = "SELECT COUNT(DISTINCT delivery_id) FROM attempt JOIN lane_entry USING (delivery_id)
                       WHERE class = 'deferred' AND state = 'due' AND attempts = 0";

async fn what_is_over_the_limit_waits_uncounted_and_goes_out_later(database: TestDatabase) {
    let sink = Sink::start().await;
    let mut dispatcher = Dispatcher::with(database, &[relay("default", &sink).connections(1)]).await;
    dispatcher.start();
    let limits = [
        (Step::Mail, "550 5.4.5 Daily SMTP relay sending limit exceeded for customer."),
        (Step::Rcpt, "550 5.1.90 Your message can't be sent because you've reached your daily limit"),
        (Step::Dot, "554 5.2.0 SubmissionQuotaExceededException; the sender's submission quota was exceeded"),
        (Step::Rcpt, "550 Domain acme.example has exceeded the max emails per hour allowed."),
    ];
    for (number, (step, reply)) in limits.into_iter().enumerate() {
        sink.behave(Script::new().on(step, Act::reply(reply)));
        // Each is another sender's.
        let tenant = format!("t{number}");
        dispatcher.add_tenant(&tenant, "exclude_for_private").await;
        let mut event = dispatcher.event(&number.to_string(), "C-1");
        event["data"]["tenant_id"] = json!(tenant);
        event["data"]["documents"] = json!([dispatcher.add_document(&format!("{tenant}/a.pdf"), b"%PDF-1.4")]);
        dispatcher.take(&[event]).await;
        dispatcher.wait_until(PUT_OFF, i64::try_from(number).unwrap() + 1).await;
    }
    // Twelve hours of it: no delivery dies, and none is tried more often than every 24 minutes.
    let tries = sink.see(|state| state.count(Step::Mail));
    for _ in 0..12 * 60 {
        dispatcher.leap(Duration::from_mins(1)).await;
        dispatcher.step().await;
    }
    let more = sink.see(|state| state.count(Step::Mail)) - tries;
    assert!((1..=4 * 30).contains(&more), "{more} further tries in twelve hours");
    let lost = "SELECT COUNT(*) FROM lane_entry WHERE attempts > 0";
    assert_eq!(dispatcher.database.number(lost).await, 0, "{:#?}", dispatcher.states().await);
    assert_eq!(dispatcher.database.number("SELECT COUNT(*) FROM relay_state WHERE breaker <> 'closed'").await, 0);

    sink.behave(Script::new());
    for _ in 0..3 * 60 {
        dispatcher.leap(Duration::from_mins(1)).await;
        dispatcher.step().await;
    }
    // Each has been tried by now; the last one may be at the relay yet.
    dispatcher.wait_until(SENT, 4).await;
    assert_eq!(dispatcher.database.number("SELECT COUNT(*) FROM delivery WHERE attempts = 1").await, 4);
    dispatcher.finish().await;
}

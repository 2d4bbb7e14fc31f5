//! A relay refuses every mail for three hours, as if every recipient were unknown or every sender unwelcome. Nothing is
//! lost, however many tenants send by it, and a few minutes after it works again all is on its way.

use std::collections::BTreeSet;
use std::time::Duration;

use super::senders::{ended, holds, mails, minutes, pass};
use crate::harness::database::{TestDatabase, on_both_databases};
use crate::harness::dispatcher::Dispatcher;
use crate::harness::sink::{Act, Script, Sink, Step};

on_both_databases!(
    twelve_mails_of_one_tenant,
    twelve_mails_of_each_of_three_tenants,
    before_it_names_a_recipient,
    and_the_worker_restarts,
);

/// That it refuses every sender is known.
const REFUSES_EVERYBODY: &str = "SELECT COUNT(*) FROM relay_state WHERE refused_code IS NOT NULL";
const STATE: &str = "SELECT breaker || ' ' || COALESCE(reason, '-') FROM relay_state";

async fn refusing(database: TestDatabase, step: Step, tenants: &[&str], each: usize) -> (Dispatcher, Sink) {
    let sink = Sink::scripted(Script::new().on(step, Act::reply("550 no"))).await;
    let mut dispatcher = Dispatcher::new(database, &sink).await;
    for tenant in tenants {
        if *tenant != "acme" {
            dispatcher.add_tenant(tenant, "include").await;
        }
        dispatcher.take(&mails(&dispatcher, tenant, "ap", each, each)).await;
    }
    dispatcher.start();
    (dispatcher, sink)
}

/// After the three hours nothing has ended; then the relay works again, and all is sent.
async fn all_is_sent_afterwards(dispatcher: Dispatcher, sink: &Sink, tenants: &[&str], each: usize) {
    let all = i64::try_from(tenants.len() * each).expect("a small number");
    assert_eq!(dispatcher.database.number("SELECT COUNT(*) FROM lane_entry").await, all);
    assert_eq!(dispatcher.database.number("SELECT COUNT(*) FROM dead_letter WHERE state = 'open'").await, 0);
    let refused = minutes(&dispatcher.database);
    sink.behave(Script::new());
    dispatcher.pass_until("SELECT COUNT(*) FROM delivery WHERE concluded = 'sent'", all).await;
    let after = minutes(&dispatcher.database) - refused;
    println!("{all} mails of {} tenants: all sent {after:.2} min after the relay works again", tenants.len());
    assert!(after < 5.0, "{after}");
    assert!(holds(&dispatcher.database).await.is_empty());
    assert!(!dispatcher.database.texts(STATE).await.iter().any(|state| state.starts_with("open")));
    dispatcher.finish().await;
}

async fn twelve_mails_of_one_tenant(database: TestDatabase) {
    let (dispatcher, sink) = refusing(database, Step::Rcpt, &["acme"], 12).await;
    pass(&dispatcher, Duration::from_hours(3)).await;
    assert_eq!(holds(&dispatcher.database).await, ["rechnung@acme.example same_words rcpt 550"]);
    all_is_sent_afterwards(dispatcher, &sink, &["acme"], 12).await;
}

async fn twelve_mails_of_each_of_three_tenants(database: TestDatabase) {
    let tenants = ["acme", "beta", "gamma"];
    let (dispatcher, sink) = refusing(database, Step::Rcpt, &tenants, 12).await;
    dispatcher.pass_until(REFUSES_EVERYBODY, 1).await;
    pass(&dispatcher, Duration::from_mins(10)).await;
    let state = dispatcher.database.texts(STATE).await.join(", ");
    let holds_stand = holds(&dispatcher.database).await;
    assert!(state.ends_with("the relay refuses every sender (550 to rcpt)"), "{state}; {holds_stand:?}");
    assert!(holds(&dispatcher.database).await.is_empty(), "they have dissolved");
    let senders: BTreeSet<String> = sink.see(|state| {
        let mails = state.commands.iter().filter(|command| command.line.starts_with("MAIL"));
        mails.rev().take(12).filter_map(|mail| mail.line.split(['<', '>']).nth(1).map(str::to_owned)).collect()
    });
    assert_eq!(senders.len(), 3, "each is tried in its turn: {senders:?}");
    pass(&dispatcher, Duration::from_mins(170)).await;
    all_is_sent_afterwards(dispatcher, &sink, &tenants, 12).await;
}

async fn before_it_names_a_recipient(database: TestDatabase) {
    let tenants = ["acme", "beta"];
    let (dispatcher, sink) = refusing(database, Step::Mail, &tenants, 12).await;
    dispatcher.pass_until(REFUSES_EVERYBODY, 1).await;
    pass(&dispatcher, Duration::from_hours(3)).await;
    let state = dispatcher.database.texts(STATE).await.remove(0);
    assert!(state.ends_with("the relay refuses every sender (550 to mail)"), "{state}");
    all_is_sent_afterwards(dispatcher, &sink, &tenants, 12).await;
}

async fn and_the_worker_restarts(database: TestDatabase) {
    let tenants = ["acme", "beta", "gamma"];
    let (mut dispatcher, sink) = refusing(database, Step::Rcpt, &tenants, 12).await;
    dispatcher.pass_until(REFUSES_EVERYBODY, 1).await;
    for _ in 0..4 {
        pass(&dispatcher, Duration::from_mins(3)).await;
        dispatcher.stop().await;
        dispatcher.start();
    }
    pass(&dispatcher, Duration::from_mins(30)).await;
    for tenant in tenants {
        assert_eq!(ended(&dispatcher.database, tenant, "rejected").await, 0);
    }
    all_is_sent_afterwards(dispatcher, &sink, &tenants, 12).await;
}

/// Takes minutes: scripts/prove load.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a long proof: scripts/prove load"]
async fn load_five_thousand_mails_of_fifty_tenants() {
    let names: Vec<String> = (0..50).map(|n| format!("t{n}")).collect();
    let tenants: Vec<&str> = names.iter().map(String::as_str).collect();
    let (dispatcher, sink) = refusing(TestDatabase::postgres().await, Step::Rcpt, &tenants, 100).await;
    dispatcher.pass_until(REFUSES_EVERYBODY, 1).await;
    pass(&dispatcher, Duration::from_hours(3)).await;
    assert_eq!(dispatcher.database.number("SELECT COUNT(*) FROM lane_entry").await, 5_000);
    assert_eq!(dispatcher.database.number("SELECT COUNT(*) FROM dead_letter WHERE state = 'open'").await, 0);
    let refused = minutes(&dispatcher.database);
    sink.behave(Script::new());
    // How long it takes is the machine's matter: the clock goes on while it sends.
    while dispatcher.database.number("SELECT COUNT(*) FROM lane_entry").await > 0 {
        pass(&dispatcher, Duration::from_mins(1)).await;
    }
    let after = minutes(&dispatcher.database) - refused;
    println!("5000 mails of 50 tenants: all sent {after:.2} min after the relay works again");
    assert_eq!(sink.mails_and_data_phases().0, 5_000);
    dispatcher.finish().await;
}

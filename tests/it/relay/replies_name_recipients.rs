//! A relay repeats the recipients that it was given, in one spelling or another: nothing but the attempt's own reply keeps
//! them, and only `explain --addresses` shows it.

use std::collections::BTreeSet;
use std::fs::{self, File};

use bytes::Bytes;
use invoice_dispatcher::intake::Parsed;
use invoice_dispatcher::model::incoming::{Incoming, Via};
use serde_json::{Value, json};

use crate::harness::broker::until;
use crate::harness::command_line::CommandLine;
use crate::harness::database::{TestDatabase, on_both_databases};
use crate::harness::process::Site;
use crate::harness::sink::{Act, Script, Sink, Step};

on_both_databases!(what_a_relay_repeats_stays_in_the_attempt);

/// Local parts that stand nowhere else.
const REJECTED: &str = "lindqvist.rejected";
const REFUSED: &str = "lindqvist.refused";
const DEFERRED: &str = "lindqvist.deferred";
const BLIND: &str = "lindqvist.blind";
/// Whom the relay names by itself.
const FORWARDED: &str = "privat.forwarded";

/// The columns that hold recipients because they must: who is written to, the event itself, and the attempt's own words.
const HOLDERS: &[&str] = &["attempt.reply", "attempt.refused", "delivery.recipients"];

fn address(local: &str) -> String {
    format!("{local}@customer.example")
}

fn script() -> Script {
    let rejected =
        "550-5.1.1 <LINDQVIST.Rejected@\r\n550 5.1.1 customer.example>: user lindqvist.rejected unknown".to_owned();
    let refused = format!(
        "554 5.7.1 mail to lindqvist%2Erefused%40customer.example refused, SRS0=x=y=customer.example={REFUSED}@relay.example, \
         forwarded to {FORWARDED}@home.example"
    );
    let deferred = format!("451 4.7.1 \"{DEFERRED}\"@customer.example is greylisted");
    let blind = format!("550 5.1.1 <{BLIND}>... User unknown");
    Script::new()
        .on_address(&address(REJECTED), Step::Rcpt, Act::reply(&rejected))
        .on_address(&address(REFUSED), Step::Dot, Act::reply(&refused))
        .on_address(&address(DEFERRED), Step::Rcpt, Act::reply(&deferred))
        .on_address(&address(BLIND), Step::Rcpt, Act::reply(&blind))
}

async fn take(site: &Site, events: &[Value]) {
    let parsed = |event: &Value| {
        let body = Bytes::from(event.to_string());
        Parsed::of(Incoming::new(body, Via::File))
    };
    let batch: Vec<Parsed> = events.iter().map(parsed).collect();
    site.app().intake.take(&batch).await.expect("the database answers");
}

/// Every column of texts that names one of them.
async fn columns_that_name(database: &TestDatabase, names: &[&str]) -> BTreeSet<String> {
    let columns = if database.url.starts_with("postgres") {
        "SELECT table_name || '.' || column_name FROM information_schema.columns WHERE table_schema = 'public'"
    } else {
        "SELECT kind.name || '.' || columns.name FROM sqlite_master AS kind
         JOIN pragma_table_info(kind.name) AS columns WHERE kind.type = 'table'"
    };
    let mut found = BTreeSet::new();
    for column in database.texts(columns).await {
        let (table, name) = column.split_once('.').expect("a table and a column");
        for local in names {
            let query = format!(
                "SELECT COUNT(*) FROM {table} WHERE lower(CAST({name} AS text)) LIKE '%{}%'",
                local.to_lowercase()
            );
            if database.number(query).await > 0 {
                found.insert(column.clone());
            }
        }
    }
    found
}

async fn what_a_relay_repeats_stays_in_the_attempt(database: TestDatabase) {
    let names = [REJECTED, REFUSED, DEFERRED, BLIND, FORWARDED];
    let database = database.unlocked().await;
    let sink = Sink::scripted(script()).await;
    let mut site = Site::new(&database.url, None, &sink).await;
    site.set("LOG_FILTER", "info,invoice_dispatcher=debug");
    let mut events: Vec<Value> =
        [REJECTED, REFUSED, DEFERRED].iter().map(|local| site.event(local, &address(local))).collect();
    // Numbers and ids of their own: those of the invoice may be shown.
    for (index, event) in events.iter_mut().enumerate() {
        let number = format!("R-{index}");
        event["id"] = json!(number);
        event["data"]["invoice"]["id"] = json!(format!("inv-{index}"));
        event["data"]["invoice"]["number"] = json!(number);
        // The file's name is shown as well.
        event["data"]["documents"][0]["name"] = json!("Rechnung.pdf");
    }
    let recipients = events[0]["data"]["recipients"].as_array_mut().expect("recipients");
    recipients.push(json!({ "role": "bcc", "address": address(BLIND) }));
    take(&site, &events).await;

    let logged = tempfile::tempdir().expect("a folder");
    let log = logged.path().join("worker.log");
    let worker = site.start_limited(&["worker"], File::create(&log).expect("a file"));
    until("every mail was tried", async || {
        database.number("SELECT COUNT(*) FROM attempt").await >= 4
            && database.number("SELECT COUNT(*) FROM lane_entry WHERE state = 'sending' OR attempts = 0").await == 0
    })
    .await;
    assert!(worker.stop().await.success());

    let tried = database.texts("SELECT reply FROM attempt ORDER BY class, reply").await.join("\n").to_lowercase();
    for local in [REJECTED, DEFERRED, BLIND, FORWARDED] {
        assert!(tried.contains(local), "the attempt keeps the relay's words: {tried}");
    }
    let holders: BTreeSet<String> = HOLDERS.iter().map(|column| (*column).to_owned()).collect();
    let named = columns_that_name(&database, &names).await;
    let bodies: BTreeSet<String> = ["event.body".to_owned()].into();
    assert!(named.difference(&holders).all(|column| bodies.contains(column)), "{named:?}");
    assert!(named.contains("attempt.reply"), "the search finds what is there: {named:?}");

    let log = fs::read_to_string(&log).expect("the log");
    assert!(log.contains("invoice R-0 of acme is rejected: the relay answered 550 5.1.1"), "{log}");
    let here = CommandLine::new().with("DATABASE_URL", &database.url);
    let mut shown = vec![("the log".to_owned(), log)];
    for line in [
        "deliveries list",
        "deliveries list --json",
        "dead-letters list",
        "dead-letters list --json",
        "dead-letters groups",
        "dead-letters groups --json",
        "relays list",
        "doctor --ledger",
        "explain --tenant acme --invoice R-0",
        "explain --tenant acme --invoice R-0 --json",
        "explain --tenant acme --invoice R-1",
        "explain --tenant acme --invoice R-1 --json",
        "explain --tenant acme --invoice R-2",
        "explain --tenant acme --invoice R-2 --json",
    ] {
        let said = here.run(line);
        shown.push((line.to_owned(), said.stdout + &said.stderr));
    }
    for (what, text) in &shown {
        let lower = text.to_lowercase();
        let leaked: Vec<&&str> = names.iter().filter(|local| lower.contains(**local)).collect();
        assert!(leaked.is_empty(), "{what} names {leaked:?}:\n{text}");
    }
    let whole = here.run("explain --tenant acme --invoice R-1 --addresses").stdout;
    assert!(whole.contains("lindqvist%2Erefused%40customer.example") && whole.contains(FORWARDED), "{whole}");
}

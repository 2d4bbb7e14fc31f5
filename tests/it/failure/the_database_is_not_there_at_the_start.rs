//! `run` without its database: it waits for what comes by itself, in sight of who watches it, and for nothing else.

use std::collections::BTreeSet;
use std::fs::{self, File};

use invoice_dispatcher::clock::Clock;
use invoice_dispatcher::store::Store;
use invoice_dispatcher::telemetry::metric;
use tokio::net::TcpListener;
use url::Url;

use super::loops_turn::{probe, until_probed};
use crate::harness::broker::until;
use crate::harness::command_line::CommandLine;
use crate::harness::database::{TestDatabase, on_both_databases};
use crate::harness::process::Site;
use crate::harness::servers::{self, PrivateServers};
use crate::harness::sink::Sink;

on_both_databases!(every_metric_is_there_once_it_is_ready);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_away_is_waited_for_in_sight() {
    let private = PrivateServers::start_postgres_alone().await;
    let sink = Sink::start().await;
    let mut site = Site::new(&private.database_url(), None, &sink).await;
    let metrics = TcpListener::bind("127.0.0.1:0").await.expect("a free port").local_addr().expect("it is bound");
    site.set("METRICS_LISTEN", metrics.to_string());
    site.set("LOG_FILTER", "warn");
    private.stop_postgres().await;

    let log = private.folder().join("worker.log");
    let worker = site.start_limited(&["worker"], File::create(&log).expect("a file"));
    let listens = async || tokio::net::TcpStream::connect(metrics).await.is_ok();
    until("the probes are answered", listens).await;
    let waits = "waiting for the database: the database does not answer: nothing listens at 127.0.0.1:";
    let said = async || fs::read_to_string(&log).is_ok_and(|log| log.contains(waits) && log.contains("refused"));
    until("it says what it waits for, and why", said).await;
    let reason = "the database is not reached: the database does not answer: nothing listens at 127.0.0.1:";
    assert!(until_probed(metrics, "/readyz", 503).await.contains(reason));
    assert_eq!(probe(metrics, "/livez").await.0, 200, "it waits, and need not be restarted");
    let (_, shown) = probe(metrics, "/metrics").await;
    assert!(shown.contains("invoice_mail_events_consumed_total{source=\"amqp\",result=\"accepted\"} 0"), "{shown}");
    assert!(!shown.contains("\ninvoice_mail_deliveries{"), "what is not known is not told: {shown}");

    private.start_postgres().await;
    until_probed(metrics, "/readyz", 200).await;
    assert!(worker.stop().await.success());
}

/// An address that is in use is not found out only when the database has come.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn its_listeners_are_there_before_its_database() {
    const HERE: &str = "127.0.0.1:0";
    // Nothing listens there.
    let away = TcpListener::bind(HERE).await.expect("a free port").local_addr().expect("it is bound");
    let url = format!("postgres://nobody:secret@{away}/nothing");
    let taken = TcpListener::bind(HERE).await.expect("a free port");
    let taken_address = taken.local_addr().expect("it is bound").to_string();
    for (variable, other, what) in
        [("CONSOLE_LISTEN", "PORTAL_LISTEN", "the API"), ("PORTAL_LISTEN", "CONSOLE_LISTEN", "the portal")]
    {
        let here = CommandLine::new()
            .with("DATABASE_URL", &url)
            .with("METRICS_LISTEN", HERE)
            .with(variable, &taken_address)
            .with(other, HERE);
        let running = tokio::task::spawn_blocking(move || here.run("run --allow-embedded"));
        let said = tokio::time::timeout(std::time::Duration::from_mins(1), running).await;
        let said = said.expect("it ends by itself").expect("no panic");
        let sentence = format!("{what} cannot listen on {taken_address}; set {variable} to a free address");
        assert!(said.code != 0 && said.stderr.contains(&sentence), "{} {}", said.code, said.stderr);
    }
}

/// A server that answers, but takes no more connections, says so.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_server_says_is_reported_with_what_to_do() {
    let database = TestDatabase::postgres().await;
    let name = database.url.rsplit('/').next().and_then(|rest| rest.split('?').next()).expect("a database").to_owned();
    // Superusers are always let in, so another role is.
    let role = format!("few_{}", crate::harness::database::new_id().simple());
    database.execute(format!("CREATE ROLE {role} LOGIN PASSWORD 'secret' CONNECTION LIMIT 0")).await;
    let mut url = Url::parse(&servers::database_url()).expect("a URL");
    url.set_username(&role).expect("it has a host");
    url.set_password(Some("secret")).expect("it has a host");
    url.set_path(&name);
    let store = Store::open_beside(url.as_str(), Clock::system()).await.expect("the address can be read");
    let said = store.first_contact().await.expect_err("it takes no connection").to_string();
    assert!(said.contains("it takes no more connections (") && said.contains("; raise its max_connections"), "{said}");
    let said = store.answers().await.expect_err("it takes no connection").to_string();
    assert!(said.contains("it takes no more connections ("), "by way of the pool, too: {said}");
    store.close().await;

    url.set_password(Some("wrong")).expect("it has a host");
    let store = Store::open_beside(url.as_str(), Clock::system()).await.expect("the address can be read");
    let said = store.answers().await.expect_err("it refuses us").to_string();
    assert!(said.contains("; correct its user and password"), "{said}");
    store.close().await;
    database.execute(format!("DROP ROLE {role}")).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_does_not_mend_by_itself_ends_it_with_a_sentence() {
    let url = Url::parse(&servers::database_url()).expect("a URL");
    let changed = |change: &dyn Fn(&mut Url)| {
        let mut url = url.clone();
        change(&mut url);
        url.to_string()
    };
    let cases = [
        (changed(&|url| url.set_password(Some("wrong")).expect("it has a host")), "correct its user and password"),
        (changed(&|url| url.set_username("nobody").expect("it has a host")), "correct its user and password"),
        (changed(&|url| url.set_path("/no_such_database")), "the server has no database of this name"),
        (changed(&|url| url.set_query(Some("sslmode=require"))), "TLS with the database fails"),
    ];
    for (url, sentence) in cases {
        for role in ["worker", "console"] {
            let here = CommandLine::new()
                .with("DATABASE_URL", &url)
                .with("METRICS_LISTEN", "127.0.0.1:0")
                .with("CONSOLE_LISTEN", "127.0.0.1:0");
            let line = format!("run --allow-embedded --role {role}");
            let running = tokio::task::spawn_blocking(move || here.run(&line));
            let said = tokio::time::timeout(std::time::Duration::from_mins(1), running).await;
            let said = said.expect("it ends by itself").expect("no panic");
            assert!(said.code != 0 && said.stderr.contains(sentence), "{url}: {} {}", said.code, said.stderr);
        }
    }
}

/// All of them, with every label that is known from the start.
async fn every_metric_is_there_once_it_is_ready(database: TestDatabase) {
    let sink = Sink::start().await;
    let url = database.url.clone();
    let database = database.unlocked().await;
    let mut site = Site::new(&url, None, &sink).await;
    let metrics = TcpListener::bind("127.0.0.1:0").await.expect("a free port").local_addr().expect("it is bound");
    site.set("METRICS_LISTEN", metrics.to_string());
    let worker = site.start();
    until("the probes are answered", async || tokio::net::TcpStream::connect(metrics).await.is_ok()).await;
    until_probed(metrics, "/readyz", 200).await;
    let (_, shown) = probe(metrics, "/metrics").await;
    let names: BTreeSet<&str> = shown
        .lines()
        .filter(|line| line.starts_with("invoice_mail_"))
        .filter_map(|line| line.split(['{', ' ']).next())
        .map(|name| ["_bucket", "_sum", "_count"].iter().find_map(|end| name.strip_suffix(end)).unwrap_or(name))
        .collect();
    let missing: Vec<&str> =
        metric::ALL.iter().map(|metric| metric.name).filter(|name| !names.contains(name)).collect();
    assert!(missing.is_empty(), "{missing:?}\n{shown}");
    for series in [
        "attempts_total{relay=\"default\",phase=\"rcpt\",class=\"rejected\"} 0",
        "attempt_seconds_count{relay=\"default\",class=\"accepted\"} 0",
        "end_to_end_seconds_count{decision=\"link\"} 0",
        "decisions_total{decision=\"attach\",reason=\"policy_include\"} 0",
        "deliveries{state=\"uncertain\"} 0",
        "uncertain 0",
        "due_oldest_seconds{relay=\"default\"} 0",
        "dead_letters{class=\"document_missing\"} 0",
        "dead_letter_oldest_seconds 0",
        "duplicates_suppressed_total{reason=\"duplicate_invoice\"} 0",
        "breaker_state{relay=\"default\"} 0",
        "credentials_refused{relay=\"default\"} 0",
        "sender_held{relay=\"default\"} 0",
        "amqp_reconnects_total{reason=\"consumer_cancelled\"} 0",
        "outbox_oldest_seconds 0",
        "panics_total{loop=\"lane\"} 0",
        "api_unauthorised_total 0",
        "portal_verifications_total{method=\"sms_otp\",result=\"failed\"} 0",
        "sms_total{result=\"sent\"} 0",
        "sms_pumping_total 0",
    ] {
        assert!(shown.contains(&format!("\ninvoice_mail_{series}\n")), "{series}\n{shown}");
    }
    assert!(worker.stop().await.success());
    drop(database);
}

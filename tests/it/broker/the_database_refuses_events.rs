//! The database answers, and refuses the same events again: that is no outage, which is waited for, so it is shown, and
//! said once. Consuming goes on by itself, and each event is stored once.

use std::fs::{self, File};

use invoice_dispatcher::broker::{Consumer, ConsumerStatus};
use invoice_dispatcher::clock::Clock;
use tokio::net::{TcpListener, TcpStream};

use crate::failure::loops_turn::{probe, until_probed};
use crate::harness::broker::{Broker, Running, short_delays, soon, until};
use crate::harness::database::TestDatabase;
use crate::harness::process::Site;
use crate::harness::scripted_intake::ScriptedIntake;
use crate::harness::sink::Sink;

#[tokio::test]
async fn only_the_second_refusal_in_a_row_is_more_than_an_outage() {
    let broker = Broker::new().await;
    let intake = ScriptedIntake::closed();
    let consumer = Consumer::new(broker.url.clone(), broker.topology.clone(), intake.clone(), Clock::system());
    let consumer = consumer.with_delays(short_delays());
    let mut status = consumer.status();
    let consumer = Running::start(|stop| consumer.run(stop));
    soon("consuming", status.wait_for(|status| *status == ConsumerStatus::Consuming)).await.expect("it lives");
    let expected = "the database takes no events: the database does not answer: told to be away";
    let is_named =
        |status: &ConsumerStatus| matches!(status, ConsumerStatus::Reconnecting { reason } if reason == expected);
    let is_paused = |status: &ConsumerStatus| *status == ConsumerStatus::PausedForDatabase;

    let mut tries = 0;
    // What was taken in ends the row: the next refusal is a first one again.
    for event in ["one", "two"] {
        broker.publish_event(event).await;
        for refusal in 1..=2 {
            tries += 1;
            // It answered when it was asked, and refuses what comes then.
            intake.until_arrived(tries).await;
            intake.set_reachable(false);
            intake.let_pass(1);
            // Each refusal changes what is shown.
            let shown = status.wait_for(|status| if refusal == 1 { is_paused(status) } else { is_named(status) });
            soon("the refusal to be shown", shown).await.expect("it lives");
            intake.set_reachable(true);
        }
        tries += 1;
        intake.until_arrived(tries).await;
        intake.let_pass(1);
        let consuming = status.wait_for(|status| *status == ConsumerStatus::Consuming);
        soon("consuming", consuming).await.expect("it lives");
    }
    intake.until_taken(2).await;
    consumer.stop().await;
    assert_eq!(intake.taken().len(), 2, "each once");
    broker.until_ready(&broker.topology.dispatch, 0).await;
    broker.clean_up().await;
}

/// As a server that has become a replica answers each write; but it says that it takes them.
const REFUSE: &str = "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
         BEGIN
             RAISE EXCEPTION 'cannot execute INSERT in a read-only transaction' USING ERRCODE = '25006';
         END $$;
     CREATE TRIGGER refuse BEFORE INSERT ON event FOR EACH ROW EXECUTE FUNCTION refuse();";

const STORED: &str = "SELECT COUNT(*) FROM event";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_says_so_once_and_goes_on_by_itself() {
    let database = TestDatabase::postgres().await;
    let broker = Broker::new().await;
    let sink = Sink::start().await;
    let mut site = Site::new(&database.url, Some(&broker.text), &sink).await;
    site.configure(&broker.configuration());
    let probes = TcpListener::bind("127.0.0.1:0").await.expect("a free port").local_addr().expect("it is bound");
    site.set("METRICS_LISTEN", probes.to_string());
    site.set("LOG_FILTER", "warn");
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let log = folder.path().join("log");
    let worker = site.start_limited(&["worker"], File::create(&log).expect("a file can be made"));
    until("the probes are answered", async || TcpStream::connect(probes).await.is_ok()).await;
    until("it consumes", async || broker.consumers(&broker.topology.dispatch).await == 1).await;
    until_probed(probes, "/readyz", 200).await;

    database.execute(REFUSE).await;
    let event = |n: u32| site.event(&n.to_string(), "ap@customer.example").to_string();
    broker.publish_events((0..3).map(event)).await;
    until("the database has refused them three times", async || stops(&probe(probes, "/metrics").await.1) >= 3).await;
    let shown = until_probed(probes, "/readyz", 503).await;
    assert!(shown.contains("events are not consumed: the database takes no events: "), "{shown}");
    assert_eq!(probe(probes, "/livez").await.0, 200, "it need not be restarted");
    assert_eq!(database.number(STORED).await, 0);

    database.execute("DROP TRIGGER refuse ON event").await;
    until("they are stored", async || database.number(STORED).await == 3).await;
    until_probed(probes, "/readyz", 200).await;
    sink.wait_for("their mails", |state| state.mails.len() == 3).await;
    assert!(worker.stop().await.success());
    assert_eq!(broker.ready(&broker.topology.dispatch).await, Some(0));
    assert_eq!(database.number(STORED).await, 3, "each once");
    assert_eq!(sink.mails_and_data_phases(), (3, 3));
    let log = fs::read_to_string(&log).expect("the log can be read");
    let said = log.lines().filter(|line| line.contains("consuming events stopped")).count();
    assert_eq!(said, 1, "{log}");
    site.assert_adds_up().await;
    broker.clean_up().await;
}

/// How often the database has stopped the consumer, as the metrics tell.
fn stops(metrics: &str) -> u32 {
    let prefix = "invoice_mail_amqp_reconnects_total{reason=\"database\"} ";
    let value = metrics.lines().find_map(|line| line.strip_prefix(prefix));
    value.and_then(|value| value.trim().parse().ok()).unwrap_or(0)
}

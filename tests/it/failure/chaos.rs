//! Everything fails at random, and the books still balance.
//!
//! Some workers share one database and one broker. Workers are killed, both servers restart, some recipients misbehave
//! at the relay, some messages are no events. What happens is drawn from one seed, which is printed: `CHAOS_SEED=…`
//! draws it again (the moments still differ, as the machine does). `CHAOS_EVENTS` says how many events there are.

use std::collections::BTreeSet;
use std::os::unix::process::ExitStatusExt as _;
use std::time::Duration;

use bytes::Bytes;
use invoice_dispatcher::broker::{BrokerUrl, Publisher, Topology};
use invoice_dispatcher::clock::Clock;
use invoice_dispatcher::model::state::Concluded;
use invoice_dispatcher::upkeep::reconciliation::Evidence;

use crate::failure::processes_are_killed::count;
use crate::harness::broker::Broker;
use crate::harness::database::{TestDatabase, assert_adds_up};
use crate::harness::mirror::{assert_mirrors, until_mirrored};
use crate::harness::process::{Process, Site};
use crate::harness::servers::PrivateServers;
use crate::harness::sink::{Act, Script, Sink, Step};

/// Longer than everything takes to conclude once nothing fails any more: dead workers are missed after 30 s.
const PATIENCE: Duration = Duration::from_mins(10);

/// What a process that does not listen yet dies of when it is told to stop.
const SIGTERM: i32 = 15;

/// Retries come soon, so that a run sees many.
const CONFIGURATION: &str = "[relays.default]\nconnections = 8\n\n[retry]\nschedule = [\"1s\", \"2s\", \"4s\", \"8s\", \"16s\", \"30s\", \"60s\"]\n";

/// Random numbers that one seed gives again and again (`SplitMix64`).
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % sides
    }
}

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{variable} is a number")))
}

/// What is published: bodies, and how each is known.
struct Published {
    bodies: Vec<Bytes>,
    names: Vec<(String, String)>,
    poison: usize,
}

/// One in a hundred is no event; of the others, one in twenty is deferred first, and a few are refused, dropped
/// before DATA, or taken without an answer.
fn draw(site: &Site, dice: &mut Dice, events: u64) -> Published {
    let mut published = Published { bodies: Vec::new(), names: Vec::new(), poison: 0 };
    for n in 0..events {
        let address = match dice.roll(400) {
            0..4 => {
                published.poison += 1;
                published.bodies.push(Bytes::from(format!("{{\"id\": \"poison-{n}\", ")));
                continue;
            }
            4..24 => format!("defer-451-4.3.0-once+{n}@customer.example"),
            24..28 => format!("refuse-550-5.1.1+{n}@customer.example"),
            28..32 => format!("close-at-rcpt-once+{n}@customer.example"),
            32..34 => format!("take-and-close+{n}@customer.example"),
            _ => format!("ap+{n}@customer.example"),
        };
        let id = format!("{n:06}");
        let event = site.event(&id, &address);
        published.names.push((event["source"].as_str().expect("a text").to_owned(), id));
        published.bodies.push(Bytes::from(event.to_string()));
    }
    published
}

/// Publishes until the broker has confirmed all; what is published twice is a duplicate, which is part of the game.
async fn publish(amqp_url: &str, bodies: &[Bytes]) {
    let publisher =
        Publisher::new(BrokerUrl::parse(amqp_url).expect("an address"), Topology::default(), Clock::system());
    for part in bodies.chunks(100) {
        while publisher.publish_events(part).await.is_err() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
    publisher.close().await;
}

/// Kills, restarts and stops, `rounds` times, with mails flowing between.
async fn break_things(
    site: &Site,
    servers: &PrivateServers,
    sink: &Sink,
    dice: &mut Dice,
    rounds: u64,
) -> Vec<Process> {
    let mut workers = vec![site.start(), site.start(), site.start()];
    for _ in 0..rounds {
        let seen = sink.see(|state| state.mails.len());
        let wanted = seen + usize::try_from(5 + dice.roll(20)).expect("small");
        // Mails may all be out already, or wait for a dead worker's row.
        let flowing = async {
            while sink.see(|state| state.mails.len()) < wanted {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        let _ = tokio::time::timeout(Duration::from_secs(3), flowing).await;
        let victim = usize::try_from(dice.roll(workers.len() as u64)).expect("small");
        match dice.roll(6) {
            0..3 => {
                workers.swap_remove(victim).kill();
                workers.push(site.start());
            }
            3 => servers.restart_rabbitmq().await,
            4 => servers.restart_postgres().await,
            _ => {
                stop(workers.swap_remove(victim)).await;
                workers.push(site.start());
            }
        }
    }
    workers
}

/// It ends in order, unless it was told before it had begun to listen.
async fn stop(worker: Process) {
    let status = worker.stop().await;
    assert!(status.success() || status.signal() == Some(SIGTERM), "a worker ended with {status}");
}

async fn concluded(site: &Site, published: &Published) {
    let events = BTreeSet::from_iter(&published.names).len();
    let concluding = async {
        loop {
            if let Ok(counts) = site.store.state_counts().await {
                let ended: i64 = counts.iter().filter(|(state, _)| state.is_concluded()).map(|(_, count)| count).sum();
                let all: i64 = counts.values().sum();
                if ended == all && usize::try_from(ended).expect("not negative") >= events {
                    return;
                }
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    };
    if tokio::time::timeout(PATIENCE, concluding).await.is_err() {
        let counts = site.store.state_counts().await;
        panic!("not everything concluded: {counts:?}");
    }
}

async fn chaos(events: u64, rounds: u64) {
    let seed = number("CHAOS_SEED").unwrap_or_else(|| Clock::system().new_id().as_u64_pair().1);
    println!("CHAOS_SEED={seed} CHAOS_EVENTS={events}");
    let mut dice = Dice(seed);
    let servers = PrivateServers::start().await;
    let sink = Sink::scripted(Script::new().on(Step::Banner, Act::Slow(Duration::from_millis(5)))).await;
    let database = TestDatabase::postgres_at(&servers.database_url()).await;
    let site = Site::new(&database.url, Some(&servers.amqp_url()), &sink).await;
    site.configure(CONFIGURATION);
    let published = draw(&site, &mut dice, events);
    let amqp_url = servers.amqp_url();
    let (bodies, url) = (published.bodies.clone(), amqp_url.clone());
    let publishing = tokio::spawn(async move { publish(&url, &bodies).await });
    let workers = break_things(&site, &servers, &sink, &mut dice, rounds).await;
    publishing.await.expect("the broker takes every event in the end");
    concluded(&site, &published).await;

    let counts = site.store.state_counts().await.expect("the database answers");
    println!("{counts:?}, {} poison", published.poison);
    assert_eq!(count(&counts, Concluded::Dead), 0, "{counts:?}");
    for worker in workers {
        stop(worker).await;
    }
    // The scenario does not wait for the leases of the dead. The next holder of this one begins with a look at the
    // whole queue.
    database.execute("DELETE FROM lease").await;
    let (keeper, broker, when) = (site.start(), Broker::private(amqp_url).await, "after the chaos");
    until_mirrored(&site.store, &broker, when).await;
    stop(keeper).await;
    assert_mirrors(&site.store, &broker, &published.bodies, when).await;
    let evidence = Evidence { published: published.names, taken: Some(sink.books().taken()), ..Evidence::default() };
    assert_adds_up(&site.store, &evidence).await;
    let letters = site.store.open_dead_letters().await.expect("the database answers");
    let letters: i64 = letters.values().sum();
    assert_eq!(letters, i64::try_from(published.poison).expect("small"), "one dead letter for each poison");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_short_one_balances() {
    chaos(300, 5).await;
}

#[ignore = "long: scripts/prove"]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn prove_chaos_balances() {
    let events = number("CHAOS_EVENTS").unwrap_or(3_000);
    chaos(events, 10 + events / 50).await;
}

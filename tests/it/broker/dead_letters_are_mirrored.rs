//! The queue of dead letters in the broker shows what the database holds, whatever people do to it.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use bytes::Bytes;
use invoice_dispatcher::broker::{BrokerUrl, Consumer, Mirror, MirrorIntervals};
use invoice_dispatcher::clock::Clock;
use invoice_dispatcher::model::ids::DeadLetterId;
use lapin::types::{AMQPValue, FieldTable};

use crate::harness::broker::{Broker, OFTEN, Proxy, Running, header, short_delays, text, until};
use crate::harness::memory_outbox::{MemoryOutbox, MirrorState};
use crate::harness::scripted_intake::ScriptedIntake;

/// The longest that the queue may lag behind the database.
const PROMISED: Duration = Duration::from_mins(1);

fn mirror(url: BrokerUrl, broker: &Broker, outbox: &MemoryOutbox, intervals: MirrorIntervals) -> Running {
    let mirror = Mirror::new(url, broker.topology.clone(), outbox.clone(), Clock::system());
    let mirror = mirror.with_intervals(intervals).with_delays(short_delays());
    Running::start(|stop| mirror.run(stop))
}

fn id_of(headers: &BTreeMap<String, AMQPValue>) -> String {
    text(headers, "dispatch-dead-letter-id")
}

/// The dead letters in the queue, taken out of it, in the order of their ids.
async fn in_the_queue(broker: &Broker) -> Vec<String> {
    let mut ids: Vec<String> =
        broker.drain(&broker.topology.dead).await.iter().map(|(_, headers)| id_of(headers)).collect();
    ids.sort();
    ids
}

fn sorted(ids: &[DeadLetterId]) -> Vec<String> {
    let mut ids: Vec<String> = ids.iter().map(ToString::to_string).collect();
    ids.sort();
    ids
}

#[tokio::test]
async fn a_dead_letter_is_published_with_its_bytes_and_says_what_it_is() {
    let broker = Broker::new().await;
    let outbox = MemoryOutbox::default();
    let ids = outbox.add(1);
    let running = mirror(broker.url.clone(), &broker, &outbox, OFTEN);
    outbox.until(MirrorState::Published, 1).await;
    running.stop().await;

    let messages = broker.drain(&broker.topology.dead).await;
    let [(body, headers)] = messages.as_slice() else { panic!("one message: {messages:?}") };
    assert_eq!(body, "body of 1");
    assert_eq!(id_of(headers), ids[0].to_string());
    for (name, value) in [
        ("tenant", "acme"),
        ("invoice", "R-1"),
        ("event-id", "event-1"),
        ("class", "refused"),
        ("code", "554 5.7.1"),
        ("phase", "rcpt"),
        ("first-failed-at", "1970-01-01T00:00:00Z"),
        ("last-failed-at", "1970-01-01T00:01:00Z"),
        ("fingerprint", "refused-rcpt-554-5.7.1"),
    ] {
        assert_eq!(text(headers, &format!("dispatch-{name}")), value);
    }
    assert_eq!(headers["dispatch-attempts"], AMQPValue::LongLongInt(3));
    assert!(headers.contains_key("dispatch-delivery-id") && headers.contains_key("dispatch-hint"));
    // RabbitMQ counts the deliveries of a quorum queue there; nothing else of this kind.
    assert!(headers.keys().all(|name| !name.starts_with("x-") || name == "x-delivery-count"), "{headers:?}");
    broker.clean_up().await;
}

#[tokio::test]
async fn a_dead_letter_concluded_on_the_way_is_not_published() {
    let broker = Broker::new().await;
    let outbox = MemoryOutbox::default();
    let ids = outbox.add(3);
    outbox.conclude_on_the_way(ids[1]);
    let running = mirror(broker.url.clone(), &broker, &outbox, OFTEN);
    outbox.until(MirrorState::Published, 2).await;
    outbox.until(MirrorState::Removed, 1).await;
    running.stop().await;
    assert_eq!(in_the_queue(&broker).await, sorted(&[ids[0], ids[2]]));
    broker.clean_up().await;
}

#[tokio::test]
async fn an_outage_of_the_broker_delays_the_mirror_and_loses_nothing() {
    let broker = Broker::new().await;
    let proxy = Proxy::before(&broker.url).await;
    let outbox = MemoryOutbox::default();
    let mut ids = outbox.add(1);
    let running = mirror(proxy.url(&broker), &broker, &outbox, OFTEN);
    outbox.until(MirrorState::Published, 1).await;
    proxy.refuse(true);
    proxy.cut();
    ids.extend(outbox.add(500));
    proxy.until_refused(3).await;
    assert_eq!(outbox.count(MirrorState::Published), 1);
    proxy.refuse(false);
    outbox.until(MirrorState::Published, 501).await;
    running.stop().await;
    let mut found = in_the_queue(&broker).await;
    found.dedup();
    assert_eq!(found, sorted(&ids));
    broker.clean_up().await;
}

#[tokio::test]
async fn what_is_concluded_leaves_the_queue_and_the_rest_stays_once() {
    let broker = Broker::new().await;
    let outbox = MemoryOutbox::default();
    let ids = outbox.add(1_200);
    let running = mirror(broker.url.clone(), &broker, &outbox, OFTEN);
    outbox.until(MirrorState::Published, 1_200).await;
    // Some stand there twice, as after a crash between a confirm and its mark; and one is not ours.
    outbox.forget_published(&ids[..50]);
    outbox.until(MirrorState::Published, 1_200).await;
    broker.put(&broker.topology.dead, "not ours", FieldTable::default()).await;
    let (concluded, open) = ids.split_at(400);
    outbox.conclude(concluded);
    outbox.until(MirrorState::Removed, 400).await;
    broker.until_ready(&broker.topology.dead, 801).await;
    running.stop().await;

    let messages = broker.drain(&broker.topology.dead).await;
    let (ours, foreign): (Vec<_>, Vec<_>) =
        messages.into_iter().partition(|(_, headers)| headers.contains_key("dispatch-dead-letter-id"));
    let mut found: Vec<String> = ours.iter().map(|(_, headers)| id_of(headers)).collect();
    found.sort();
    assert_eq!(found, sorted(open));
    assert_eq!(foreign.iter().map(|(body, _)| body.clone()).collect::<Vec<_>>(), [Bytes::from_static(b"not ours")]);
    broker.clean_up().await;
}

#[tokio::test]
async fn a_letter_that_the_database_does_not_know_stays_and_is_counted() {
    let broker = Broker::new().await;
    let outbox = MemoryOutbox::default();
    let ids = outbox.add(10);
    let running = mirror(broker.url.clone(), &broker, &outbox, OFTEN);
    outbox.until(MirrorState::Published, 10).await;
    // Another installation's, or published after the backup that the database was restored from; one stands twice.
    let unknown = Clock::system().new_id().to_string();
    for body in ["lost", "lost"] {
        broker.put(&broker.topology.dead, body, header("dispatch-dead-letter-id", &unknown)).await;
    }
    for concluded in [&ids[..4], &ids[4..]] {
        outbox.conclude(concluded);
        outbox.until(MirrorState::Removed, concluded.len() + if concluded.len() == 6 { 4 } else { 0 }).await;
    }
    broker.until_ready(&broker.topology.dead, 2).await;
    running.stop().await;
    for (body, headers) in broker.drain(&broker.topology.dead).await {
        assert_eq!(body, "lost");
        assert_eq!(id_of(&headers), unknown);
    }
    broker.clean_up().await;
}

#[tokio::test]
async fn second_copies_are_found_by_the_length_of_the_queue() {
    let broker = Broker::new().await;
    let outbox = MemoryOutbox::default();
    let ids = outbox.add(300);
    let running = mirror(broker.url.clone(), &broker, &outbox, OFTEN);
    outbox.until(MirrorState::Published, 300).await;
    outbox.forget_published(&ids[100..]);
    outbox.until(MirrorState::Published, 300).await;
    broker.until_ready(&broker.topology.dead, 300).await;
    running.stop().await;
    assert_eq!(in_the_queue(&broker).await, sorted(&ids));
    broker.clean_up().await;
}

#[tokio::test]
async fn a_letter_whose_cause_changes_stands_there_with_the_new_one_alone() {
    let broker = Broker::new().await;
    let outbox = MemoryOutbox::default();
    let ids = outbox.add(3);
    let running = mirror(broker.url.clone(), &broker, &outbox, OFTEN);
    outbox.until(MirrorState::Published, 3).await;
    broker.until_ready(&broker.topology.dead, 3).await;
    outbox.change_causes(&ids[..2]);
    outbox.until(MirrorState::Published, 3).await;
    // The copies with the old cause are noticed by the length of the queue.
    broker.until_ready(&broker.topology.dead, 3).await;
    running.stop().await;
    let queue = broker.drain(&broker.topology.dead).await;
    let mut classes: Vec<_> =
        queue.iter().map(|(_, headers)| (id_of(headers), text(headers, "dispatch-class"))).collect();
    classes.sort();
    let mut expected: Vec<_> = ids
        .iter()
        .map(ToString::to_string)
        .zip(["invalid_recipient", "invalid_recipient", "refused"].map(str::to_owned))
        .collect();
    expected.sort();
    assert_eq!(classes, expected);
    broker.clean_up().await;
}

#[tokio::test]
async fn nothing_of_ours_is_lost_when_the_pass_is_cut_again_and_again() {
    let broker = Broker::new().await;
    let proxy = Proxy::before(&broker.url).await;
    let outbox = MemoryOutbox::default();
    let ids = outbox.add(3_000);
    let running = mirror(proxy.url(&broker), &broker, &outbox, OFTEN);
    outbox.until(MirrorState::Published, 3_000).await;
    let (concluded, open) = ids.split_at(1_500);
    for step in concluded.chunks(250) {
        let opened = proxy.opened();
        outbox.conclude(step);
        until("the pass connects", async || proxy.opened() > opened).await;
        proxy.cut();
    }
    outbox.until(MirrorState::Removed, 1_500).await;
    broker.until_ready(&broker.topology.dead, 1_500).await;
    running.stop().await;
    assert_eq!(in_the_queue(&broker).await, sorted(open));
    broker.clean_up().await;
}

#[tokio::test]
async fn a_purged_queue_is_filled_again() {
    let broker = Broker::new().await;
    let outbox = MemoryOutbox::default();
    let mut ids = outbox.add(1_210);
    let running = mirror(broker.url.clone(), &broker, &outbox, OFTEN);
    outbox.until(MirrorState::Published, 1_210).await;
    broker.until_ready(&broker.topology.dead, 1_210).await;
    broker.purge(&broker.topology.dead).await;
    // Concluded ones are not looked for in vain for ever, and new ones come as always.
    outbox.conclude(&ids[..4]);
    outbox.until(MirrorState::Removed, 4).await;
    let new = outbox.add(1);
    broker.until_ready(&broker.topology.dead, 1_207).await;
    outbox.until(MirrorState::Published, 1_207).await;
    running.stop().await;
    ids.drain(..4);
    ids.extend(new);
    assert_eq!(in_the_queue(&broker).await, sorted(&ids), "each once");
    broker.clean_up().await;
}

#[tokio::test]
async fn what_somebody_holds_is_not_published_again() {
    let broker = Broker::new().await;
    let outbox = MemoryOutbox::default();
    let ids = outbox.add(20);
    let running = mirror(broker.url.clone(), &broker, &outbox, OFTEN);
    outbox.until(MirrorState::Published, 20).await;
    broker.until_ready(&broker.topology.dead, 20).await;
    // A program that consumes and has not acked: the queue looks empty, and is not.
    let consumer = broker.hold_all(&broker.topology.dead, 20).await;
    let asked = outbox.asked_for_the_lease();
    outbox.until_asked_for_the_lease(asked + 100).await;
    assert_eq!(outbox.count(MirrorState::Published), 20);
    consumer.close(0, "done".into()).await.expect("it lets go of them");
    broker.until_ready(&broker.topology.dead, 20).await;
    let asked = outbox.asked_for_the_lease();
    outbox.until_asked_for_the_lease(asked + 20).await;
    running.stop().await;
    assert_eq!(in_the_queue(&broker).await, sorted(&ids), "each once");
    broker.clean_up().await;
}

#[tokio::test]
async fn a_deleted_queue_is_made_again() {
    let broker = Broker::new().await;
    let outbox = MemoryOutbox::default();
    let mut ids = outbox.add(1);
    let running = mirror(broker.url.clone(), &broker, &outbox, OFTEN);
    outbox.until(MirrorState::Published, 1).await;
    broker.delete_queue(&broker.topology.dead).await;
    ids.extend(outbox.add(1));
    broker.until_ready(&broker.topology.dead, 2).await;
    outbox.until(MirrorState::Published, 2).await;
    running.stop().await;
    assert_eq!(in_the_queue(&broker).await, sorted(&ids));
    broker.clean_up().await;
}

#[tokio::test]
async fn only_the_elected_worker_keeps_the_mirror() {
    let broker = Broker::new().await;
    let proxy = Proxy::before(&broker.url).await;
    let outbox = MemoryOutbox::default();
    outbox.add(1);
    outbox.lease_to_another(true);
    let running = mirror(proxy.url(&broker), &broker, &outbox, OFTEN);
    outbox.until_asked_for_the_lease(5).await;
    assert_eq!((outbox.count(MirrorState::Pending), proxy.opened()), (1, 0));
    outbox.lease_to_another(false);
    outbox.until(MirrorState::Published, 1).await;
    running.stop().await;
    broker.clean_up().await;
}

#[tokio::test]
async fn a_dead_letter_moved_by_hand_is_known_to_the_intake() {
    let broker = Broker::new().await;
    let outbox = MemoryOutbox::default();
    let ids = outbox.add(1);
    let running = mirror(broker.url.clone(), &broker, &outbox, OFTEN);
    outbox.until(MirrorState::Published, 1).await;
    // A shovel, or a person with the management page: body and headers as they are.
    let moved = broker.drain(&broker.topology.dead).await.remove(0);
    let mut headers = FieldTable::default();
    for (name, value) in moved.1 {
        headers.insert(name.into(), value);
    }
    broker.put(&broker.topology.dispatch, &moved.0, headers).await;
    let intake = ScriptedIntake::new();
    let consumer = Consumer::new(broker.url.clone(), broker.topology.clone(), intake.clone(), Clock::system());
    let consumer = Running::start(|stop| consumer.run(stop));
    intake.until_taken(1).await;
    consumer.stop().await;
    let taken = intake.taken();
    assert_eq!((taken[0].dead_letter_id, &taken[0].body), (Some(ids[0]), &moved.0));
    // It was redriven thereby: concluded, and not in the queue any more.
    outbox.conclude(&ids);
    outbox.until(MirrorState::Removed, 1).await;
    running.stop().await;
    broker.clean_up().await;
}

#[tokio::test]
async fn a_pass_over_ten_thousand_ends_within_the_lag_that_is_promised() {
    let broker = Broker::new().await;
    let outbox = MemoryOutbox::default();
    let ids = outbox.add(10_000);
    let begin = Instant::now();
    let running = mirror(
        broker.url.clone(),
        &broker,
        &outbox,
        MirrorIntervals { look: OFTEN.look, ..MirrorIntervals::default() },
    );
    outbox.until(MirrorState::Published, 10_000).await;
    let published = begin.elapsed();
    outbox.conclude(&ids[5_000..5_001]);
    let begin = Instant::now();
    outbox.until(MirrorState::Removed, 1).await;
    let out = begin.elapsed();
    eprintln!("published 10,000 dead letters in {published:?}; one concluded among them was out after {out:?}");
    assert!(out <= PROMISED, "{out:?}");
    broker.until_ready(&broker.topology.dead, 9_999).await;
    running.stop().await;
    broker.clean_up().await;
}

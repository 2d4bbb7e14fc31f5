//! The relay answers, but not with 250: each answer has its state, and nothing is tried for ever.

use std::time::Duration;

use crate::harness::database::{TestDatabase, on_both_databases};
use crate::harness::dispatcher::Dispatcher;
use crate::harness::sink::{Act, Script, Sink, Step};

on_both_databases!(
    each_refusal_of_a_recipient_or_a_message_has_its_state,
    a_refused_sender_is_the_operators_business,
    after_eight_attempts_it_is_a_dead_letter,
);

/// The recipient's local part tells the sink what to answer; the rest is what follows from it.
const ANSWERS: &[(&str, &str)] = &[
    ("data-451", "due - - 1"),
    ("data-550", "dead refused attach 1"),
    ("data-554-5.7.1", "dead refused attach 1"),
    ("defer-450-4.2.1", "due - - 1"),
    ("defer-452", "due - - 1"),
    ("dot-451-4.3.0", "due - - 1"),
    ("dot-550-5.1.1", "rejected rejected attach 1"),
    ("dot-552", "dead too_large link 1"),
    ("dot-554-5.7.1", "dead refused attach 1"),
    ("refuse-550", "rejected rejected attach 1"),
    ("refuse-550-5.1.1", "rejected rejected attach 1"),
    ("refuse-550-5.1.8", "dead refused attach 1"),
    ("refuse-550-5.7.1", "dead refused attach 1"),
    ("refuse-551", "rejected rejected attach 1"),
    ("refuse-552-5.2.2", "rejected rejected attach 1"),
    ("refuse-552-5.2.3", "dead too_large link 1"),
    ("refuse-553", "rejected rejected attach 1"),
    ("refuse-554", "rejected rejected attach 1"),
];

async fn each_refusal_of_a_recipient_or_a_message_has_its_state(database: TestDatabase) {
    let sink = Sink::start().await;
    let mut dispatcher = Dispatcher::new(database, &sink).await;
    let events: Vec<_> = ANSWERS
        .iter()
        .map(|(answer, _)| dispatcher.event_to(answer, &[("to", &format!("{answer}@customer.example"))]))
        .collect();
    dispatcher.take(&events).await;
    dispatcher.start();
    // Those that were deferred wait for their next attempt, and the clock stands still.
    dispatcher.wait_until("SELECT COUNT(*) FROM lane_entry WHERE state = 'sending' OR attempts = 0", 0).await;

    let expected: Vec<_> = ANSWERS.iter().map(|(answer, follows)| format!("R-{answer} {follows}")).collect();
    assert_eq!(dispatcher.states().await, expected);
    // Only the dot comes after a 354; what was too large was sent once more, as a link.
    assert_eq!(sink.mails_and_data_phases(), (0, 5));
    let letters = [
        "R-data-550 refused data 550 1",
        "R-data-554-5.7.1 refused data 554 5.7.1 1",
        "R-dot-552 too_large final_dot 552 1",
        "R-dot-554-5.7.1 refused final_dot 554 5.7.1 1",
        "R-refuse-550-5.1.8 refused rcpt 550 5.1.8 1",
        "R-refuse-550-5.7.1 refused rcpt 550 5.7.1 1",
        "R-refuse-552-5.2.3 too_large rcpt 552 5.2.3 1",
    ];
    assert_eq!(dispatcher.dead_letters().await, letters);
    let unexplained = "SELECT COUNT(*) FROM dead_letter
                       WHERE LENGTH(hint) < 10 OR LENGTH(fingerprint) <> 12 OR delivery_id IS NULL OR state <> 'open'";
    assert_eq!(dispatcher.database.number(unexplained).await, 0);
    let causes = "SELECT COUNT(DISTINCT fingerprint) FROM dead_letter";
    assert_eq!(dispatcher.database.number(causes).await, 7, "each has another class, phase or code");
    dispatcher.finish().await;
}

async fn a_refused_sender_is_the_operators_business(database: TestDatabase) {
    let sink = Sink::start().await;
    let mut dispatcher = Dispatcher::new(database, &sink).await;
    dispatcher.start();
    let answers = [
        ("1", "451 4.7.1 later", "due - - 1"),
        ("2", "550 5.1.1 unknown sender", "dead refused attach 1"),
        ("3", "553 5.7.1 not your address", "dead refused attach 1"),
        ("4", "501 what", "dead refused attach 1"),
        ("5", "552 too large", "dead too_large link 1"),
    ];
    for (id, answer, _) in answers {
        sink.behave(Script::new().on(Step::Mail, Act::reply(answer)));
        dispatcher.take(&[dispatcher.event(id, "C-1")]).await;
        dispatcher.wait_until("SELECT COUNT(*) FROM lane_entry WHERE state = 'sending' OR attempts = 0", 0).await;
    }
    let expected = answers.map(|(id, _, follows)| format!("R-{id} {follows}"));
    assert_eq!(dispatcher.states().await, expected);
    assert_eq!(sink.mails_and_data_phases(), (0, 0));
    let causes = "SELECT COUNT(DISTINCT fingerprint) FROM dead_letter";
    assert_eq!(dispatcher.database.number(causes).await, 4);
    dispatcher.finish().await;
}

async fn after_eight_attempts_it_is_a_dead_letter(database: TestDatabase) {
    let sink = Sink::scripted(Script::new().on(Step::Dot, Act::reply("451 4.3.0 later"))).await;
    let mut dispatcher = Dispatcher::new(database, &sink).await;
    dispatcher.start();
    dispatcher.take(&[dispatcher.event("a", "C-1")]).await;
    for (attempts, delay_s) in [(1, 30), (2, 120), (3, 600), (4, 1_800), (5, 7_200), (6, 14_400), (7, 28_800)] {
        let waiting = format!("SELECT COUNT(*) FROM lane_entry WHERE state = 'due' AND attempts = {attempts}");
        dispatcher.pass_until(&waiting, 1).await;
        let delay = "SELECT MIN(due_at) - MAX(ended_at) FROM lane_entry JOIN attempt USING (delivery_id)";
        let delay_ms = dispatcher.database.number(delay).await;
        assert!((delay_s * 800..=delay_s * 1_200).contains(&delay_ms), "{delay_ms} ms after attempt {attempts}");
        // Until a moment before the retry is due nothing happens.
        let left = "SELECT MIN(due_at) FROM lane_entry";
        let due_at = dispatcher.database.number(left).await;
        let now = dispatcher.database.clock.now().0;
        dispatcher.database.clock.advance(Duration::from_millis(u64::try_from(due_at - now - 1).unwrap_or(0)));
        assert_eq!(dispatcher.database.number(&waiting).await, 1);
    }
    dispatcher.pass_until_concluded().await;

    assert_eq!(dispatcher.states().await, ["R-a dead retries_exhausted attach 8"]);
    assert_eq!(dispatcher.attempts().await, vec!["R-a deferred final_dot 451 4.3.0"; 8]);
    assert_eq!(dispatcher.dead_letters().await, ["R-a retries_exhausted final_dot 451 4.3.0 8"]);
    assert_eq!(sink.mails_and_data_phases(), (0, 8));
    // A retry keeps every byte.
    assert_eq!(dispatcher.database.number("SELECT COUNT(DISTINCT message_sha256) FROM attempt").await, 1);
    let since = "SELECT last_failed_at - first_failed_at FROM dead_letter";
    let hours = dispatcher.database.number(since).await / 3_600_000;
    assert!((11..=18).contains(&hours), "14 h 42 min, give or take a fifth; not {hours} h");
    dispatcher.finish().await;
}

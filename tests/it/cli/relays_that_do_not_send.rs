//! Why a relay does not send: `relays list`, `explain` and `doctor` say the same.

use invoice_dispatcher::clock::Clock;
use invoice_dispatcher::model::reason::ReasonCode;
use serde_json::Value;

use crate::cli::support::command;
use crate::harness::database::TestDatabase;
use crate::operator::samples::{Support, event};
use crate::store::samples::add_worker;

/// What the binary prints, whatever its exit code, where the relay `default` and a broker are configured.
fn says(support: &Support, words: &str) -> String {
    let folder = tempfile::tempdir().expect("a folder");
    let mut command = command(support, &folder, &words.split(' ').collect::<Vec<_>>());
    command.env("SMTP_URL", "smtp://mailer:secret@127.0.0.1:1").env("AMQP_URL", "amqp://127.0.0.1:1/%2f");
    let output = command.output().expect("the binary starts");
    let said = String::from_utf8(output.stdout).expect("UTF-8");
    // Tables and reports break lines at the width of a terminal that is none here.
    said.split_whitespace().collect::<Vec<_>>().join(" ")
}

async fn support() -> Support {
    let support = Support::with_acme(TestDatabase::sqlite().await).await;
    support.accept(&event("1")).await;
    add_worker(&support.database).await;
    support
}

const EXPLAIN: &str = "explain --tenant acme --invoice R-1";

#[tokio::test]
async fn refused_credentials_are_named_with_user_time_and_what_to_do() {
    let support = support().await;
    let now = Clock::system().now().0;
    let refuse = |fingerprint: &str, user: &str, try_at: i64| {
        format!(
            "INSERT INTO refused_credentials (relay, fingerprint, user_name, reply, refused_at, try_at)
             VALUES ('default', '{fingerprint}', '{user}', '535 5.7.8 bad', {}, {try_at});",
            now - 600_000
        )
    };
    // The others are not in use any more: their next try is long overdue.
    support.database.execute(refuse("a", "mailer", now + 240_000) + &refuse("b", "gone", now - 3_600_000)).await;
    for said in [says(&support, "relays list"), says(&support, EXPLAIN), says(&support, "doctor")] {
        assert!(said.contains("refuses these credentials (user mailer, since 10 min ago): 535 5.7.8 bad"), "{said}");
        assert!(said.contains("next try in 3 min; `relays resume default` tries at once"), "{said}");
        assert!(!said.contains("gone"), "{said}");
    }
    let row: Value = serde_json::from_str(&says(&support, "relays list --json")).expect("one object");
    assert_eq!(row["state"], "credentials_refused");
    assert_eq!(row["credentials_refused"][0]["user"], "mailer");
    let resumed = says(&support, "relays resume default");
    assert!(resumed.contains("is tried at once"), "{resumed}");
    let due = support.database.number("SELECT COUNT(*) FROM refused_credentials WHERE try_at > 0").await;
    let at_once = format!("SELECT COUNT(*) FROM refused_credentials WHERE try_at <= {}", Clock::system().now().0);
    assert_eq!((due, support.database.number(at_once).await), (2, 2));
}

#[tokio::test]
async fn a_trial_is_reported_as_one_whatever_opened_the_breaker() {
    let support = support().await;
    let state = "INSERT INTO relay_state (relay, breaker, allowance, reason, opened_at, version)
                 VALUES ('default', 'half_open', 4, 'the relay refused the credentials', 1, 1)";
    support.database.execute(state).await;
    for said in [says(&support, "relays list"), says(&support, EXPLAIN), says(&support, "doctor")] {
        assert!(said.contains("being tried with 4 deliveries"), "{said}");
        assert!(!said.contains("refused the credentials"), "{said}");
    }
    assert!(says(&support, "relays resume default").contains("is tried at once"));
}

#[tokio::test]
async fn doctor_warns_of_dead_letters_that_are_not_mirrored() {
    let support = support().await;
    support.die(ReasonCode::Refused).await;
    let said = says(&support, "doctor");
    assert!(said.contains("1 dead letter not in its queue in RabbitMQ yet, the first for"), "{said}");
    support.database.execute("UPDATE dead_letter SET mirror = 'published'").await;
    assert!(!says(&support, "doctor").contains("not in its queue"));
}

//! `audit list` says who did what; `doctor --audit` proves it and names the first entry that does not fit.

use crate::harness::command_line::{CommandLine, Said, example};

/// What `doctor --audit` says of the audit log.
fn audited(here: &CommandLine, heads: &str) -> (String, String) {
    let said: Said = here.run(&format!("doctor --json --audit {heads}"));
    let rows = said.json();
    let row = rows.iter().find(|row| row["check"] == "audit log").expect("it is looked at");
    let text = |name: &str| row[name].as_str().expect("a text").to_owned();
    (text("result"), text("detail"))
}

fn execute(here: &CommandLine, text: &'static str) {
    let url = format!("sqlite://{}", here.folder().join("data/dispatcher.db").display());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let pool = sqlx::SqlitePool::connect(&url).await.expect("the file opens");
        sqlx::raw_sql(text).execute(&pool).await.expect("the statement is right");
        pool.close().await;
    });
}

#[test]
fn what_people_did_is_listed_and_proven() {
    let here = CommandLine::new();
    here.import_examples();
    let event = example("events/01-invoice-business.json");
    assert_eq!(here.run(&format!("publish {event} --as ada")).code, 0);
    let paused = here.run("relays pause default --reason \"=new provider\" --as ada");
    // No relay is configured: the command changes nothing, and nothing is kept of it.
    assert_ne!(paused.code, 0, "{}", paused.stdout);
    let rows = here.run("audit list --json").json();
    let seen: Vec<(&str, &str)> = rows
        .iter()
        .map(|row| (row["action"].as_str().expect("a text"), row["who_kind"].as_str().expect("a text")))
        .collect();
    assert_eq!(seen, [("events_published", "command_line"), ("catalogue_imported", "command_line")]);
    assert_eq!((rows[0]["who"].as_str(), &rows[0]["change"]["events"]), (Some("ada (command line)"), &1.into()));
    assert_eq!(rows[1]["subject"], "catalogue");
    assert!(rows[1]["change"]["file"].as_str().is_some_and(|file| file.ends_with("catalogue.ndjson")), "{rows:?}");
    let table = here.run("audit list --action events_published").stdout;
    assert!(table.contains("events_published") && !table.contains("catalogue_imported"), "{table}");
    assert_eq!(here.run("audit list --by eve").stdout, "no entry is like that\n");
    let looks = here.run("audit list --json --action audit_viewed").json();
    let sought: Vec<_> = looks.iter().map(|row| row["change"]["action"].as_str()).collect();
    assert_eq!(sought, [Some("events_published"), None], "whoever reads it is in it, if there was something to read");

    let (result, detail) = audited(&here, "");
    assert_eq!(result, "ok", "{detail}");
    assert!(detail.starts_with("5 entries as written, up to 5:"), "{detail}");
    let head = detail.rsplit(' ').next().expect("the head").to_owned();
    assert_eq!(audited(&here, &head).0, "ok");

    execute(&here, "UPDATE audit_entry SET subject = 'other.ndjson' WHERE sequence = 1");
    assert_eq!(audited(&here, ""), ("fail".to_owned(), "entry 1 is not what was written".to_owned()));
    assert_eq!(here.run("doctor --audit").code, 1);
    let without = here.run("doctor --json").json();
    assert!(without.iter().all(|row| row["check"] != "audit log"), "only where it is asked for");
}

#[test]
fn sign_ins_of_unknown_accounts_are_shown_beside_the_proof() {
    let here = CommandLine::new();
    here.import_examples();
    let said = || {
        let rows = here.run("doctor --json --audit").json();
        let row = rows.iter().find(|row| row["check"] == "unknown accounts").expect("it is looked at");
        row["detail"].as_str().expect("a text").to_owned()
    };
    assert_eq!(said(), "none in 7 days");
    execute(
        &here,
        "INSERT INTO sign_in_count (hour, network, failed, refused)
             SELECT CAST(strftime('%s', 'now') AS INTEGER) * 1000, network, failed, refused FROM (
                 SELECT '203.0.113.0/24' AS network, 5 AS failed, 195 AS refused UNION ALL SELECT '', 1, 0)",
    );
    let expected = "201 sign-ins in 7 days of accounts that nobody has: 200 from 203.0.113.0/24, \
                    1 from networks that are not known";
    assert_eq!(said(), expected);
}

#[test]
fn a_tail_that_was_cut_is_found_by_the_logged_head() {
    let here = CommandLine::new();
    here.import_examples();
    here.run(&format!("publish {} --as ada", example("events/01-invoice-business.json")));
    let head = audited(&here, "").1.rsplit(' ').next().expect("the head").to_owned();
    execute(
        &here,
        "DELETE FROM audit_entry WHERE sequence = 2;
         UPDATE audit_head SET (sequence, at, hash) = (SELECT sequence, at, hash FROM audit_entry)",
    );
    assert_eq!(audited(&here, "").0, "ok", "nothing in the database shows it");
    let expected = "entry 2 was logged, and the log ends before it".to_owned();
    assert_eq!(audited(&here, &head), ("fail".to_owned(), expected));
    let wrong = here.run("doctor --audit 5");
    assert!(wrong.code == 2 && wrong.stderr.contains("64 hexadecimal digits"), "{}", wrong.stderr);
}

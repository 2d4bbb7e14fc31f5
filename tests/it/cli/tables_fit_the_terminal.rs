//! Tables on a terminal: one line a row, ids whole, whatever its width.

use std::time::Duration;

use invoice_dispatcher::model::reason::ReasonCode;
use invoice_dispatcher::model::state::Concluded;

use crate::cli::support::{command, objects, printed};
use crate::harness::database::TestDatabase;
use crate::harness::terminal::Terminal;
use crate::operator::samples::{Support, event};

/// What the command writes to a terminal of so many columns, with this in its environment besides.
fn seen(support: &Support, arguments: &[&str], columns: u16, environment: &[(&str, &str)]) -> String {
    let (terminal, folder) = (Terminal::wide(columns), tempfile::tempdir().expect("a folder"));
    let mut command = command(support, &folder, arguments);
    command.envs(environment.iter().copied()).stdin(terminal.as_stdio()).stdout(terminal.as_stdio());
    let mut child = command.spawn().expect("the binary starts");
    // It holds the program's side of the terminal, too.
    drop(command);
    let seen = terminal.seen();
    assert!(child.wait().expect("it ends").success(), "{seen}");
    seen.replace('\r', "")
}

fn plain(text: &str) -> String {
    ["\u{1b}[1m", "\u{1b}[0m", "\u{1b}[22m"].iter().fold(text.to_owned(), |text, style| text.replace(style, ""))
}

/// Invoices of which all but the first are dead, each for a reason of many words.
async fn support() -> Support {
    let support = Support::with_acme(TestDatabase::sqlite().await).await;
    support.accept(&event("1")).await;
    support.end(Concluded::Sent, ReasonCode::Accepted).await;
    for id in 2..=22 {
        support.database.clock.advance(Duration::from_secs(1));
        support.accept(&event(&id.to_string())).await;
        support.die(ReasonCode::Refused).await;
    }
    support.database.execute("UPDATE dead_letter SET code = '550 5.7.1', phase = 'mail'").await;
    support
}

#[tokio::test]
async fn a_row_is_a_line_with_its_id_whole() {
    let support = support().await;
    let lists: [(&[&str], &str); 4] = [
        (&["deliveries", "list"], "id"),
        (&["dead-letters", "list"], "id"),
        (&["dead-letters", "groups"], "group"),
        (&["links", "list", "--tenant", "acme"], "delivery_id"),
    ];
    for (arguments, name) in lists {
        let ids: Vec<String> =
            objects(&support, arguments).iter().map(|row| row[name].as_str().expect("an id").to_owned()).collect();
        for columns in [80, 120, 200] {
            let text = plain(&seen(&support, arguments, columns, &[]));
            for id in &ids {
                let lines = text.lines().filter(|line| line.contains(id.as_str())).count();
                assert_eq!(lines, 1, "{arguments:?} at {columns}: {id}\n{text}");
            }
            let widest = text.lines().map(|line| line.chars().count()).max();
            assert!(widest <= Some(usize::from(columns)), "{arguments:?} at {columns}: {widest:?}\n{text}");
            // Headings, rules and one sentence come on top.
            assert!(text.lines().count() <= ids.len() + 6, "{arguments:?} at {columns}:\n{text}");
        }
    }
}

#[tokio::test]
async fn number_and_kind_are_whole_at_80_and_tenant_and_recipient_there_at_120() {
    let support = Support::with_acme(TestDatabase::sqlite().await).await;
    for (id, kind, number) in [("1", "credit_note", "R-2026-0042"), ("2", "reminder", "R-2026-0043")] {
        let mut event = event(id);
        event["data"]["invoice"]["number"] = number.into();
        event["data"]["invoice"]["kind"] = kind.into();
        support.accept(&event).await;
        support.die(ReasonCode::Refused).await;
    }
    for (list, columns) in [("deliveries", [80, 120, 200]), ("dead-letters", [80, 120, 200])] {
        for columns in columns {
            let text = plain(&seen(&support, &[list, "list"], columns, &[]));
            for number in ["R-2026-0042 (credit note)", "R-2026-0043 (reminder)"] {
                let lines: Vec<&str> = text.lines().filter(|line| line.contains(number)).collect();
                let [line] = lines.as_slice() else { panic!("{list} at {columns}: {number}\n{text}") };
                assert!(line.contains("dead") || line.contains("refused"), "{list} at {columns}:\n{text}");
                let has_both = line.contains(" acme ") && line.contains("a***@customer.example");
                assert!(list != "deliveries" || has_both == (columns >= 120), "at {columns}:\n{text}");
            }
            let widest = text.lines().map(|line| line.chars().count()).max();
            assert!(widest <= Some(usize::from(columns)), "{list} at {columns}: {widest:?}\n{text}");
        }
    }
}

#[tokio::test]
async fn without_a_terminal_nothing_is_cut_and_no_line_ends_in_blanks() {
    let support = support().await;
    let long = "the relay says in very many words that it does not want this ".repeat(8);
    support
        .database
        .execute(format!(
            "UPDATE dead_letter SET reason = '{long}end'; UPDATE delivery SET reason = '{long}end'
        WHERE concluded = 'dead'"
        ))
        .await;
    for (command, texts) in
        [(&["deliveries", "list"][..], 21), (&["dead-letters", "list"], 21), (&["find", "r-", "--limit", "50"], 0)]
    {
        let text = printed(&support, command);
        assert_eq!(text.matches("want this end").count(), texts, "{command:?}:\n{text}");
        assert!(!text.contains('…') && !text.contains('\u{1b}'), "{command:?}:\n{text}");
        assert!(text.lines().all(|line| line.trim() == line), "{command:?}:\n{text}");
        // One row a line, in the same columns: other programs cut them by their places.
        let starts: std::collections::BTreeSet<_> =
            text.lines().filter(|line| line.contains("R-")).filter_map(|line| line.find("R-")).collect();
        assert!(command[0] == "find" || starts.len() == 1, "{command:?}:\n{text}");
    }
}

#[tokio::test]
async fn a_hit_of_a_search_is_a_line_with_its_number_and_tenant_whole() {
    let support = support().await;
    let hits = objects(&support, &["find", "r-", "--limit", "50"]);
    assert_eq!(hits.len(), 22);
    for columns in [80, 120, 200] {
        let text = plain(&seen(&support, &["find", "r-", "--limit", "50"], columns, &[]));
        for hit in &hits {
            let number = hit["invoice_number"].as_str().expect("a number");
            let lines = text.lines().filter(|line| {
                let cells: Vec<&str> = line.split_whitespace().collect();
                cells.starts_with(&["invoice", number, "acme"])
            });
            assert_eq!(lines.count(), 1, "{number} at {columns}:\n{text}");
            let id = hit["delivery_id"].as_str().expect("an id");
            assert_eq!(text.contains(id), columns >= 140, "{columns}:\n{text}");
        }
        let widest = text.lines().map(|line| line.chars().count()).max();
        assert!(widest <= Some(usize::from(columns)), "{columns}: {widest:?}\n{text}");
        // Headings, rules and the next command come on top.
        assert!(text.lines().count() <= hits.len() + 6, "{columns}:\n{text}");
    }
}

#[tokio::test]
async fn a_very_narrow_terminal_gets_a_block_a_row() {
    let support = support().await;
    let rows = objects(&support, &["dead-letters", "list"]);
    let text = plain(&seen(&support, &["dead-letters", "list"], 20, &[]));
    for row in &rows {
        let (id, number) = (row["id"].as_str().expect("an id"), row["invoice_number"].as_str().expect("a number"));
        assert!(text.contains(&format!("id: {id}\ninvoice: {number}\ncode: 550 5.7.1\nwhy: refused: ")), "{text}");
    }
}

#[tokio::test]
async fn the_relays_code_is_never_cut() {
    let support = support().await;
    for columns in [80, 120, 200] {
        let text = plain(&seen(&support, &["dead-letters", "list"], columns, &[]));
        assert_eq!(text.matches("550 5.7.1").count(), 21, "at {columns}:\n{text}");
        assert_eq!(text.matches(" refused: ").count(), 21, "at {columns}:\n{text}");
    }
}

#[tokio::test]
async fn no_color_is_plain_text() {
    let support = support().await;
    for arguments in [&["deliveries", "list"][..], &["explain", "--tenant", "acme", "--invoice", "R-1"]] {
        let styled = seen(&support, arguments, 120, &[("NO_COLOR", "")]);
        assert!(styled.contains('\u{1b}'), "an empty value wants colours: {styled:?}");
        let text = seen(&support, arguments, 120, &[("NO_COLOR", "1")]);
        assert!(!text.contains('\u{1b}'), "{text:?}");
    }
}

//! The table fits the documents' and every code in every phase.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use strum::VariantArray as _;

use super::*;

const DOCS: &str = include_str!("../../../docs/delivery-states.md");
const HEADING: &str = "| at | answer | class | what follows |";

fn phases(at: &[Phase]) -> String {
    let word = |phase: &Phase| match phase {
        Phase::Mail => "MAIL",
        Phase::Rcpt => "RCPT",
        Phase::Data => "DATA",
        Phase::FinalDot => "final dot",
        // ReplyWords before the connection ends within the message: as at the dot.
        Phase::Transfer => "",
        before => panic!("{before} has no rows"),
    };
    if at == MAIL_TO_DOT {
        return "any".to_owned();
    }
    let words: Vec<_> = at.iter().map(word).filter(|word| !word.is_empty()).collect();
    assert_eq!(
        at.contains(&Phase::Transfer),
        at.contains(&Phase::FinalDot),
        "what is said within the message is the dot's"
    );
    words.join(", ")
}

fn words(words: &ReplyWords) -> String {
    let listed = |list: &[&str]| list.iter().map(|word| format!("*{word}*")).collect::<Vec<_>>().join(", ");
    let phrases: Vec<_> = words.one_of.iter().map(|phrase| phrase.join(" … ")).collect();
    let mut said = listed(&phrases.iter().map(String::as_str).collect::<Vec<_>>());
    if !words.with_one_of.is_empty() {
        write!(said, ", beside one of {}", listed(words.with_one_of)).unwrap();
    }
    if !words.without.is_empty() {
        write!(said, ", and none of {}", listed(words.without)).unwrap();
    }
    said
}

fn details(subject: u16, details: &[u16]) -> String {
    details.iter().map(|detail| format!("5.{subject}.{detail}")).collect::<Vec<_>>().join(", ")
}

fn answers(answers: &Answers) -> String {
    match answers {
        Answers::Passing => "4xx".to_owned(),
        Answers::Closing => "421; 4xx with 4.4.2".to_owned(),
        Answers::Contradiction => "5xx with 2.x.x or 4.x.x".to_owned(),
        Answers::Enhanced(subject, detail) => details(*subject, &[*detail]),
        Answers::Details(subject, from, to) => format!("5.{subject}.{from} to 5.{subject}.{to}"),
        Answers::SubjectBut(subject, but) => format!("5.{subject}.x, but not {}", details(*subject, but)),
        Answers::Basic(code) => code.to_string(),
        Answers::Bare(code) => format!("bare {code}"),
        Answers::Words(list) => format!("words: {}", words(list)),
        Answers::SubjectWords(subject, list) => format!("5.{subject}.x with words: {}", words(list)),
        Answers::Any => "any other 5xx".to_owned(),
    }
}

/// The class that is recorded, and what follows.
fn consequence(meaning: ReplyMeaning) -> [&'static str; 2] {
    match meaning {
        ReplyMeaning::RelayUnavailable => {
            ["relay_unavailable", "the breaker counts it; no attempt is consumed, and no delivery fails for it"]
        }
        ReplyMeaning::Reconnect => [
            "deferred",
            "on a connection used before: once more on a fresh one, uncounted; on a fresh one an attempt is consumed, and \
             the breaker counts it",
        ],
        ReplyMeaning::Deferred => ["deferred", "the next retry"],
        ReplyMeaning::SenderLimited => ["deferred", "no attempt is consumed; its sender is held, see below"],
        ReplyMeaning::Rejected => ["rejected", "final"],
        ReplyMeaning::TooLarge => ["too_large", "a link instead if the portal may show the documents, else dead"],
        ReplyMeaning::UnsupportedAddress => [
            "unsupported_address",
            "composed anew without the copies and the Reply-To that need SMTPUTF8, if no other address does and nothing \
             was permitted to go out yet (uncounted, noted in the timeline); else dead",
        ],
        ReplyMeaning::Refused => ["refused", "dead, or held: see below"],
    }
}

#[test]
fn the_documents_show_this_table_and_no_other() {
    let expected: Vec<String> = ROWS
        .iter()
        .map(|row| {
            let said: Vec<_> = row.answers.iter().map(answers).collect();
            let [class, follows] = consequence(row.meaning);
            format!("| {} | {} | `{class}` | {follows} |", phases(row.at), said.join("; "))
        })
        .collect();
    let (_, shown) = DOCS.split_once(HEADING).expect("the documents have the table");
    let shown: Vec<&str> = shown.lines().skip(2).take_while(|line| line.starts_with('|')).collect();
    assert_eq!(shown, expected, "docs/delivery-states.md should say:\n{}", expected.join("\n"));
}

/// The same once more as sentences, for answers whose words say nothing.
fn expected(phase: Phase, code: u16, enhanced: Option<(u16, u16, u16)>) -> ReplyMeaning {
    let dot = matches!(phase, Phase::Transfer | Phase::FinalDot);
    let out_of_step = if dot { ReplyMeaning::Deferred } else { ReplyMeaning::Reconnect };
    if code / 100 == 4 {
        let closing = code == 421 || enhanced == Some((4, 4, 2));
        return if closing && !dot { ReplyMeaning::Reconnect } else { ReplyMeaning::Deferred };
    }
    if code == 530 || code == 538 {
        let contradicts = enhanced.is_some_and(|(class, ..)| class != 5);
        return if contradicts { ReplyMeaning::Deferred } else { ReplyMeaning::RelayUnavailable };
    }
    let protocol = matches!(code, 500 | 502 | 503 | 504);
    match (phase, enhanced) {
        (_, Some((2 | 4, ..))) => ReplyMeaning::Deferred,
        (_, Some((5, 7, 57))) => ReplyMeaning::RelayUnavailable,
        (_, Some((5, 4, 5) | (5, 1, 90))) => ReplyMeaning::SenderLimited,
        (_, Some((5, 2, 3) | (5, 3, 4))) => ReplyMeaning::TooLarge,
        (_, Some((5, 6, 7))) => ReplyMeaning::UnsupportedAddress,
        (_, Some((5, 5, 1 | 2 | 4))) => out_of_step,
        (Phase::Rcpt, Some((5, 1, 7 | 8) | (5, 2, 252))) => {
            if protocol {
                out_of_step
            } else {
                ReplyMeaning::Refused
            }
        }
        (Phase::Rcpt, Some((5, 0 | 1 | 2 | 3 | 5, 0))) => {
            if protocol {
                out_of_step
            } else {
                ReplyMeaning::Rejected
            }
        }
        (Phase::Rcpt, Some((5, 1 | 2, _) | (5, 4, 1 | 4) | (5, 7, 124 | 133..=136)))
        | (
            Phase::Data | Phase::Transfer | Phase::FinalDot,
            Some((5, 1, 1 | 2 | 3 | 6 | 10) | (5, 2, 1 | 2) | (5, 4, 1)),
        ) => ReplyMeaning::Rejected,
        _ if protocol => out_of_step,
        (Phase::Rcpt, None) => match code {
            501 | 521 | 550 | 551 | 553 | 554 | 556 => ReplyMeaning::Rejected,
            552 => ReplyMeaning::Deferred,
            _ => ReplyMeaning::Refused,
        },
        (Phase::Mail | Phase::Transfer | Phase::FinalDot, None) if code == 552 => ReplyMeaning::TooLarge,
        _ => ReplyMeaning::Refused,
    }
}

#[test]
fn every_code_in_every_phase() {
    let subjects_and_details = (0..=9).flat_map(|subject| (0..=300).map(move |detail| (subject, detail)));
    let mut enhanced: Vec<_> = subjects_and_details
        .flat_map(|(subject, detail)| [2, 4, 5].map(|class| Some((class, subject, detail))))
        .collect();
    enhanced.push(None);
    let codes = [421, 450, 451, 452, 454, 455, 471].into_iter().chain(500..=560).chain([571, 599]);
    for code in codes {
        for enhanced in &enhanced {
            let reply = Reply { code, enhanced: *enhanced, text: "no".to_owned() };
            for phase in MAIL_TO_DOT {
                let found = meaning(*phase, &reply);
                assert_eq!(found, Some(expected(*phase, code, *enhanced)), "{phase}: {reply}");
            }
        }
    }
}

#[test]
fn before_mail_every_answer_is_the_relays() {
    for phase in Phase::VARIANTS.iter().filter(|phase| phase.precedes_transaction()) {
        for code in [220, 354, 421, 454, 500, 530, 535, 550, 554] {
            let reply = Reply { code, enhanced: None, text: String::new() };
            assert_eq!(meaning(*phase, &reply), Some(ReplyMeaning::RelayUnavailable), "{phase}: {reply}");
        }
    }
}

#[test]
fn what_is_no_negative_answer_means_nothing_here() {
    for code in [100, 220, 250, 334, 354, 600] {
        let reply = Reply { code, enhanced: None, text: "authentication required".to_owned() };
        for phase in MAIL_TO_DOT {
            assert_eq!(meaning(*phase, &reply), None, "{phase}: {reply}");
        }
    }
}

#[test]
fn every_row_decides_something() {
    let decides =
        |row: &ReplyRow| row.at.iter().any(|phase| row.answers.iter().all(|answers| reaches(row, *phase, answers)));
    for row in ROWS {
        assert!(decides(row), "an earlier row takes all of {row:?}");
    }
}

/// Whether an answer of this kind gets as far as this row.
fn reaches(row: &ReplyRow, phase: Phase, answers: &Answers) -> bool {
    let reply = sample(answers);
    let text = reply.text.to_ascii_lowercase();
    let first = ROWS
        .iter()
        .find(|row| row.at.contains(&phase) && row.answers.iter().any(|answers| answers.include(&reply, &text)));
    first.is_some_and(|first| std::ptr::eq(first, row))
}

fn sample(answers: &Answers) -> Reply {
    let said = |words: &ReplyWords| {
        let companion = words.with_one_of.first().copied().unwrap_or_default();
        format!("{} {companion}", words.one_of[0].join(" "))
    };
    let (code, enhanced, text) = match answers {
        Answers::Passing => (450, None, String::new()),
        Answers::Closing => (451, Some((4, 4, 2)), String::new()),
        Answers::Contradiction => (550, Some((4, 7, 1)), String::new()),
        Answers::Enhanced(subject, detail) | Answers::Details(subject, detail, _) => {
            (550, Some((5, *subject, *detail)), String::new())
        }
        Answers::SubjectBut(subject, _) => (550, Some((5, *subject, 1)), String::new()),
        Answers::Basic(code) | Answers::Bare(code) => (*code, None, String::new()),
        Answers::Words(words) => (550, Some((5, 7, 1)), said(words)),
        Answers::SubjectWords(subject, words) => (550, Some((5, *subject, 1)), said(words)),
        Answers::Any => (599, None, String::new()),
    };
    Reply { code, enhanced, text }
}

#[test]
fn a_phrase_begins_at_a_word_and_its_parts_are_near() {
    for (text, held) in [
        ("authentication required", true),
        ("smtp auth is required here", true),
        ("sender unauthenticated; tls required", false),
        ("required authentication", false),
        ("authorized senders only. please read the page; a subscription is required", false),
    ] {
        assert_eq!(holds_phrase(text, &["auth", "required"]), held, "{text}");
    }
    assert!(holds_phrase("limit of a. the limit was exceeded", &["limit", "exceeded"]), "the second one counts");
}

#[test]
fn no_phrase_is_listed_twice() {
    for words in [&LOGIN_REQUIRED, &SENDING_LIMIT, &SENDERS_LIMIT, &TIMED_LIMIT, &LIMIT_ALONE, &THIS_RECIPIENT] {
        let phrases: BTreeSet<String> = words.one_of.iter().map(|phrase| phrase.join("…")).collect();
        assert_eq!(phrases.len(), words.one_of.len());
        let all = || words.one_of.iter().flat_map(|phrase| phrase.iter()).chain(words.with_one_of).chain(words.without);
        assert!(all().all(|word| *word == word.to_lowercase()), "the text that is searched is in lower case");
    }
}

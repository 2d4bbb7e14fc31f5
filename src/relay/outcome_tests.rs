//! The whole table of what a reply means, and laws about every reply.

use proptest::prelude::*;
use strum::VariantArray as _;

use super::*;

fn meaning(phase: Phase, code: u16, text: &str) -> Outcome {
    Outcome::of_reply(phase, &Reply::new(code, text))
}

#[test]
fn what_a_reply_means() {
    use Outcome::{Accepted, Deferred, Refused, Rejected, RelayUnavailable, TooLarge, Uncertain};
    use Phase::{Auth, Banner, Connect, Data, Ehlo, FinalDot, Mail, Rcpt, Tls, Transfer};
    let table: &[(&[Phase], u16, &str, Outcome)] = &[
        // Only a final 2xx is success.
        (&[FinalDot], 250, "2.0.0 queued as 4711", Accepted),
        (&[FinalDot], 250, "", Accepted),
        (&[FinalDot], 252, "taken", Accepted),
        (&[Rcpt], 250, "2.1.5 ok", Accepted),
        (&[Rcpt], 251, "will forward", Accepted),
        (&[FinalDot], 354, "go ahead", Uncertain),
        (&[FinalDot], 334, "", Uncertain),
        (&[Mail, Data, Transfer], 250, "ok", Deferred),
        (&[Mail, Rcpt, Transfer], 354, "go ahead", Deferred),
        // Before MAIL every answer speaks of the relay.
        (&[Connect, Tls, Banner, Ehlo, Auth], 421, "4.3.2 closing", RelayUnavailable),
        (&[Banner, Ehlo, Tls], 554, "5.7.1 go away", RelayUnavailable),
        (&[Auth], 535, "5.7.8 wrong password", RelayUnavailable),
        (&[Auth], 454, "4.7.0 later", RelayUnavailable),
        (&[Auth], 501, "5.5.2 what?", RelayUnavailable),
        // 4xx.
        (&[Mail, Rcpt, Data, Transfer, FinalDot], 451, "4.3.0 later", Deferred),
        (&[Mail, Rcpt, Data, Transfer, FinalDot], 421, "", Deferred),
        (&[Rcpt], 450, "4.7.1 greylisted", Deferred),
        (&[Rcpt], 452, "4.2.2 mailbox full", Deferred),
        (&[Mail, FinalDot], 452, "4.3.1 insufficient storage", Deferred),
        // The recipient is refused for good.
        (&[Rcpt, Data, FinalDot], 550, "5.1.1 no such user", Rejected),
        (&[Rcpt, Data, FinalDot], 550, "5.1.2 no such host", Rejected),
        (&[Rcpt, Data, FinalDot], 501, "5.1.3 bad address", Rejected),
        (&[Rcpt, Data, FinalDot], 551, "5.1.6 moved", Rejected),
        (&[Rcpt, Data, FinalDot], 556, "5.1.10 null MX", Rejected),
        (&[Rcpt, Data, FinalDot], 550, "5.2.1 disabled", Rejected),
        (&[Rcpt, Data, FinalDot], 552, "5.2.2 over quota", Rejected),
        (&[Rcpt], 550, "no such user here", Rejected),
        (&[Rcpt], 551, "user not local", Rejected),
        (&[Rcpt], 553, "mailbox name not allowed", Rejected),
        (&[Rcpt], 554, "no", Rejected),
        (&[Rcpt], 550, "5.4.1 access denied", Rejected),
        (&[Rcpt], 550, "5.0.0 no", Rejected),
        // Too large.
        (&[Mail, Rcpt, Data, FinalDot], 552, "5.2.3 too long for the mailbox", TooLarge),
        (&[Mail, Rcpt, Data, FinalDot], 554, "5.3.4 too big for the system", TooLarge),
        (&[Mail, Transfer, FinalDot], 552, "too much mail data", TooLarge),
        // Everything else: the sender, relaying, the content.
        (&[Mail, Rcpt, Data, FinalDot], 554, "5.7.1 relay access denied", Refused),
        (&[Rcpt], 550, "5.7.1 relaying denied", Refused),
        (&[Mail, Rcpt], 550, "5.1.8 sender's domain unknown", Refused),
        (&[Mail, Rcpt], 550, "5.1.7 sender's address invalid", Refused),
        (&[Mail], 550, "5.1.1 sender unknown", Refused),
        (&[FinalDot], 550, "5.7.28 spam", Refused),
        (&[FinalDot], 550, "content rejected", Refused),
        (&[FinalDot], 554, "transaction failed", Refused),
        (&[Mail, Data, FinalDot], 553, "no", Refused),
        (&[Data], 552, "no", Refused),
        // RFC 5321 §4.5.3.1.10: to RCPT it is to be read as 452.
        (&[Rcpt], 552, "no", Deferred),
        // The connection, or our idea of where we are.
        (&[Mail, Rcpt, Data, FinalDot], 503, "5.5.1 bad sequence", Deferred),
        (&[Mail, Rcpt, Data, FinalDot], 500, "what?", Deferred),
        // A 503 is never about a mailbox, whatever stands beside it, unless that says more than 5.5.0.
        (&[Rcpt], 503, "5.5.0 sender already given", Deferred),
        (&[Rcpt], 503, "5.1.1 no such user", Rejected),
        // The enhanced code says that it passes, the basic code that it does not.
        (&[Mail, Rcpt, Data, FinalDot], 550, "4.7.1 greylisted", Deferred),
        (&[Mail, Rcpt, Data, FinalDot], 450, "5.1.1 no such user", Deferred),
    ];
    for (phases, code, text, outcome) in table {
        for phase in *phases {
            assert_eq!(meaning(*phase, *code, text), *outcome, "{phase}: {code} {text}");
        }
    }
}

#[test]
fn silence_is_uncertain_only_once_the_final_dot_was_handed_over() {
    for phase in Phase::VARIANTS {
        let outcome = Outcome::of_silence(*phase);
        assert_eq!(outcome == Outcome::Uncertain, *phase == Phase::FinalDot, "{phase}");
        assert_eq!(outcome == Outcome::RelayUnavailable, phase.precedes_transaction(), "{phase}");
    }
}

#[test]
fn a_replys_codes_and_text() {
    let table = [
        (550, "5.1.1 <a@b.example>: no", Some((5, 1, 1)), "<a@b.example>: no", "550 5.1.1"),
        (250, "2.0.0", Some((2, 0, 0)), "", "250 2.0.0"),
        (250, "ok", None, "ok", "250"),
        (250, "3.0.0 ok", None, "3.0.0 ok", "250"),
        (550, "5.1.1.1 no", None, "5.1.1.1 no", "550"),
        (550, "5.1.1000 no", None, "5.1.1000 no", "550"),
        (550, "5.1. no", None, "5.1. no", "550"),
        (550, "5.1.1\u{0}x no\r\nmore\u{202e}\u{7}", None, "5.1.1 x no more", "550"),
        (550, "#5.1.0 Address rejected.", Some((5, 1, 0)), "Address rejected.", "550 5.1.0"),
        (550, "(5.1.1) no", Some((5, 1, 1)), "no", "550 5.1.1"),
        (550, "5.1.1: no", Some((5, 1, 1)), "no", "550 5.1.1"),
        (450, "  4.7.1 \t later \u{85} please", Some((4, 7, 1)), "later please", "450 4.7.1"),
    ];
    for (code, text, enhanced, cleaned, codes) in table {
        let reply = Reply::new(code, text);
        assert_eq!((reply.enhanced, reply.text.as_str(), reply.codes().as_str()), (enhanced, cleaned, codes));
    }
    assert_eq!(Reply::new(550, "5.7.1 spam").to_string(), "550 5.7.1 spam");
    assert_eq!(Reply::new(250, "").to_string(), "250");
}

proptest! {
    #[test]
    fn any_text_becomes_one_short_printable_line(text in "\\PC{0,40}[\\x00-\\x1f\u{202e}]{0,9}\\PC{0,700}", code in 200_u16..600) {
        let reply = Reply::new(code, &text);
        prop_assert!(reply.text.chars().count() <= 500);
        let is_unprintable = |c: char| clean::is_unsafe(c) || matches!(c, '\u{200b}' | '\u{feff}');
        prop_assert!(!reply.text.contains(is_unprintable));
        prop_assert_eq!(reply.text.trim(), reply.text.as_str());
    }

    #[test]
    fn nothing_but_a_final_2xx_is_success(code in 200_u16..600, text in "[245]\\.[0-9]{1,2}\\.[0-9]{1,2} x|no") {
        for phase in Phase::VARIANTS {
            let accepted = Outcome::of_reply(*phase, &Reply::new(code, &text)) == Outcome::Accepted;
            prop_assert!(!accepted || (code < 300 && matches!(phase, Phase::Rcpt | Phase::FinalDot)));
        }
    }

    #[test]
    fn a_4xx_never_concludes_a_delivery(code in 400_u16..500, text in "[245]\\.[0-9]{1,2}\\.[0-9]{1,2} x|no") {
        for phase in Phase::VARIANTS.iter().filter(|phase| !phase.precedes_transaction()) {
            prop_assert_eq!(Outcome::of_reply(*phase, &Reply::new(code, &text)), Outcome::Deferred);
        }
    }
}

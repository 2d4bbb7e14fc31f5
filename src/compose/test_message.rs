//! A message that shows somebody what customers would get, and says so: in its subject, in its first line and in a header.

use super::{
    ComposeError, Contents, Mail, RenderedTexts, Snapshot, Templates, WrittenTexts, attachments, put_together,
    write_texts,
};
use crate::event::LoadedDocument;
use crate::policy::decision::Plan;

/// What a test says of itself, in the language of the mail.
struct TestMark {
    language: &'static str,
    subject: &'static str,
    line: &'static str,
}

const ENGLISH: TestMark = TestMark {
    language: "en",
    subject: "[Test]",
    line: "This is a test. It shows what customers would receive; the invoice is made up, and a link in it opens nothing.",
};

const MARKS: [TestMark; 3] = [
    TestMark {
        language: "de",
        subject: "[Test]",
        line: "Dies ist ein Test. Er zeigt, was Kunden erhalten würden; die Rechnung ist erfunden, und ein Link darin öffnet \
               nichts.",
    },
    TestMark {
        language: "nl",
        subject: "[Test]",
        line: "Dit is een test. Hij laat zien wat klanten zouden ontvangen; de factuur is verzonnen, en een link erin opent \
               niets.",
    },
    TestMark {
        language: "fr",
        subject: "[Test]",
        line: "Ceci est un test. Il montre ce que les clients recevraient\u{202f}; la facture est fictive, et un lien qu’elle \
               contient n’ouvre rien.",
    },
];

/// As [`compose`](super::compose), of a message that is marked as a test and names no delivery.
///
/// # Errors
/// As [`compose`](super::compose).
pub fn compose_test(
    templates: &Templates,
    snapshot: &Snapshot,
    plan: Plan,
    documents: &[LoadedDocument],
) -> Result<Mail, ComposeError> {
    let documents = if plan == Plan::Attach { documents } else { &[] };
    let attachments = attachments(&snapshot.data, documents.iter().map(|loaded| &loaded.document));
    let WrittenTexts { mut texts, language } = write_texts(templates, snapshot, plan, &attachments)?;
    mark(&mut texts, &language);
    let written = WrittenTexts { texts, language };
    put_together(Vec::new(), snapshot, Contents { written, attachments, documents, is_test: true })
}

fn mark(texts: &mut RenderedTexts, tag: &str) {
    let language = tag.split('-').next().unwrap_or_default();
    let TestMark { subject, line, .. } = MARKS.iter().find(|mark| mark.language == language).unwrap_or(&ENGLISH);
    texts.subject = format!("{subject} {}", texts.subject);
    texts.text = format!("{line}\n\n{}", texts.text);
    let banner = format!(
        "<p style=\"margin:0;padding:12px 16px;background:#fff4ce;color:#1d2329;font-family:sans-serif;font-size:15px;\
         line-height:22px;text-align:center\">{line}</p>"
    );
    // A tenant's own template may write `<body>` with whatever it likes, or leave it out.
    let body = texts.html.to_ascii_lowercase().find("<body").and_then(|at| Some(at + texts.html[at..].find('>')? + 1));
    texts.html.insert_str(body.unwrap_or_default(), &banner);
}

#[cfg(test)]
mod tests {
    use mailparse::MailHeaderMap as _;

    use super::super::sample;
    use super::*;
    use crate::model::invoice_kind::InvoiceKind;
    use crate::policy::decision::PortalAccess;

    #[test]
    fn a_test_says_what_it_is_in_every_part() {
        for (locale, words) in [
            ("de-AT", "Dies ist ein Test."),
            ("nl", "Dit is een test."),
            ("fr-BE", "Ceci est un test."),
            ("en", "This is a test."),
        ] {
            let snapshot = sample::snapshot(locale, InvoiceKind::Invoice);
            let plan = Plan::Link { access: PortalAccess::Verified };
            let mail = compose_test(&Templates::builtin(), &snapshot, plan, &[]).expect("a message");
            let parsed = mailparse::parse_mail(&mail.bytes).expect("a message");
            let header = |name: &str| parsed.headers.get_first_value(name);
            assert!(header("Subject").is_some_and(|subject| subject.starts_with("[Test] ")), "{locale}");
            assert_eq!((header("X-Test-Message").as_deref(), header("X-Delivery-Id")), (Some("yes"), None));
            for part in &parsed.subparts {
                let body = part.get_body().expect("text");
                assert!(body.contains(words), "{locale}: {body}");
            }
        }
    }

    #[test]
    fn the_line_stands_at_the_top_of_whatever_a_template_writes() {
        let html = |html: &str| {
            let mut texts = RenderedTexts { subject: String::new(), text: String::new(), html: html.to_owned() };
            mark(&mut texts, "en-GB");
            texts.html
        };
        for (template, begins) in [
            ("<html><BODY class=\"x\">words", "<html><BODY class=\"x\"><p style="),
            ("words", "<p style="),
            ("<body", "<p style="),
            ("İ<body>words", "İ<body><p style="),
        ] {
            assert!(html(template).starts_with(begins), "{template}: {}", html(template));
        }
    }
}

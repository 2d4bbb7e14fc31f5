//! What the templates show of mails. Pure.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::clean::marked;
use crate::clock::Timestamp;
use crate::demo::catcher::mailbox::CaughtMail;
use crate::demo::catcher::parsed_email::{FileDescription, ParsedEmail, Piece, pieces};
use crate::demo::catcher::text_messages::CaughtText;

/// Characters of the source that are shown in the page.
const SOURCE_CHARACTERS_MAX: usize = 200_000;

/// Which view of a mail is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum PageView {
    Html,
    Text,
    Headers,
    Source,
}

/// The list, newest first.
#[derive(Serialize)]
pub(super) struct ListView<'a> {
    mails: Vec<MailSummary<'a>>,
    count: usize,
    attached: usize,
    linked: usize,
    neither: usize,
    /// Mails that are not shown.
    older: usize,
}

impl<'a> ListView<'a> {
    pub(super) fn new(mails: &'a [Arc<CaughtMail>], shown_max: usize) -> Self {
        let attached = mails.iter().filter(|mail| !mail.attachments.is_empty()).count();
        let linked = mails.iter().filter(|mail| mail.attachments.is_empty() && mail.portal_link.is_some()).count();
        Self {
            mails: mails.iter().take(shown_max).map(|mail| MailSummary::new(mail)).collect(),
            count: mails.len(),
            attached,
            linked,
            neither: mails.len() - attached - linked,
            older: mails.len().saturating_sub(shown_max),
        }
    }
}

/// A text message.
#[derive(Serialize)]
pub(super) struct TextView {
    number: usize,
    to: String,
    from: String,
    text: String,
    received_at: Timestamp,
    time: String,
}

impl TextView {
    pub(super) fn new(message: CaughtText) -> Self {
        let CaughtText { number, to, from, text, received_at } = message;
        let [to, from] = [to, from].map(|number| marked(&number));
        // Line by line: a line end is the only control character that means something.
        let text = text.lines().map(marked).collect::<Vec<_>>().join("\n");
        Self { number, to, from, text, received_at, time: in_utc(received_at, "%H:%M:%S") }
    }
}

/// A mail without its texts.
#[derive(Serialize)]
struct MailSummary<'a> {
    #[serde(flatten)]
    mail: &'a CaughtMail,
    portal_link: Option<&'a str>,
    attachments: Vec<FileView<'a>>,
    hidden: Vec<String>,
    time: String,
    time_long: String,
}

impl<'a> MailSummary<'a> {
    fn new(mail: &'a CaughtMail) -> Self {
        Self {
            mail,
            portal_link: mail.portal_link.as_deref(),
            attachments: mail.attachments.iter().map(FileView::new).collect(),
            hidden: mail.hidden_recipients().map(marked).collect(),
            time: in_utc(mail.received_at, "%H:%M:%S"),
            time_long: in_utc(mail.received_at, "%Y-%m-%d %H:%M:%S UTC"),
        }
    }
}

#[derive(Serialize)]
struct FileView<'a> {
    #[serde(flatten)]
    description: &'a FileDescription,
    /// A word of up to four letters for its type.
    kind: String,
}

impl<'a> FileView<'a> {
    fn new(description: &'a FileDescription) -> Self {
        let extension = description.name.rsplit_once('.').map_or("", |(_, extension)| extension);
        let known = (1..=4).contains(&extension.len()) && extension.bytes().all(|byte| byte.is_ascii_alphanumeric());
        let kind = if known { extension.to_ascii_uppercase() } else { "FILE".to_owned() };
        Self { description, kind }
    }
}

fn in_utc(moment: Timestamp, format: &str) -> String {
    moment.to_jiff().strftime(format).to_string()
}

/// One mail, in one view.
#[derive(Serialize)]
pub(super) struct MailView<'a> {
    mail: MailSummary<'a>,
    view: PageView,
    views: [(PageView, &'static str); 4],
    has_html: bool,
    text: Option<Vec<PieceView<'a>>>,
    headers: &'a [(String, String)],
    source: String,
    source_cut: bool,
}

/// Words, or a link that can be followed.
#[derive(Serialize)]
struct PieceView<'a> {
    words: &'a str,
    link: Option<&'a str>,
}

impl<'a> MailView<'a> {
    pub(super) fn new(mail: &'a CaughtMail, letter: &'a ParsedEmail, message: &[u8], asked: Option<PageView>) -> Self {
        let view = asked.unwrap_or(if letter.html.is_some() { PageView::Html } else { PageView::Text });
        let piece = |piece| match piece {
            Piece::Words(words) => PieceView { words, link: None },
            Piece::Link(link) => PieceView { words: link, link: Some(link) },
        };
        let (source, source_cut) = if view == PageView::Source { readable(message) } else { (String::new(), false) };
        Self {
            mail: MailSummary::new(mail),
            view,
            views: [
                (PageView::Html, "HTML"),
                (PageView::Text, "Text"),
                (PageView::Headers, "Headers"),
                (PageView::Source, "Source"),
            ],
            has_html: letter.html.is_some(),
            text: letter.text.as_deref().map(|text| pieces(text).map(piece).collect()),
            headers: &letter.headers,
            source,
            source_cut,
        }
    }
}

/// The beginning of the source as text, and whether more follows.
fn readable(message: &[u8]) -> (String, bool) {
    let text = String::from_utf8_lossy(message);
    let mut characters = text.chars();
    let shown: String = characters.by_ref().take(SOURCE_CHARACTERS_MAX).collect();
    let lines: Vec<String> = shown.lines().map(|line| marked(line).replace('\u{fffd}', "·")).collect();
    (lines.join("\n"), characters.next().is_some())
}

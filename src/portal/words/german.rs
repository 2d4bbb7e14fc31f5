//! German, without the letter ß, which Swiss readers do not write.

use super::{NoticeWords, Wait, Words, rounded_up};
use crate::event::Balance;
use crate::model::invoice_kind::InvoiceKind;

pub const GERMAN: Words = Words {
    language_name: "Deutsch",

    skip: "Zum Inhalt springen",
    language: "Sprache",
    close: "Beenden",
    contact_title: "Haben Sie Fragen?",
    email: "E-Mail",
    phone: "Telefon",
    website: "Website",
    imprint: "Impressum",
    privacy: "Datenschutz",
    back_to_invoice: "Zurück zur Rechnung",

    open_title: "Ihre Rechnung liegt für Sie bereit",
    open_lead: "Mit einem Klick geht es weiter. Sie brauchen dafür kein Kundenkonto.",
    open_button: "Rechnung öffnen",
    open_cookie: "Beim Öffnen setzt diese Seite ein Cookie, das nur für Ihren Besuch gilt. Ihr Verhalten wird nicht ausgewertet.",

    invoice_title: |kind, number, level| match (kind, level) {
        (InvoiceKind::Invoice, _) => format!("Rechnung {number}"),
        (InvoiceKind::CreditNote, _) => format!("Gutschrift {number}"),
        (InvoiceKind::Reminder, Some(2)) => format!("Zweite Zahlungserinnerung zur Rechnung {number}"),
        (InvoiceKind::Reminder, Some(3..)) => format!("Mahnung zur Rechnung {number}"),
        (InvoiceKind::Reminder, _) => format!("Zahlungserinnerung zur Rechnung {number}"),
    },
    amount_label: |kind, balance| match (kind, balance) {
        (_, Balance::Credited) => "Gutschriftsbetrag",
        (_, Balance::Credit) => "Ihr Guthaben",
        (_, Balance::Nothing) => "Offener Betrag",
        (InvoiceKind::Reminder, Balance::Due) => "Noch offen",
        (_, Balance::Due) => "Zu zahlen",
    },
    due_label: "Zahlbar bis",
    first_due_label: "Ursprünglich fällig",
    nothing_to_pay: "Sie müssen nichts zahlen.",
    credited: "Der Betrag wird Ihnen gutgeschrieben; Sie müssen nichts zahlen.",
    number_label: |kind| match kind {
        InvoiceKind::CreditNote => "Gutschriftsnummer",
        InvoiceKind::Invoice | InvoiceKind::Reminder => "Rechnungsnummer",
    },
    date_label: |kind| match kind {
        InvoiceKind::CreditNote => "Datum",
        InvoiceKind::Invoice | InvoiceKind::Reminder => "Rechnungsdatum",
    },
    total_label: "Rechnungsbetrag",
    payment_reference_label: |region, is_checked| match region {
        Some("CH" | "LI") if is_checked => "Referenz",
        Some("BE") => "Mitteilung",
        _ => "Verwendungszweck",
    },
    buyer_reference_label: "Ihre Referenz",
    as_of: |day| format!("Stand der E-Mail vom {day}"),
    documents_title: |count| if count == 1 { "Dokument" } else { "Dokumente" },
    document_count: |count| if count == 1 { "1 Dokument".to_owned() } else { format!("{count} Dokumente") },
    e_invoice: "E-Rechnung",
    view: "Ansehen",
    download: "Herunterladen",
    download_all: "Alle herunterladen",
    preview: "Vorschau",
    no_preview: "Ihr Browser zeigt PDF-Dateien nicht in der Seite an.",
    verify_lead: |count| match count {
        1 => "Zu Ihrem Schutz zeigen wir das Dokument, sobald Sie kurz bestätigt haben, dass Sie es sind.",
        _ => "Zu Ihrem Schutz zeigen wir die Dokumente, sobald Sie kurz bestätigt haben, dass Sie es sind.",
    },
    verify_button: |count| if count == 1 { "Weiter zum Dokument" } else { "Weiter zu den Dokumenten" },
    closed_lead: |count| match count {
        1 => {
            "Das Dokument ist online nicht einsehbar. Wenn Sie es benötigen, wenden Sie sich bitte an uns; wir helfen Ihnen gern."
        }
        _ => {
            "Die Dokumente sind online nicht einsehbar. Wenn Sie sie benötigen, wenden Sie sich bitte an uns; wir helfen Ihnen gern."
        }
    },

    invoices_title: "Ihre Rechnungen",
    invoices_link: "Alle Ihre Rechnungen",
    invoices_lead: "Die Beträge entsprechen dem Stand der jeweiligen E-Mail; spätere Zahlungen sind nicht berücksichtigt.",
    invoices_none: "Zurzeit können wir Ihnen hier keine weiteren Rechnungen zeigen.",

    verify_title: "Bitte bestätigen Sie, dass Sie es sind",
    postcode_lead: "Geben Sie dazu bitte Postleitzahl und Hausnummer der Anschrift ein, die wir von Ihnen kennen.",
    postcode: "Postleitzahl",
    house_number: "Hausnummer",
    house_number_hint: "Die Zahl genügt; Zusätze wie „a“ können Sie weglassen.",
    confirm: "Bestätigen",
    postcode_wrong: "Diese Angaben passen nicht zu der Anschrift, die wir von Ihnen kennen. Bitte prüfen Sie beide Felder.",
    postcode_help_title: "Welche Anschrift ist gemeint?",
    postcode_help: "Es gilt die Anschrift, die bei uns hinterlegt ist; nach einem Umzug kann das noch die frühere sein. Wenn Sie unsicher sind, fragen Sie uns bitte.",
    code_lead: "Wir senden Ihnen dazu einen Code per SMS an die Mobilnummer, die wir von Ihnen kennen.",
    number_on_record: "Ihre Mobilnummer",
    number_ends_in: |digits| format!("endet auf {digits}"),
    code_send: "Code per SMS anfordern",
    code_sent: "Wir haben Ihnen einen Code per SMS gesendet. Er gilt 5 Minuten.",
    code: "Code aus der SMS",
    code_hint: "6 Ziffern",
    code_wrong: "Dieser Code ist nicht richtig oder gilt nicht mehr. Bitte prüfen Sie die Ziffern.",
    code_missing: "Bitte geben Sie die 6 Ziffern aus der SMS ein.",
    code_not_sent: "Die SMS konnte gerade nicht gesendet werden. Bitte versuchen Sie es in einigen Minuten noch einmal.",
    code_limit: |wait| {
        format!("Im Moment können wir keinen weiteren Code senden. Bitte versuchen Sie es {wait} noch einmal.")
    },
    code_help_title: "Keine SMS erhalten?",
    code_help: &[
        "Eine SMS kann bis zu einer Minute brauchen. Bitte prüfen Sie, ob Ihr Telefon Empfang hat.",
        "Der Code geht an die Mobilnummer, die bei uns hinterlegt ist. Hat sie sich geändert, sagen Sie uns bitte Bescheid.",
    ],
    code_again: "Neuen Code anfordern",
    code_again_when: "Einen neuen Code können Sie nach 60 Sekunden anfordern. Ein früherer Code bleibt bis zu seinem Ablauf gültig.",
    error_prefix: "Fehler",
    colon: ":",
    wait: |wait| match rounded_up(wait) {
        Wait::Minutes(1) => "in 1 Minute".to_owned(),
        Wait::Minutes(minutes) => format!("in {minutes} Minuten"),
        Wait::Hours(hours) => format!("in {hours} Stunden"),
    },

    no_method: NoticeWords {
        title: "Bitte wenden Sie sich an uns",
        paragraphs: &[
            "Zu Ihrem Schutz zeigen wir die Dokumente erst, wenn wir sicher sind, dass Sie es sind. Dafür fehlt uns noch eine Angabe von Ihnen.",
            "Sagen Sie uns kurz Bescheid; danach können Sie den Link in der E-Mail noch einmal öffnen.",
        ],
    },
    locked: NoticeWords {
        title: "Zu viele Versuche",
        paragraphs: &[
            "Zu Ihrem Schutz nehmen wir für eine Weile keine weiteren Eingaben an. Auch richtige Angaben helfen so lange nicht.",
        ],
    },
    too_many: NoticeWords {
        title: "Zu viele Anfragen",
        paragraphs: &["Aus Ihrem Netz kamen in kurzer Zeit sehr viele Anfragen."],
    },
    try_again: |wait| format!("Bitte versuchen Sie es {wait} noch einmal."),
    session_over: NoticeWords {
        title: "Bitte öffnen Sie den Link in Ihrer E-Mail noch einmal",
        paragraphs: &[
            "Diese Seite gehört zu keinem laufenden Besuch. Zu Ihrem Schutz endet ein Besuch, wenn die Seite eine Weile nicht benutzt wird.",
        ],
    },
    session_ended: NoticeWords {
        title: "Ihr Besuch ist beendet",
        paragraphs: &[
            "Dieses Fenster brauchen Sie jetzt nicht mehr. Um Ihre Rechnung wieder anzusehen, öffnen Sie den Link in Ihrer E-Mail noch einmal.",
        ],
    },
    cookies_off: NoticeWords {
        title: "Bitte erlauben Sie Cookies",
        paragraphs: &[
            "Ihr Browser hat das Cookie nicht angenommen, an dem diese Seite Ihren Besuch erkennt. Es gilt nur für diesen Besuch; Ihr Verhalten wird nicht ausgewertet.",
            "Erlauben Sie in den Einstellungen des Browsers Cookies für diese Website, und öffnen Sie dann den Link in Ihrer E-Mail noch einmal.",
        ],
    },
    documents_closed: NoticeWords {
        title: "Diese Dokumente sind online nicht einsehbar",
        paragraphs: &["Wenn Sie sie benötigen, wenden Sie sich bitte an uns; wir helfen Ihnen gern."],
    },
    link_expired: NoticeWords {
        title: "Dieser Link gilt nicht mehr",
        paragraphs: &[
            "Links zu Rechnungen gelten zu Ihrem Schutz nur eine begrenzte Zeit. Sie können einen neuen anfordern: Er geht an die E-Mail-Adresse, an die wir die Rechnung gesendet haben.",
        ],
    },
    link_unknown: NoticeWords {
        title: "Dieser Link führt zu keiner Rechnung",
        paragraphs: &[
            "Vielleicht wurde er nicht vollständig kopiert. Bitte öffnen Sie ihn direkt in Ihrer E-Mail.",
            "Wenn das nicht hilft, können Sie einen neuen Link anfordern: Er geht an die E-Mail-Adresse, an die die Rechnung gesendet wurde.",
        ],
    },
    ask_fresh_link: "Neuen Link anfordern",
    fresh_link_asked: NoticeWords {
        title: "Ihre Anfrage ist angekommen",
        paragraphs: &[
            "Wenn ein neuer Link möglich ist, kommt er in den nächsten Minuten per E-Mail, an die Adresse, an die die Rechnung gesendet wurde.",
            "Nichts erhalten? Bitte sehen Sie auch im Spam-Ordner nach, oder wenden Sie sich an den Absender der Rechnung.",
        ],
    },
    document_unavailable: NoticeWords {
        title: "Dieses Dokument ist gerade nicht verfügbar",
        paragraphs: &[
            "Das liegt nicht an Ihnen. Bitte versuchen Sie es später noch einmal, oder wenden Sie sich an uns.",
        ],
    },
    form_outdated: NoticeWords {
        title: "Bitte laden Sie die Seite neu",
        paragraphs: &[
            "Die Seite war nicht mehr aktuell. Gehen Sie im Browser zurück, laden Sie die Seite neu, und versuchen Sie es noch einmal. Hilft das nicht, öffnen Sie den Link in Ihrer E-Mail noch einmal.",
        ],
    },
    not_found: NoticeWords {
        title: "Diese Seite gibt es nicht",
        paragraphs: &["Bitte öffnen Sie den Link in Ihrer E-Mail noch einmal."],
    },
    failed: NoticeWords {
        title: "Das hat leider nicht geklappt",
        paragraphs: &["Der Fehler liegt bei uns. Bitte versuchen Sie es in einigen Minuten noch einmal."],
    },
    later: NoticeWords {
        title: "Bitte versuchen Sie es gleich noch einmal",
        paragraphs: &["Wir können diese Seite im Moment nicht zeigen. In wenigen Augenblicken geht es weiter."],
    },
};

//! Dutch.

use super::{NoticeWords, Wait, Words, rounded_up};
use crate::event::Balance;
use crate::model::invoice_kind::InvoiceKind;

pub const DUTCH: Words = Words {
    language_name: "Nederlands",

    skip: "Naar de inhoud",
    language: "Taal",
    close: "Afsluiten",
    contact_title: "Hebt u vragen?",
    email: "E-mail",
    phone: "Telefoon",
    website: "Website",
    imprint: "Bedrijfsgegevens",
    privacy: "Privacy",
    back_to_invoice: "Terug naar de factuur",

    open_title: "Uw factuur staat voor u klaar",
    open_lead: "Met één klik gaat u verder. U hebt hiervoor geen account nodig.",
    open_button: "Factuur openen",
    open_cookie: "Bij het openen plaatst deze pagina een cookie dat alleen voor uw bezoek geldt. Uw gedrag wordt niet gevolgd.",

    invoice_title: |kind, number, level| match (kind, level) {
        (InvoiceKind::Invoice, _) => format!("Factuur {number}"),
        (InvoiceKind::CreditNote, _) => format!("Creditnota {number}"),
        (InvoiceKind::Reminder, Some(2)) => format!("Tweede betalingsherinnering voor factuur {number}"),
        (InvoiceKind::Reminder, Some(3..)) => format!("Aanmaning voor factuur {number}"),
        (InvoiceKind::Reminder, _) => format!("Betalingsherinnering voor factuur {number}"),
    },
    amount_label: |kind, balance| match (kind, balance) {
        (_, Balance::Credited) => "Creditbedrag",
        (_, Balance::Credit) => "Uw tegoed",
        (_, Balance::Nothing) | (InvoiceKind::Reminder, Balance::Due) => "Openstaand bedrag",
        (_, Balance::Due) => "Te betalen",
    },
    due_label: "Uiterlijk te betalen op",
    first_due_label: "Oorspronkelijke vervaldatum",
    nothing_to_pay: "U hoeft niets te betalen.",
    credited: "Het bedrag wordt aan u gecrediteerd; u hoeft niets te betalen.",
    number_label: |kind| match kind {
        InvoiceKind::CreditNote => "Creditnotanummer",
        InvoiceKind::Invoice | InvoiceKind::Reminder => "Factuurnummer",
    },
    date_label: |kind| match kind {
        InvoiceKind::CreditNote => "Datum",
        InvoiceKind::Invoice | InvoiceKind::Reminder => "Factuurdatum",
    },
    total_label: "Factuurbedrag",
    payment_reference_label: |region, _| match region {
        Some("BE") => "Mededeling",
        _ => "Betalingskenmerk",
    },
    buyer_reference_label: "Uw referentie",
    as_of: |day| format!("Volgens de e-mail van {day}"),
    documents_title: |count| if count == 1 { "Document" } else { "Documenten" },
    document_count: |count| if count == 1 { "1 document".to_owned() } else { format!("{count} documenten") },
    e_invoice: "E-factuur",
    view: "Bekijken",
    download: "Downloaden",
    download_all: "Alles downloaden",
    preview: "Voorbeeld",
    no_preview: "Uw browser toont pdf-bestanden niet in de pagina.",
    verify_lead: |count| match count {
        1 => "Voor uw veiligheid tonen wij het document zodra u hebt bevestigd dat u het bent.",
        _ => "Voor uw veiligheid tonen wij de documenten zodra u hebt bevestigd dat u het bent.",
    },
    verify_button: |count| if count == 1 { "Verder naar het document" } else { "Verder naar de documenten" },
    closed_lead: |count| match count {
        1 => {
            "Het document is niet online te bekijken. Hebt u het nodig, neem dan contact met ons op; wij helpen u graag."
        }
        _ => {
            "De documenten zijn niet online te bekijken. Hebt u ze nodig, neem dan contact met ons op; wij helpen u graag."
        }
    },

    invoices_title: "Uw facturen",
    invoices_link: "Al uw facturen",
    invoices_lead: "De bedragen zijn die van de betreffende e-mail; latere betalingen zijn niet verwerkt.",
    invoices_none: "Op dit moment kunnen wij u hier geen andere facturen tonen.",

    verify_title: "Bevestig dat u het bent",
    postcode_lead: "Vul daarvoor de postcode en het huisnummer in van het adres dat wij van u hebben.",
    postcode: "Postcode",
    house_number: "Huisnummer",
    house_number_hint: "Alleen het getal is genoeg; een toevoeging zoals ‘a’ mag u weglaten.",
    confirm: "Bevestigen",
    postcode_wrong: "Deze gegevens komen niet overeen met het adres dat wij van u hebben. Controleer beide velden.",
    postcode_help_title: "Welk adres wordt bedoeld?",
    postcode_help: "Het gaat om het adres dat bij ons bekend is; na een verhuizing kan dat nog uw vorige adres zijn. Twijfelt u, neem dan contact met ons op.",
    code_lead: "Wij sturen u daarvoor per sms een code naar het mobiele nummer dat wij van u hebben.",
    number_on_record: "Uw mobiele nummer",
    number_ends_in: |digits| format!("eindigt op {digits}"),
    code_send: "Code per sms aanvragen",
    code_sent: "Wij hebben u per sms een code gestuurd. Deze is 5 minuten geldig.",
    code: "Code uit de sms",
    code_hint: "6 cijfers",
    code_wrong: "Deze code is onjuist of niet meer geldig. Controleer de cijfers.",
    code_missing: "Vul de 6 cijfers uit de sms in.",
    code_not_sent: "De sms kon zojuist niet worden verstuurd. Probeer het over enkele minuten opnieuw.",
    code_limit: |wait| format!("Op dit moment kunnen wij geen nieuwe code sturen. Probeer het {wait} opnieuw."),
    code_help_title: "Geen sms ontvangen?",
    code_help: &[
        "Het kan een minuut duren voordat een sms aankomt. Controleer of uw telefoon bereik heeft.",
        "De code gaat naar het mobiele nummer dat bij ons bekend is. Is het gewijzigd, laat het ons dan weten.",
    ],
    code_again: "Nieuwe code aanvragen",
    code_again_when: "Na 60 seconden kunt u een nieuwe code aanvragen. Een eerdere code blijft geldig tot deze verloopt.",
    error_prefix: "Fout",
    colon: ":",
    wait: |wait| match rounded_up(wait) {
        Wait::Minutes(1) => "over 1 minuut".to_owned(),
        Wait::Minutes(minutes) => format!("over {minutes} minuten"),
        Wait::Hours(hours) => format!("over {hours} uur"),
    },

    no_method: NoticeWords {
        title: "Neem contact met ons op",
        paragraphs: &[
            "Voor uw veiligheid tonen wij de documenten pas als wij zeker weten dat u het bent. Daarvoor missen wij nog een gegeven van u.",
            "Laat het ons even weten; daarna kunt u de link in de e-mail opnieuw openen.",
        ],
    },
    locked: NoticeWords {
        title: "Te veel pogingen",
        paragraphs: &[
            "Voor uw veiligheid nemen wij een tijdje geen gegevens meer aan. Ook juiste gegevens worden in die tijd niet geaccepteerd.",
        ],
    },
    too_many: NoticeWords {
        title: "Te veel verzoeken",
        paragraphs: &["Vanuit uw netwerk kwamen in korte tijd zeer veel verzoeken."],
    },
    try_again: |wait| format!("Probeer het {wait} opnieuw."),
    session_over: NoticeWords {
        title: "Open de link in uw e-mail opnieuw",
        paragraphs: &[
            "Deze pagina hoort niet bij een lopend bezoek. Voor uw veiligheid eindigt een bezoek wanneer de pagina een tijdje niet wordt gebruikt.",
        ],
    },
    session_ended: NoticeWords {
        title: "Uw bezoek is beëindigd",
        paragraphs: &[
            "U kunt dit venster nu sluiten. Wilt u uw factuur weer bekijken, open dan de link in uw e-mail opnieuw.",
        ],
    },
    cookies_off: NoticeWords {
        title: "Sta cookies toe",
        paragraphs: &[
            "Uw browser heeft het cookie niet geaccepteerd waaraan deze pagina uw bezoek herkent. Het geldt alleen voor dit bezoek; uw gedrag wordt niet gevolgd.",
            "Sta in de instellingen van uw browser cookies voor deze website toe en open daarna de link in uw e-mail opnieuw.",
        ],
    },
    documents_closed: NoticeWords {
        title: "Deze documenten zijn niet online te bekijken",
        paragraphs: &["Hebt u ze nodig, neem dan contact met ons op; wij helpen u graag."],
    },
    link_expired: NoticeWords {
        title: "Deze link is niet meer geldig",
        paragraphs: &[
            "Links naar facturen zijn voor uw veiligheid maar een beperkte tijd geldig. U kunt een nieuwe aanvragen: die gaat naar het e-mailadres waarnaar wij de factuur hebben gestuurd.",
        ],
    },
    link_unknown: NoticeWords {
        title: "Deze link leidt niet naar een factuur",
        paragraphs: &[
            "Misschien is hij niet volledig gekopieerd. Open hem rechtstreeks in uw e-mail.",
            "Helpt dat niet, dan kunt u een nieuwe link aanvragen: die gaat naar het e-mailadres waarnaar de factuur is gestuurd.",
        ],
    },
    ask_fresh_link: "Nieuwe link aanvragen",
    fresh_link_asked: NoticeWords {
        title: "Uw aanvraag is ontvangen",
        paragraphs: &[
            "Als een nieuwe link mogelijk is, ontvangt u die binnen enkele minuten per e-mail, op het adres waarnaar de factuur is gestuurd.",
            "Niets ontvangen? Kijk ook in uw map met ongewenste e-mail of neem contact op met de afzender van de factuur.",
        ],
    },
    document_unavailable: NoticeWords {
        title: "Dit document is momenteel niet beschikbaar",
        paragraphs: &["Dat ligt niet aan u. Probeer het later opnieuw of neem contact met ons op."],
    },
    form_outdated: NoticeWords {
        title: "Laad de pagina opnieuw",
        paragraphs: &[
            "De pagina was niet meer actueel. Ga in uw browser terug, laad de pagina opnieuw en probeer het nog een keer. Helpt dat niet, open dan de link in uw e-mail opnieuw.",
        ],
    },
    not_found: NoticeWords { title: "Deze pagina bestaat niet", paragraphs: &["Open de link in uw e-mail opnieuw."] },
    failed: NoticeWords {
        title: "Er is iets misgegaan",
        paragraphs: &["De fout ligt bij ons. Probeer het over enkele minuten opnieuw."],
    },
    later: NoticeWords {
        title: "Probeer het zo meteen opnieuw",
        paragraphs: &["Wij kunnen deze pagina op dit moment niet tonen. Over enkele ogenblikken kunt u verder."],
    },
};

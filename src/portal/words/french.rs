//! French. Spaces before `:`, `;`, `!` and `?` do not break.

use super::{NoticeWords, Wait, Words, rounded_up};
use crate::event::Balance;
use crate::model::invoice_kind::InvoiceKind;

pub const FRENCH: Words = Words {
    language_name: "Français",

    skip: "Aller au contenu",
    language: "Langue",
    close: "Quitter",
    contact_title: "Une question\u{a0}?",
    email: "E-mail",
    phone: "Téléphone",
    website: "Site web",
    imprint: "Mentions légales",
    privacy: "Confidentialité",
    back_to_invoice: "Retour à la facture",

    open_title: "Votre facture est à votre disposition",
    open_lead: "Un clic suffit pour continuer. Aucun compte n’est nécessaire.",
    open_button: "Ouvrir la facture",
    open_cookie: "À l’ouverture, cette page dépose un cookie qui ne sert que pendant votre visite. Votre comportement n’est pas suivi.",

    invoice_title: |kind, number, level| match (kind, level) {
        (InvoiceKind::Invoice, _) => format!("Facture n°\u{a0}{number}"),
        (InvoiceKind::CreditNote, _) => format!("Avoir n°\u{a0}{number}"),
        (InvoiceKind::Reminder, Some(2)) => format!("Deuxième rappel de paiement\u{a0}: facture n°\u{a0}{number}"),
        (InvoiceKind::Reminder, Some(3..)) => format!("Rappel de paiement urgent\u{a0}: facture n°\u{a0}{number}"),
        (InvoiceKind::Reminder, _) => format!("Rappel de paiement\u{a0}: facture n°\u{a0}{number}"),
    },
    amount_label: |kind, balance| match (kind, balance) {
        (_, Balance::Credited) => "Montant de l’avoir",
        (_, Balance::Credit) => "Solde en votre faveur",
        (_, Balance::Nothing) => "Solde",
        (InvoiceKind::Reminder, Balance::Due) => "Reste à payer",
        (_, Balance::Due) => "À payer",
    },
    due_label: "À régler au plus tard le",
    first_due_label: "Échéance initiale",
    nothing_to_pay: "Vous n’avez rien à payer.",
    credited: "Ce montant est porté à votre crédit\u{a0}; vous n’avez rien à payer.",
    number_label: |kind| match kind {
        InvoiceKind::CreditNote => "Numéro d’avoir",
        InvoiceKind::Invoice | InvoiceKind::Reminder => "Numéro de facture",
    },
    date_label: |kind| match kind {
        InvoiceKind::CreditNote => "Date",
        InvoiceKind::Invoice | InvoiceKind::Reminder => "Date de facture",
    },
    total_label: "Montant de la facture",
    payment_reference_label: |region, _| match region {
        Some("BE") => "Communication",
        _ => "Référence de paiement",
    },
    buyer_reference_label: "Votre référence",
    as_of: |day| format!("Selon notre e-mail du {day}"),
    documents_title: |count| if count == 1 { "Document" } else { "Documents" },
    document_count: |count| if count == 1 { "1 document".to_owned() } else { format!("{count} documents") },
    e_invoice: "Facture électronique",
    view: "Consulter",
    download: "Télécharger",
    download_all: "Tout télécharger",
    preview: "Aperçu",
    no_preview: "Votre navigateur n’affiche pas les fichiers PDF dans la page.",
    verify_lead: |count| match count {
        1 => "Pour votre sécurité, le document s’affiche après une brève confirmation de votre identité.",
        _ => "Pour votre sécurité, les documents s’affichent après une brève confirmation de votre identité.",
    },
    verify_button: |count| if count == 1 { "Accéder au document" } else { "Accéder aux documents" },
    closed_lead: |count| match count {
        1 => {
            "Le document n’est pas consultable en ligne. Si vous en avez besoin, n’hésitez pas à nous contacter\u{a0}; nous vous aiderons volontiers."
        }
        _ => {
            "Les documents ne sont pas consultables en ligne. Si vous en avez besoin, n’hésitez pas à nous contacter\u{a0}; nous vous aiderons volontiers."
        }
    },

    invoices_title: "Vos factures",
    invoices_link: "Toutes vos factures",
    invoices_lead: "Les montants sont ceux de l’e-mail correspondant\u{a0}; les paiements ultérieurs ne sont pas pris en compte.",
    invoices_none: "Nous n’avons pas d’autre facture à vous présenter ici pour le moment.",

    verify_title: "Veuillez confirmer votre identité",
    postcode_lead: "Veuillez saisir le code postal et le numéro de rue de l’adresse que nous avons enregistrée pour vous.",
    postcode: "Code postal",
    house_number: "Numéro de rue",
    house_number_hint: "Le nombre suffit\u{a0}; vous pouvez omettre «\u{a0}bis\u{a0}» ou «\u{a0}A\u{a0}».",
    confirm: "Confirmer",
    postcode_wrong: "Ces informations ne correspondent pas à l’adresse que nous avons enregistrée pour vous. Veuillez vérifier les deux champs.",
    postcode_help_title: "De quelle adresse s’agit-il\u{a0}?",
    postcode_help: "De celle que nous avons enregistrée\u{a0}; après un déménagement, il peut s’agir encore de la précédente. En cas de doute, contactez-nous.",
    code_lead: "Nous allons vous envoyer un code par SMS au numéro de mobile que nous avons enregistré pour vous.",
    number_on_record: "Votre numéro de mobile",
    number_ends_in: |digits| format!("se termine par {digits}"),
    code_send: "Recevoir un code par SMS",
    code_sent: "Nous vous avons envoyé un code par SMS. Il est valable 5 minutes.",
    code: "Code reçu par SMS",
    code_hint: "6 chiffres",
    code_wrong: "Ce code est incorrect ou n’est plus valable. Veuillez vérifier les chiffres.",
    code_missing: "Veuillez saisir les 6 chiffres reçus par SMS.",
    code_not_sent: "Le SMS n’a pas pu être envoyé. Veuillez réessayer dans quelques minutes.",
    code_limit: |wait| {
        format!("Nous ne pouvons pas envoyer de nouveau code pour le moment. Veuillez réessayer {wait}.")
    },
    code_help_title: "Vous n’avez pas reçu de SMS\u{a0}?",
    code_help: &[
        "Un SMS peut mettre une minute à arriver. Vérifiez que votre téléphone capte le réseau.",
        "Le code est envoyé au numéro de mobile que nous avons enregistré. S’il a changé, veuillez nous le signaler.",
    ],
    code_again: "Recevoir un nouveau code",
    code_again_when: "Vous pouvez demander un nouveau code au bout de 60 secondes. Un code précédent reste valable jusqu’à son expiration.",
    error_prefix: "Erreur",
    colon: "\u{a0}:",
    wait: |wait| match rounded_up(wait) {
        Wait::Minutes(1) => "dans 1 minute".to_owned(),
        Wait::Minutes(minutes) => format!("dans {minutes} minutes"),
        Wait::Hours(hours) => format!("dans {hours} heures"),
    },

    no_method: NoticeWords {
        title: "Veuillez nous contacter",
        paragraphs: &[
            "Pour votre sécurité, nous n’affichons les documents qu’après avoir vérifié votre identité. Il nous manque pour cela une information vous concernant.",
            "Contactez-nous\u{a0}; vous pourrez ensuite ouvrir à nouveau le lien de l’e-mail.",
        ],
    },
    locked: NoticeWords {
        title: "Trop de tentatives",
        paragraphs: &[
            "Pour votre sécurité, nous n’acceptons plus de saisie pendant un moment. D’ici là, même les bonnes informations ne seront pas acceptées.",
        ],
    },
    too_many: NoticeWords {
        title: "Trop de demandes",
        paragraphs: &["De très nombreuses demandes sont parvenues de votre réseau en peu de temps."],
    },
    try_again: |wait| format!("Veuillez réessayer {wait}."),
    session_over: NoticeWords {
        title: "Veuillez ouvrir à nouveau le lien de votre e-mail",
        paragraphs: &[
            "Cette page n’appartient à aucune visite en cours. Pour votre sécurité, une visite prend fin lorsque la page n’est pas utilisée pendant un moment.",
        ],
    },
    session_ended: NoticeWords {
        title: "Votre visite est terminée",
        paragraphs: &[
            "Vous pouvez maintenant fermer cette fenêtre. Pour revoir votre facture, ouvrez à nouveau le lien de votre e-mail.",
        ],
    },
    cookies_off: NoticeWords {
        title: "Veuillez autoriser les cookies",
        paragraphs: &[
            "Votre navigateur n’a pas accepté le cookie qui permet à cette page de reconnaître votre visite. Il ne sert que pendant cette visite\u{a0}; votre comportement n’est pas suivi.",
            "Autorisez les cookies pour ce site dans les réglages de votre navigateur, puis ouvrez à nouveau le lien de votre e-mail.",
        ],
    },
    documents_closed: NoticeWords {
        title: "Ces documents ne sont pas consultables en ligne",
        paragraphs: &["Si vous en avez besoin, n’hésitez pas à nous contacter\u{a0}; nous vous aiderons volontiers."],
    },
    link_expired: NoticeWords {
        title: "Ce lien n’est plus valable",
        paragraphs: &[
            "Pour votre sécurité, les liens vers les factures ont une durée de validité limitée. Vous pouvez en demander un nouveau\u{a0}: il sera envoyé à l’adresse e-mail à laquelle nous avons adressé la facture.",
        ],
    },
    link_unknown: NoticeWords {
        title: "Ce lien ne mène à aucune facture",
        paragraphs: &[
            "Il n’a peut-être pas été copié en entier. Veuillez l’ouvrir directement dans votre e-mail.",
            "Si cela ne suffit pas, vous pouvez demander un nouveau lien\u{a0}: il sera envoyé à l’adresse e-mail à laquelle la facture a été adressée.",
        ],
    },
    ask_fresh_link: "Demander un nouveau lien",
    fresh_link_asked: NoticeWords {
        title: "Votre demande nous est parvenue",
        paragraphs: &[
            "Si un nouveau lien est possible, vous le recevrez par e-mail dans quelques minutes, à l’adresse à laquelle la facture a été envoyée.",
            "Vous n’avez rien reçu\u{a0}? Regardez aussi dans vos courriers indésirables, ou contactez l’expéditeur de la facture.",
        ],
    },
    document_unavailable: NoticeWords {
        title: "Ce document n’est pas disponible pour le moment",
        paragraphs: &["Vous n’y êtes pour rien. Veuillez réessayer plus tard ou nous contacter."],
    },
    form_outdated: NoticeWords {
        title: "Veuillez recharger la page",
        paragraphs: &[
            "La page n’était plus à jour. Revenez en arrière dans votre navigateur, rechargez la page et réessayez. Si cela ne suffit pas, ouvrez à nouveau le lien de votre e-mail.",
        ],
    },
    not_found: NoticeWords {
        title: "Cette page n’existe pas",
        paragraphs: &["Veuillez ouvrir à nouveau le lien de votre e-mail."],
    },
    failed: NoticeWords {
        title: "Une erreur s’est produite",
        paragraphs: &["L’erreur vient de chez nous. Veuillez réessayer dans quelques minutes."],
    },
    later: NoticeWords {
        title: "Veuillez réessayer dans un instant",
        paragraphs: &[
            "Nous ne pouvons pas afficher cette page pour le moment. Vous pourrez continuer dans quelques instants.",
        ],
    },
};

//! The invoice page and the mail as sent.

use super::words;
use crate::console::terms::{InvoiceAction, InvoiceStanding, MessageProof};
use crate::event::RecipientRole;
use crate::model::invoice_kind::InvoiceKind;
use crate::model::state::{Concluded, DeliveryState};

words! { InvoiceWords {
    kind: fn(InvoiceKind, Option<u8>) -> String =
        |kind, level| match (kind, level) {
            (InvoiceKind::Invoice, _) => "Rechnung".to_owned(),
            (InvoiceKind::CreditNote, _) => "Gutschrift".to_owned(),
            (InvoiceKind::Reminder, Some(level)) => format!("{level}. Mahnung"),
            (InvoiceKind::Reminder, None) => "Zahlungserinnerung".to_owned(),
        },
        |kind, level| match (kind, level) {
            (InvoiceKind::Invoice, _) => "Invoice".to_owned(),
            (InvoiceKind::CreditNote, _) => "Credit note".to_owned(),
            (InvoiceKind::Reminder, Some(level)) => format!("Reminder {level}"),
            (InvoiceKind::Reminder, None) => "Reminder".to_owned(),
        },
        |kind, level| match (kind, level) {
            (InvoiceKind::Invoice, _) => "Factuur".to_owned(),
            (InvoiceKind::CreditNote, _) => "Creditnota".to_owned(),
            (InvoiceKind::Reminder, Some(level)) => format!("Herinnering {level}"),
            (InvoiceKind::Reminder, None) => "Herinnering".to_owned(),
        },
        |kind, level| match (kind, level) {
            (InvoiceKind::Invoice, _) => "Facture".to_owned(),
            (InvoiceKind::CreditNote, _) => "Avoir".to_owned(),
            (InvoiceKind::Reminder, Some(level)) => format!("Relance {level}"),
            (InvoiceKind::Reminder, None) => "Relance".to_owned(),
        };
    standing: fn(InvoiceStanding) -> &'static str =
        |standing| match standing {
            InvoiceStanding::Delivery(state) => match state {
                DeliveryState::Due => "Wartet",
                DeliveryState::Sending => "Wird gesendet",
                DeliveryState::Concluded(concluded) => match concluded {
                    Concluded::Sent => "Gesendet",
                    Concluded::Rejected => "Abgelehnt",
                    Concluded::Dead => "Gescheitert",
                    Concluded::Discarded => "Verworfen",
                    Concluded::Uncertain => "Ungewiss",
                    Concluded::Cancelled => "Abgebrochen",
                    Concluded::Expired => "Abgelaufen",
                },
            },
            InvoiceStanding::EventWaiting => "Ereignis wartet",
            InvoiceStanding::EventDead => "Ereignis gescheitert",
        },
        |standing| match standing {
            InvoiceStanding::Delivery(state) => match state {
                DeliveryState::Due => "Waiting",
                DeliveryState::Sending => "Sending",
                DeliveryState::Concluded(concluded) => match concluded {
                    Concluded::Sent => "Sent",
                    Concluded::Rejected => "Rejected",
                    Concluded::Dead => "Failed",
                    Concluded::Discarded => "Discarded",
                    Concluded::Uncertain => "Uncertain",
                    Concluded::Cancelled => "Cancelled",
                    Concluded::Expired => "Expired",
                },
            },
            InvoiceStanding::EventWaiting => "Event waits",
            InvoiceStanding::EventDead => "Event failed",
        },
        |standing| match standing {
            InvoiceStanding::Delivery(state) => match state {
                DeliveryState::Due => "Wacht",
                DeliveryState::Sending => "Wordt verstuurd",
                DeliveryState::Concluded(concluded) => match concluded {
                    Concluded::Sent => "Verzonden",
                    Concluded::Rejected => "Geweigerd",
                    Concluded::Dead => "Mislukt",
                    Concluded::Discarded => "Verworpen",
                    Concluded::Uncertain => "Onzeker",
                    Concluded::Cancelled => "Geannuleerd",
                    Concluded::Expired => "Verlopen",
                },
            },
            InvoiceStanding::EventWaiting => "Gebeurtenis wacht",
            InvoiceStanding::EventDead => "Gebeurtenis mislukt",
        },
        |standing| match standing {
            InvoiceStanding::Delivery(state) => match state {
                DeliveryState::Due => "En attente",
                DeliveryState::Sending => "Envoi en cours",
                DeliveryState::Concluded(concluded) => match concluded {
                    Concluded::Sent => "Envoyée",
                    Concluded::Rejected => "Refusée",
                    Concluded::Dead => "Échouée",
                    Concluded::Discarded => "Écartée",
                    Concluded::Uncertain => "Incertaine",
                    Concluded::Cancelled => "Annulée",
                    Concluded::Expired => "Expirée",
                },
            },
            InvoiceStanding::EventWaiting => "Événement en attente",
            InvoiceStanding::EventDead => "Événement échoué",
        };
    action: fn(InvoiceAction) -> &'static str =
        |action| match action {
            InvoiceAction::Resend => "Erneut senden …",
            InvoiceAction::SendNow => "Jetzt senden",
            InvoiceAction::Cancel => "Versand abbrechen …",
            InvoiceAction::MarkSent => "Als gesendet vermerken …",
            InvoiceAction::Acknowledge => "Erledigt",
            InvoiceAction::RevokeLinks => "Links sperren …",
            InvoiceAction::LiftLock => "Sperre aufheben …",
        },
        |action| match action {
            InvoiceAction::Resend => "Resend …",
            InvoiceAction::SendNow => "Send now",
            InvoiceAction::Cancel => "Cancel delivery …",
            InvoiceAction::MarkSent => "Mark as sent …",
            InvoiceAction::Acknowledge => "Acknowledge",
            InvoiceAction::RevokeLinks => "Revoke links …",
            InvoiceAction::LiftLock => "Lift the lock …",
        },
        |action| match action {
            InvoiceAction::Resend => "Opnieuw versturen …",
            InvoiceAction::SendNow => "Nu versturen",
            InvoiceAction::Cancel => "Verzending annuleren …",
            InvoiceAction::MarkSent => "Als verzonden markeren …",
            InvoiceAction::Acknowledge => "Afgehandeld",
            InvoiceAction::RevokeLinks => "Links intrekken …",
            InvoiceAction::LiftLock => "Blokkering opheffen …",
        },
        |action| match action {
            InvoiceAction::Resend => "Renvoyer …",
            InvoiceAction::SendNow => "Envoyer maintenant",
            InvoiceAction::Cancel => "Annuler l’envoi …",
            InvoiceAction::MarkSent => "Marquer comme envoyée …",
            InvoiceAction::Acknowledge => "Marquer comme traitée",
            InvoiceAction::RevokeLinks => "Révoquer les liens …",
            InvoiceAction::LiftLock => "Lever le blocage …",
        };
    /// What follows, in the dialog that asks for the reason.
    action_means: fn(InvoiceAction) -> &'static str =
        |action| match action {
            InvoiceAction::Resend | InvoiceAction::SendNow | InvoiceAction::Acknowledge => "",
            InvoiceAction::Cancel => "Die Rechnung wird nicht gesendet. Sie können sie später erneut senden.",
            InvoiceAction::MarkSent => "Sie haben im Protokoll des Relays gesehen, dass es die E-Mail angenommen hat. Sie wird nicht noch einmal gesendet.",
            InvoiceAction::RevokeLinks => "Wer auf den Link in der E-Mail klickt, sieht nichts mehr. Wenn Sie erneut senden, enthält die E-Mail einen neuen Link.",
            InvoiceAction::LiftLock => "Der Kunde kann sich sofort wieder ausweisen.",
        },
        |action| match action {
            InvoiceAction::Resend | InvoiceAction::SendNow | InvoiceAction::Acknowledge => "",
            InvoiceAction::Cancel => "The invoice will not be sent. You can resend it later.",
            InvoiceAction::MarkSent => "You have seen in the relay’s log that it accepted the email. It will not be sent again.",
            InvoiceAction::RevokeLinks => "Whoever follows the link in the email no longer sees anything. A resend contains a new link.",
            InvoiceAction::LiftLock => "The customer can verify again at once.",
        },
        |action| match action {
            InvoiceAction::Resend | InvoiceAction::SendNow | InvoiceAction::Acknowledge => "",
            InvoiceAction::Cancel => "De factuur wordt niet verstuurd. U kunt die later opnieuw versturen.",
            InvoiceAction::MarkSent => "U hebt in het log van de relay gezien dat die de e-mail heeft aangenomen. De e-mail wordt niet nog eens verstuurd.",
            InvoiceAction::RevokeLinks => "Wie op de link in de e-mail klikt, ziet niets meer. Opnieuw versturen geeft een nieuwe link.",
            InvoiceAction::LiftLock => "De klant kan zich direct weer verifiëren.",
        },
        |action| match action {
            InvoiceAction::Resend | InvoiceAction::SendNow | InvoiceAction::Acknowledge => "",
            InvoiceAction::Cancel => "La facture ne sera pas envoyée. Vous pourrez la renvoyer plus tard.",
            InvoiceAction::MarkSent => "Vous avez vu dans le journal du relais qu’il a accepté l’e-mail. Il ne sera pas renvoyé.",
            InvoiceAction::RevokeLinks => "Qui suit le lien de l’e-mail ne voit plus rien. Un renvoi contient un nouveau lien.",
            InvoiceAction::LiftLock => "Le client peut aussitôt se faire vérifier à nouveau.",
        };
    next_try = "Nächster Versuch", "Next attempt", "Volgende poging", "Prochaine tentative";
    timeline = "Verlauf", "Timeline", "Tijdlijn", "Historique";
    facts = "Angaben", "Facts", "Gegevens", "Données";
    what_happened = "Was geschah", "What happened", "Wat er gebeurde", "Ce qui s’est passé";
    what_to_do = "Was zu tun ist", "What to do", "Wat te doen", "Que faire";
    total = "Betrag", "Total", "Totaal", "Montant";
    amount_due = "Offen", "Amount due", "Openstaand", "À payer";
    issued = "Datum", "Date", "Datum", "Date";
    due = "Fällig", "Due", "Vervaldatum", "Échéance";
    recipients = "Empfänger", "Recipients", "Ontvangers", "Destinataires";
    documents = "Dokumente", "Documents", "Documenten", "Documents";
    no_documents = "keine", "none", "geen", "aucun";
    links = "Portal-Links", "Portal links", "Portaallinks", "Liens du portail";
    link_works = "gilt bis", "works until", "werkt tot", "valable jusqu’au";
    link_expired = "abgelaufen", "expired", "verlopen", "expiré";
    link_revoked = "gesperrt", "revoked", "ingetrokken", "révoqué";
    link_opened: fn(u64) -> String =
        |times| match times { 0 => "nie geöffnet".to_owned(), 1 => "1 × geöffnet".to_owned(), times => format!("{times} × geöffnet") },
        |times| match times { 0 => "never opened".to_owned(), 1 => "opened once".to_owned(), times => format!("opened {times} times") },
        |times| match times { 0 => "nooit geopend".to_owned(), times => format!("{times} × geopend") },
        |times| match times { 0 => "jamais ouvert".to_owned(), 1 => "ouvert une fois".to_owned(), times => format!("ouvert {times} fois") };
    locked_until = "Prüfung gesperrt bis", "Verification locked until", "Verificatie geblokkeerd tot", "Vérification bloquée jusqu’au";
    relay = "Relay", "Relay", "Relay", "Relais";
    attempts = "Versuche", "Attempts", "Pogingen", "Tentatives";
    settings_version = "Einstellungen", "Settings", "Instellingen", "Réglages";
    version: fn(i64) -> String =
        |version| format!("Version {version}"), |version| format!("version {version}"), |version| format!("versie {version}"),
        |version| format!("version {version}");
    delivery = "Zustellung", "Delivery", "Verzending", "Envoi";
    event = "Ereignis", "Event", "Gebeurtenis", "Événement";
    event_source = "Quelle", "Source", "Bron", "Source";
    see_mail = "E-Mail ansehen", "See the email", "E-mail bekijken", "Voir l’e-mail";
    role: fn(RecipientRole) -> &'static str =
        |role| match role { RecipientRole::To => "An", RecipientRole::Cc => "Cc", RecipientRole::Bcc => "Bcc" },
        |role| match role { RecipientRole::To => "To", RecipientRole::Cc => "Cc", RecipientRole::Bcc => "Bcc" },
        |role| match role { RecipientRole::To => "Aan", RecipientRole::Cc => "Cc", RecipientRole::Bcc => "Bcc" },
        |role| match role { RecipientRole::To => "À", RecipientRole::Cc => "Cc", RecipientRole::Bcc => "Cci" };
    follows =
        "Die Seite folgt dem Versand.", "The page follows the delivery.", "De pagina volgt de verzending.",
        "La page suit l’envoi.";
    masked =
        "Ihre Rolle zeigt persönliche Daten verkürzt.",
        "Your role shows personal data shortened.",
        "Uw rol toont persoonsgegevens verkort.",
        "Votre rôle montre les données personnelles abrégées.";
    acknowledged_by: fn(&str) -> String =
        |who| format!("Erledigt von {who}"), |who| format!("Acknowledged by {who}"), |who| format!("Afgehandeld door {who}"),
        |who| format!("Traitée par {who}");
    mail_title = "E-Mail", "Email", "E-mail", "E-mail";
    mail_of: fn(&str) -> String =
        |number| format!("E-Mail zu {number}"), |number| format!("Email of {number}"), |number| format!("E-mail van {number}"),
        |number| format!("E-mail de {number}");
    back_to_invoice = "Zur Rechnung", "To the invoice", "Naar de factuur", "Vers la facture";
    proof: fn(MessageProof) -> &'static str =
        |proof| match proof {
            MessageProof::Proven => "Byte für Byte die gesendete E-Mail: Die SHA-256-Prüfsumme stimmt mit der aufgezeichneten überein.",
            MessageProof::Differs => "Mit der heutigen Vorlage neu erstellt; weicht von dem ab, was gesendet wurde.",
            MessageProof::NotSentYet => "Noch nicht gesendet: So sähe sie jetzt aus.",
        },
        |proof| match proof {
            MessageProof::Proven => "Byte for byte the email that was sent: its SHA-256 checksum is the recorded one.",
            MessageProof::Differs => "Rebuilt with today’s template; differs from what was sent.",
            MessageProof::NotSentYet => "Not sent yet: this is how it would look now.",
        },
        |proof| match proof {
            MessageProof::Proven => "Byte voor byte de verzonden e-mail: de SHA-256-controlesom is gelijk aan de vastgelegde.",
            MessageProof::Differs => "Opnieuw gemaakt met het sjabloon van vandaag; wijkt af van wat verstuurd is.",
            MessageProof::NotSentYet => "Nog niet verstuurd: zo zou de e-mail er nu uitzien.",
        },
        |proof| match proof {
            MessageProof::Proven => "Octet pour octet l’e-mail envoyé\u{a0}: sa somme de contrôle SHA-256 est celle qui a été enregistrée.",
            MessageProof::Differs => "Recréé avec le modèle d’aujourd’hui\u{a0}; diffère de ce qui a été envoyé.",
            MessageProof::NotSentYet => "Pas encore envoyé\u{a0}: voici ce qu’il serait maintenant.",
        };
    token_blanked =
        "Der Link ist unkenntlich gemacht.", "The link has been blanked out.", "De link is onleesbaar gemaakt.",
        "Le lien est masqué.";
    from = "Von", "From", "Van", "De";
    to = "An", "To", "Aan", "À";
    subject = "Betreff", "Subject", "Onderwerp", "Objet";
    date = "Datum", "Date", "Datum", "Date";
    as_html = "Gestaltet", "Formatted", "Opgemaakt", "Mis en forme";
    as_text = "Text", "Text", "Tekst", "Texte";
    headers = "Kopfzeilen", "Headers", "Headers", "En-têtes";
    attachments = "Anhänge", "Attachments", "Bijlagen", "Pièces jointes";
    no_attachments =
        "Keine Anhänge: Die E-Mail enthält einen Link zum Portal.",
        "No attachments: the email contains a link to the portal.",
        "Geen bijlagen: de e-mail bevat een link naar het portaal.",
        "Aucune pièce jointe\u{a0}: l’e-mail contient un lien vers le portail.";
    size = "Größe", "Size", "Grootte", "Taille";
} }

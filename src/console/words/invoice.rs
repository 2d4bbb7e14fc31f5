//! The invoice page and the mail as sent.

use super::words;
use crate::console::pages::{InvoiceAction, InvoiceStanding, MessageProof};
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
        };
    action: fn(InvoiceAction) -> &'static str =
        |action| match action {
            InvoiceAction::Resend => "Erneut senden …",
            InvoiceAction::SendNow => "Jetzt senden",
            InvoiceAction::Cancel => "Abbrechen …",
            InvoiceAction::MarkSent => "Als gesendet vermerken …",
            InvoiceAction::Acknowledge => "Erledigt",
            InvoiceAction::RevokeLinks => "Links sperren …",
            InvoiceAction::LiftLock => "Sperre aufheben …",
        },
        |action| match action {
            InvoiceAction::Resend => "Resend …",
            InvoiceAction::SendNow => "Send now",
            InvoiceAction::Cancel => "Cancel …",
            InvoiceAction::MarkSent => "Mark as sent …",
            InvoiceAction::Acknowledge => "Acknowledge",
            InvoiceAction::RevokeLinks => "Revoke links …",
            InvoiceAction::LiftLock => "Lift the lock …",
        },
        |action| match action {
            InvoiceAction::Resend => "Opnieuw versturen …",
            InvoiceAction::SendNow => "Nu versturen",
            InvoiceAction::Cancel => "Annuleren …",
            InvoiceAction::MarkSent => "Als verzonden markeren …",
            InvoiceAction::Acknowledge => "Afgehandeld",
            InvoiceAction::RevokeLinks => "Links intrekken …",
            InvoiceAction::LiftLock => "Blokkering opheffen …",
        };
    /// What follows, in the dialog that asks for the reason.
    action_means: fn(InvoiceAction) -> &'static str =
        |action| match action {
            InvoiceAction::Resend | InvoiceAction::SendNow | InvoiceAction::Acknowledge => "",
            InvoiceAction::Cancel => "Die Rechnung wird nicht gesendet. Sie können sie später erneut senden.",
            InvoiceAction::MarkSent => "Sie haben im Protokoll des Relays gesehen, dass es die E-Mail angenommen hat. Sie wird nicht noch einmal gesendet.",
            InvoiceAction::RevokeLinks => "Wer auf den Link in der E-Mail klickt, sieht nichts mehr. Ein erneutes Senden enthält einen neuen Link.",
            InvoiceAction::LiftLock => "Der Kunde kann sich sofort wieder ausweisen.",
        },
        |action| match action {
            InvoiceAction::Resend | InvoiceAction::SendNow | InvoiceAction::Acknowledge => "",
            InvoiceAction::Cancel => "The invoice is not sent. You can resend it later.",
            InvoiceAction::MarkSent => "You saw in the relay's log that it took the email. It is not sent again.",
            InvoiceAction::RevokeLinks => "Whoever follows the link in the email sees nothing any more. A resend holds a new link.",
            InvoiceAction::LiftLock => "The customer can verify again at once.",
        },
        |action| match action {
            InvoiceAction::Resend | InvoiceAction::SendNow | InvoiceAction::Acknowledge => "",
            InvoiceAction::Cancel => "De factuur wordt niet verstuurd. U kunt haar later opnieuw versturen.",
            InvoiceAction::MarkSent => "U zag in het log van de relay dat die de e-mail heeft aangenomen. Er wordt niet nog eens verstuurd.",
            InvoiceAction::RevokeLinks => "Wie op de link in de e-mail klikt, ziet niets meer. Opnieuw versturen geeft een nieuwe link.",
            InvoiceAction::LiftLock => "De klant kan zich direct weer verifiëren.",
        };
    next_try = "Nächster Versuch", "Next try", "Volgende poging";
    timeline = "Verlauf", "Timeline", "Tijdlijn";
    facts = "Angaben", "Facts", "Gegevens";
    what_happened = "Was geschah", "What happened", "Wat er gebeurde";
    what_to_do = "Was zu tun ist", "What to do", "Wat te doen";
    total = "Betrag", "Total", "Totaal";
    amount_due = "Offen", "Amount due", "Openstaand";
    issued = "Datum", "Date", "Datum";
    due = "Fällig", "Due", "Vervaldatum";
    recipients = "Empfänger", "Recipients", "Ontvangers";
    documents = "Dokumente", "Documents", "Documenten";
    no_documents = "keine", "none", "geen";
    links = "Portal-Links", "Portal links", "Portaallinks";
    link_works = "gilt bis", "works until", "werkt tot";
    link_expired = "abgelaufen", "expired", "verlopen";
    link_revoked = "gesperrt", "revoked", "ingetrokken";
    link_opened: fn(u64) -> String =
        |times| match times { 0 => "nie geöffnet".to_owned(), 1 => "1 × geöffnet".to_owned(), times => format!("{times} × geöffnet") },
        |times| match times { 0 => "never opened".to_owned(), 1 => "opened once".to_owned(), times => format!("opened {times} times") },
        |times| match times { 0 => "nooit geopend".to_owned(), times => format!("{times} × geopend") };
    locked_until = "Prüfung gesperrt bis", "Verification locked until", "Verificatie geblokkeerd tot";
    relay = "Relay", "Relay", "Relay";
    attempts = "Versuche", "Attempts", "Pogingen";
    settings_version = "Einstellungen", "Settings", "Instellingen";
    version: fn(i64) -> String =
        |version| format!("Version {version}"), |version| format!("version {version}"), |version| format!("versie {version}");
    delivery = "Zustellung", "Delivery", "Verzending";
    event = "Ereignis", "Event", "Gebeurtenis";
    event_source = "Quelle", "Source", "Bron";
    see_mail = "E-Mail ansehen", "See the email", "E-mail bekijken";
    role: fn(RecipientRole) -> &'static str =
        |role| match role { RecipientRole::To => "An", RecipientRole::Cc => "Cc", RecipientRole::Bcc => "Bcc" },
        |role| match role { RecipientRole::To => "To", RecipientRole::Cc => "Cc", RecipientRole::Bcc => "Bcc" },
        |role| match role { RecipientRole::To => "Aan", RecipientRole::Cc => "Cc", RecipientRole::Bcc => "Bcc" };
    follows =
        "Die Seite folgt dem Versand.", "The page follows it.", "De pagina volgt de verzending.";
    masked =
        "Ihre Rolle zeigt persönliche Daten verkürzt.",
        "Your role shows personal data shortened.",
        "Uw rol toont persoonlijke gegevens verkort.";
    acknowledged_by: fn(&str) -> String =
        |who| format!("Erledigt von {who}"), |who| format!("Acknowledged by {who}"), |who| format!("Afgehandeld door {who}");
    mail_title = "E-Mail", "Email", "E-mail";
    mail_of: fn(&str) -> String =
        |number| format!("E-Mail zu {number}"), |number| format!("Email of {number}"), |number| format!("E-mail van {number}");
    back_to_invoice = "Zur Rechnung", "To the invoice", "Naar de factuur";
    proof: fn(MessageProof) -> &'static str =
        |proof| match proof {
            MessageProof::Proven => "Byte für Byte die gesendete E-Mail: Ihre SHA-256 stimmt mit der aufgezeichneten überein.",
            MessageProof::Differs => "Mit der heutigen Vorlage neu erstellt; weicht von dem ab, was gesendet wurde.",
            MessageProof::NotSentYet => "Noch nicht gesendet: So sähe sie jetzt aus.",
        },
        |proof| match proof {
            MessageProof::Proven => "Byte for byte the email that was sent: its SHA-256 is the recorded one.",
            MessageProof::Differs => "Rebuilt with today's template; differs from what was sent.",
            MessageProof::NotSentYet => "Not sent yet: this is how it would look now.",
        },
        |proof| match proof {
            MessageProof::Proven => "Byte voor byte de verzonden e-mail: de SHA-256 is gelijk aan de vastgelegde.",
            MessageProof::Differs => "Opnieuw gemaakt met het sjabloon van vandaag; wijkt af van wat verstuurd is.",
            MessageProof::NotSentYet => "Nog niet verstuurd: zo zou de e-mail er nu uitzien.",
        };
    token_blanked =
        "Der Link ist unkenntlich gemacht.", "The link is blanked.", "De link is onleesbaar gemaakt.";
    from = "Von", "From", "Van";
    to = "An", "To", "Aan";
    subject = "Betreff", "Subject", "Onderwerp";
    date = "Datum", "Date", "Datum";
    as_html = "Gestaltet", "Formatted", "Opgemaakt";
    as_text = "Text", "Text", "Tekst";
    headers = "Kopfzeilen", "Headers", "Headers";
    attachments = "Anhänge", "Attachments", "Bijlagen";
    no_attachments =
        "Keine Anhänge: Die E-Mail enthält einen Link zum Portal.",
        "No attachments: the email holds a link to the portal.",
        "Geen bijlagen: de e-mail bevat een link naar het portaal.";
    size = "Größe", "Size", "Grootte";
} }

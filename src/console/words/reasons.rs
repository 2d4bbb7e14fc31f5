//! What happened and what to do: each state, each reason code.

use super::words;
use crate::model::reason::ReasonCode;
use crate::model::state::Concluded;

words! { ReasonWords {
    due = "Sie wartet auf ihren Versand.", "It is waiting to be sent.", "De e-mail wacht op verzending.", "Elle attend son envoi.";
    due_todo =
        "Nichts. Sie wird von selbst gesendet.", "Nothing. It will be sent automatically.", "Niets. De e-mail wordt vanzelf verstuurd.",
        "Rien. Elle sera envoyée automatiquement.";
    sending = "Sie wird gerade gesendet.", "It is being sent right now.", "De e-mail wordt op dit moment verstuurd.", "Elle est en cours d’envoi.";
    sending_todo =
        "Einen Moment warten.", "Wait a moment.", "Even wachten.",
        "Patientez un instant.";
    event_waiting: fn(Option<ReasonCode>) -> &'static str =
        |class| match class {
            Some(ReasonCode::UnknownTenant) => "Das Ereignis nennt einen Mandanten, der noch nicht bekannt ist.",
            Some(ReasonCode::UnknownCustomer) => "Das Ereignis nennt einen Kunden, der noch nicht bekannt ist.",
            _ => "Das Ereignis ist da; es fehlt noch etwas, bevor daraus eine E-Mail wird.",
        },
        |class| match class {
            Some(ReasonCode::UnknownTenant) => "The event names a tenant that is not known yet.",
            Some(ReasonCode::UnknownCustomer) => "The event names a customer who is not known yet.",
            _ => "The event is here; something is missing before it becomes an email.",
        },
        |class| match class {
            Some(ReasonCode::UnknownTenant) => "De gebeurtenis noemt een tenant die nog niet bekend is.",
            Some(ReasonCode::UnknownCustomer) => "De gebeurtenis noemt een klant die nog niet bekend is.",
            _ => "De gebeurtenis is er; er ontbreekt nog iets voordat het een e-mail wordt.",
        },
        |class| match class {
            Some(ReasonCode::UnknownTenant) => "L’événement nomme un mandant qui n’est pas encore connu.",
            Some(ReasonCode::UnknownCustomer) => "L’événement nomme un client qui n’est pas encore connu.",
            _ => "L’événement est là\u{a0}; il manque quelque chose avant qu’il ne devienne un e-mail.",
        };
    event_waiting_todo =
        "Einige Minuten warten. Kommt nichts, fragen Sie die Abrechnung nach den Stammdaten.",
        "Wait a few minutes. If nothing arrives, ask billing for the master data.",
        "Enkele minuten wachten. Komt er niets, vraag de facturatie naar de stamgegevens.",
        "Attendez quelques minutes. Si rien ne vient, demandez les données de base à la facturation.";
    /// With the relay's code and words.
    accepted: fn(&str) -> String =
        |answer| format!("Das Relay hat sie angenommen: {answer}"),
        |answer| format!("The relay accepted it: {answer}"),
        |answer| format!("De relay heeft de e-mail aangenomen: {answer}"),
        |answer| format!("Le relais l’a acceptée\u{a0}: {answer}");
    accepted_means =
        "Ob sie im Postfach liegt, sagt das nicht.",
        "That does not mean that it has reached the mailbox.",
        "Dat betekent niet dat de e-mail in de mailbox is aangekomen.",
        "Cela ne veut pas dire qu’elle est arrivée dans la boîte de réception.";
    concluded: fn(Concluded, Option<ReasonCode>) -> &'static str =
        |state, class| match (state, class) {
            (Concluded::Sent, Some(ReasonCode::ByHand)) => "Eine Person hat vermerkt, dass sie gesendet wurde.",
            (Concluded::Sent, _) => "Das Relay hat sie angenommen. Ob sie im Postfach liegt, sagt das nicht.",
            (Concluded::Rejected, _) => "Der Mailserver nimmt für diese Adresse nichts an.",
            (Concluded::Dead, _) => "Sie wurde nicht gesendet, und von selbst geht es nicht weiter.",
            (Concluded::Discarded, _) => "Der Betrieb hat entschieden, sie nicht zu senden.",
            (Concluded::Uncertain, _) => "Vielleicht ist sie angekommen: Die Verbindung brach ab, bevor das Relay antwortete.",
            (Concluded::Cancelled, Some(ReasonCode::DuplicateInvoice)) => "Dieselbe Rechnung kam innerhalb von 24 Stunden noch einmal; diese hier wurde nicht gesendet.",
            (Concluded::Cancelled, Some(ReasonCode::Superseded)) => "Ein erneutes Senden ist an ihre Stelle getreten.",
            (Concluded::Cancelled, _) => "Eine Person hat den Versand abgebrochen.",
            (Concluded::Expired, _) => "Ihre Frist verstrich, bevor sie gesendet werden konnte.",
        },
        |state, class| match (state, class) {
            (Concluded::Sent, Some(ReasonCode::ByHand)) => "A person marked it as sent.",
            (Concluded::Sent, _) => "The relay accepted it. That does not mean that it has reached the mailbox.",
            (Concluded::Rejected, _) => "The mail server accepts nothing for this address.",
            (Concluded::Dead, _) => "It was not sent, and nothing more will happen by itself.",
            (Concluded::Discarded, _) => "Operations decided not to send it.",
            (Concluded::Uncertain, _) => "It may have arrived: the connection broke before the relay answered.",
            (Concluded::Cancelled, Some(ReasonCode::DuplicateInvoice)) => "The same invoice came once more within 24 hours; this one was not sent.",
            (Concluded::Cancelled, Some(ReasonCode::Superseded)) => "A resend took its place.",
            (Concluded::Cancelled, _) => "A person cancelled it.",
            (Concluded::Expired, _) => "Its deadline passed before it could be sent.",
        },
        |state, class| match (state, class) {
            (Concluded::Sent, Some(ReasonCode::ByHand)) => "Iemand heeft de e-mail als verzonden gemarkeerd.",
            (Concluded::Sent, _) => "De relay heeft de e-mail aangenomen. Dat betekent niet dat die in de mailbox is aangekomen.",
            (Concluded::Rejected, _) => "De mailserver neemt voor dit adres niets aan.",
            (Concluded::Dead, _) => "De e-mail is niet verstuurd, en vanzelf gebeurt er niets meer.",
            (Concluded::Discarded, _) => "Beheer heeft besloten de e-mail niet te versturen.",
            (Concluded::Uncertain, _) => "Misschien is de e-mail aangekomen: de verbinding werd verbroken voordat de relay antwoordde.",
            (Concluded::Cancelled, Some(ReasonCode::DuplicateInvoice)) => "Dezelfde factuur kwam binnen 24 uur nog eens; deze is niet verstuurd.",
            (Concluded::Cancelled, Some(ReasonCode::Superseded)) => "Een nieuwe verzending kwam in de plaats.",
            (Concluded::Cancelled, _) => "Iemand heeft de verzending geannuleerd.",
            (Concluded::Expired, _) => "De termijn verstreek voordat de e-mail verstuurd kon worden.",
        },
        |state, class| match (state, class) {
            (Concluded::Sent, Some(ReasonCode::ByHand)) => "Une personne l’a marquée comme envoyée.",
            (Concluded::Sent, _) => "Le relais l’a acceptée. Cela ne veut pas dire qu’elle est arrivée dans la boîte de réception.",
            (Concluded::Rejected, _) => "Le serveur de messagerie n’accepte rien pour cette adresse.",
            (Concluded::Dead, _) => "Elle n’a pas été envoyée, et plus rien ne se passera automatiquement.",
            (Concluded::Discarded, _) => "L’exploitation a décidé de ne pas l’envoyer.",
            (Concluded::Uncertain, _) => "Elle est peut-être arrivée\u{a0}: la connexion s’est rompue avant la réponse du relais.",
            (Concluded::Cancelled, Some(ReasonCode::DuplicateInvoice)) => "La même facture est revenue dans les 24 heures\u{a0}; celle-ci n’a pas été envoyée.",
            (Concluded::Cancelled, Some(ReasonCode::Superseded)) => "Un renvoi a pris sa place.",
            (Concluded::Cancelled, _) => "Une personne a annulé l’envoi.",
            (Concluded::Expired, _) => "Son délai a expiré avant qu’elle ait pu être envoyée.",
        };
    concluded_todo: fn(Concluded, Option<ReasonCode>) -> &'static str =
        |state, class| match (state, class) {
            (Concluded::Sent, _) => "Findet der Kunde sie nicht: Adresse und Spam-Ordner prüfen, dann erneut senden.",
            (Concluded::Rejected, _) => "Beim Kunden eine gültige Adresse erfragen, dann erneut senden. Sonst als erledigt vermerken.",
            (Concluded::Dead, Some(class)) => dead_todo_german(class),
            (Concluded::Dead, None) => "Den letzten Eintrag im Verlauf lesen.",
            (Concluded::Uncertain, _) => "Im Protokoll des Relays nach der Message-ID suchen. Dann als gesendet vermerken oder erneut senden.",
            (Concluded::Cancelled, Some(ReasonCode::DuplicateInvoice)) => "Prüfen, ob die erste angekommen ist; dann als erledigt vermerken.",
            (Concluded::Discarded | Concluded::Cancelled, _) => "Nichts. Soll sie doch hinaus: erneut senden.",
            (Concluded::Expired, _) => "Klären, ob sie noch gebraucht wird: erneut senden oder als erledigt vermerken.",
        },
        |state, class| match (state, class) {
            (Concluded::Sent, _) => "If the customer does not find it: check the address and the spam folder, then resend.",
            (Concluded::Rejected, _) => "Ask the customer for a working address, then resend. Otherwise acknowledge it.",
            (Concluded::Dead, Some(class)) => dead_todo_english(class),
            (Concluded::Dead, None) => "Read the last entry of the timeline.",
            (Concluded::Uncertain, _) => "Look for the Message-ID in the relay’s log. Then mark it as sent, or resend it.",
            (Concluded::Cancelled, Some(ReasonCode::DuplicateInvoice)) => "Check that the first one arrived; then acknowledge it.",
            (Concluded::Discarded | Concluded::Cancelled, _) => "Nothing. If it should go out after all, resend it.",
            (Concluded::Expired, _) => "Find out whether it is still needed: resend it, or acknowledge it.",
        },
        |state, class| match (state, class) {
            (Concluded::Sent, _) => "Vindt de klant de e-mail niet: adres en spammap controleren, dan opnieuw versturen.",
            (Concluded::Rejected, _) => "Vraag de klant om een werkend adres en verstuur opnieuw. Anders als afgehandeld markeren.",
            (Concluded::Dead, Some(class)) => dead_todo_dutch(class),
            (Concluded::Dead, None) => "Lees de laatste regel van de tijdlijn.",
            (Concluded::Uncertain, _) => "Zoek de Message-ID in het log van de relay. Markeer de e-mail dan als verzonden, of verstuur opnieuw.",
            (Concluded::Cancelled, Some(ReasonCode::DuplicateInvoice)) => "Ga na of de eerste is aangekomen; markeer deze dan als afgehandeld.",
            (Concluded::Discarded | Concluded::Cancelled, _) => "Niets. Moet de e-mail toch de deur uit: opnieuw versturen.",
            (Concluded::Expired, _) => "Ga na of de e-mail nog nodig is: opnieuw versturen, of als afgehandeld markeren.",
        },
        |state, class| match (state, class) {
            (Concluded::Sent, _) => "Si le client ne la trouve pas\u{a0}: vérifier l’adresse et le dossier des indésirables, puis renvoyer.",
            (Concluded::Rejected, _) => "Demander au client une adresse valable, puis renvoyer. Sinon, marquer comme traitée.",
            (Concluded::Dead, Some(class)) => dead_todo_french(class),
            (Concluded::Dead, None) => "Lire la dernière entrée de l’historique.",
            (Concluded::Uncertain, _) => "Chercher le Message-ID dans le journal du relais. Puis marquer comme envoyée, ou renvoyer.",
            (Concluded::Cancelled, Some(ReasonCode::DuplicateInvoice)) => "Vérifier que la première est arrivée, puis marquer comme traitée.",
            (Concluded::Discarded | Concluded::Cancelled, _) => "Rien. Si elle doit partir quand même\u{a0}: renvoyer.",
            (Concluded::Expired, _) => "Vérifier si elle est encore utile\u{a0}: renvoyer, ou marquer comme traitée.",
        };
    dead_todo: fn(ReasonCode) -> &'static str = dead_todo_german, dead_todo_english, dead_todo_dutch, dead_todo_french;
    class: fn(ReasonCode) -> &'static str = class_german, class_english, class_dutch, class_french;
} }

const fn class_german(class: ReasonCode) -> &'static str {
    match class {
        ReasonCode::Accepted => "angenommen",
        ReasonCode::RelayUnavailable => "Relay nicht erreichbar",
        ReasonCode::Deferred => "vorübergehend abgelehnt",
        ReasonCode::Dependency => "Datenbank oder Dokumentenspeicher nicht erreichbar",
        ReasonCode::Rejected => "Empfänger abgelehnt",
        ReasonCode::TooLarge => "zu groß",
        ReasonCode::Refused => "Absender oder Inhalt abgelehnt",
        ReasonCode::UnsupportedAddress => "Adresse nicht unterstützt",
        ReasonCode::Uncertain => "ohne Antwort nach der Übergabe",
        ReasonCode::Malformed => "Ereignis nicht lesbar",
        ReasonCode::ConflictingEvent => "Ereignis widerspricht einem früheren",
        ReasonCode::Poison => "vom Broker aufgegeben",
        ReasonCode::UnknownTenant => "unbekannter Mandant",
        ReasonCode::UnknownCustomer => "unbekannter Kunde",
        ReasonCode::InvalidRecipient => "keine brauchbare Adresse",
        ReasonCode::NoVerificationMethod => "Kunde kann sich nicht ausweisen",
        ReasonCode::DocumentMissing => "Dokument fehlt",
        ReasonCode::DocumentMismatch => "Dokument weicht ab",
        ReasonCode::RetriesExhausted => "alle Versuche verbraucht",
        ReasonCode::UnknownRelay => "unbekanntes Relay",
        ReasonCode::Internal => "interner Fehler",
        ReasonCode::DuplicateInvoice => "doppelte Rechnung",
        ReasonCode::Superseded => "durch erneutes Senden ersetzt",
        ReasonCode::Expired => "Frist verstrichen",
        ReasonCode::ByHand => "von Hand",
    }
}

const fn class_english(class: ReasonCode) -> &'static str {
    match class {
        ReasonCode::Accepted => "accepted",
        ReasonCode::RelayUnavailable => "relay not available",
        ReasonCode::Deferred => "deferred",
        ReasonCode::Dependency => "database or document store not available",
        ReasonCode::Rejected => "recipient refused",
        ReasonCode::TooLarge => "too large",
        ReasonCode::Refused => "sender or content refused",
        ReasonCode::UnsupportedAddress => "address not supported",
        ReasonCode::Uncertain => "no answer after it was handed over",
        ReasonCode::Malformed => "event not readable",
        ReasonCode::ConflictingEvent => "event conflicts with an earlier one",
        ReasonCode::Poison => "given up by the broker",
        ReasonCode::UnknownTenant => "unknown tenant",
        ReasonCode::UnknownCustomer => "unknown customer",
        ReasonCode::InvalidRecipient => "no usable address",
        ReasonCode::NoVerificationMethod => "customer cannot be verified",
        ReasonCode::DocumentMissing => "document missing",
        ReasonCode::DocumentMismatch => "document differs",
        ReasonCode::RetriesExhausted => "all retries used up",
        ReasonCode::UnknownRelay => "unknown relay",
        ReasonCode::Internal => "internal fault",
        ReasonCode::DuplicateInvoice => "duplicate invoice",
        ReasonCode::Superseded => "replaced by a resend",
        ReasonCode::Expired => "deadline passed",
        ReasonCode::ByHand => "by hand",
    }
}

const fn class_dutch(class: ReasonCode) -> &'static str {
    match class {
        ReasonCode::Accepted => "aangenomen",
        ReasonCode::RelayUnavailable => "relay niet bereikbaar",
        ReasonCode::Deferred => "tijdelijk geweigerd",
        ReasonCode::Dependency => "database of documentopslag niet bereikbaar",
        ReasonCode::Rejected => "ontvanger geweigerd",
        ReasonCode::TooLarge => "te groot",
        ReasonCode::Refused => "afzender of inhoud geweigerd",
        ReasonCode::UnsupportedAddress => "adres niet ondersteund",
        ReasonCode::Uncertain => "geen antwoord na de overdracht",
        ReasonCode::Malformed => "gebeurtenis niet leesbaar",
        ReasonCode::ConflictingEvent => "gebeurtenis spreekt een eerdere tegen",
        ReasonCode::Poison => "door de broker opgegeven",
        ReasonCode::UnknownTenant => "onbekende tenant",
        ReasonCode::UnknownCustomer => "onbekende klant",
        ReasonCode::InvalidRecipient => "geen bruikbaar adres",
        ReasonCode::NoVerificationMethod => "klant kan zich niet verifiëren",
        ReasonCode::DocumentMissing => "document ontbreekt",
        ReasonCode::DocumentMismatch => "document wijkt af",
        ReasonCode::RetriesExhausted => "alle pogingen verbruikt",
        ReasonCode::UnknownRelay => "onbekende relay",
        ReasonCode::Internal => "interne fout",
        ReasonCode::DuplicateInvoice => "dubbele factuur",
        ReasonCode::Superseded => "vervangen door een nieuwe verzending",
        ReasonCode::Expired => "termijn verstreken",
        ReasonCode::ByHand => "handmatig",
    }
}

const fn dead_todo_german(class: ReasonCode) -> &'static str {
    match class {
        ReasonCode::Malformed => "Die Abrechnung muss das Ereignis berichtigen und neu veröffentlichen.",
        ReasonCode::ConflictingEvent => {
            "Die Abrechnung muss das berichtigte Ereignis unter neuer Kennung veröffentlichen."
        }
        ReasonCode::Poison => "Der Betrieb muss sich das Ereignis ansehen.",
        ReasonCode::UnknownTenant => "Den Mandanten importieren; dann wird sie von selbst gesendet.",
        ReasonCode::UnknownCustomer => "Den Kunden importieren; dann wird sie von selbst gesendet.",
        ReasonCode::InvalidRecipient => {
            "Die Adresse in den Stammdaten berichtigen, dann erneut senden; oder an eine andere Adresse senden."
        }
        ReasonCode::NoVerificationMethod => {
            "Beim Kunden erfragen, was fehlt, und in den Stammdaten ergänzen; dann wird sie von selbst gesendet."
        }
        ReasonCode::DocumentMissing => "Die Abrechnung muss das Dokument ablegen, dann erneut senden.",
        ReasonCode::DocumentMismatch => {
            "Die Abrechnung muss das richtige Dokument ablegen oder ein berichtigtes Ereignis veröffentlichen."
        }
        ReasonCode::TooLarge => {
            "Im Portal die Dokumente zugänglich machen, oder das Relay größere E-Mails annehmen lassen."
        }
        ReasonCode::Refused => "Die Antwort des Relays lesen. Absender oder Inhalt müssen berichtigt werden.",
        ReasonCode::UnsupportedAddress => "An eine Adresse ohne Sonderzeichen vor dem @ senden.",
        ReasonCode::RetriesExhausted => {
            "Die letzte Antwort des Relays lesen; wenn die Ursache behoben ist, erneut senden."
        }
        ReasonCode::UnknownRelay => "Der Betrieb muss das Relay einrichten.",
        _ => "Den letzten Eintrag im Verlauf lesen, dann erneut senden oder den Betrieb fragen.",
    }
}

const fn dead_todo_english(class: ReasonCode) -> &'static str {
    match class {
        ReasonCode::Malformed => "Billing must correct the event and publish it again.",
        ReasonCode::ConflictingEvent => "Billing must publish the corrected event under a new identifier.",
        ReasonCode::Poison => "Operations must look at the event.",
        ReasonCode::UnknownTenant => "Import the tenant; the email will then be sent automatically.",
        ReasonCode::UnknownCustomer => "Import the customer; the email will then be sent automatically.",
        ReasonCode::InvalidRecipient => {
            "Correct the address in the master data, then resend; or resend to another address."
        }
        ReasonCode::NoVerificationMethod => {
            "Ask the customer for what is missing and add it to the master data; the email will then be sent automatically."
        }
        ReasonCode::DocumentMissing => "Billing must store the document, then resend.",
        ReasonCode::DocumentMismatch => "Billing must store the right document, or publish a corrected event.",
        ReasonCode::TooLarge => "Make the documents accessible in the portal, or let the relay accept larger emails.",
        ReasonCode::Refused => "Read the relay’s answer. Sender or content must be corrected.",
        ReasonCode::UnsupportedAddress => "Send to an address without special characters before the @.",
        ReasonCode::RetriesExhausted => "Read the relay’s last answer; resend when the cause is gone.",
        ReasonCode::UnknownRelay => "Operations must configure the relay.",
        _ => "Read the last entry of the timeline, then resend or ask operations.",
    }
}

const fn dead_todo_dutch(class: ReasonCode) -> &'static str {
    match class {
        ReasonCode::Malformed => "De facturatie moet de gebeurtenis corrigeren en opnieuw publiceren.",
        ReasonCode::ConflictingEvent => {
            "De facturatie moet de gecorrigeerde gebeurtenis onder een nieuw kenmerk publiceren."
        }
        ReasonCode::Poison => "Beheer moet de gebeurtenis bekijken.",
        ReasonCode::UnknownTenant => "Importeer de tenant; daarna wordt de e-mail vanzelf verstuurd.",
        ReasonCode::UnknownCustomer => "Importeer de klant; daarna wordt de e-mail vanzelf verstuurd.",
        ReasonCode::InvalidRecipient => {
            "Corrigeer het adres in de stamgegevens en verstuur opnieuw; of verstuur naar een ander adres."
        }
        ReasonCode::NoVerificationMethod => {
            "Vraag de klant wat ontbreekt en vul de stamgegevens aan; daarna wordt de e-mail vanzelf verstuurd."
        }
        ReasonCode::DocumentMissing => "De facturatie moet het document opslaan; daarna opnieuw versturen.",
        ReasonCode::DocumentMismatch => {
            "De facturatie moet het juiste document opslaan, of een gecorrigeerde gebeurtenis publiceren."
        }
        ReasonCode::TooLarge => {
            "Maak de documenten toegankelijk in het portaal, of laat de relay grotere e-mails aannemen."
        }
        ReasonCode::Refused => "Lees het antwoord van de relay. Afzender of inhoud moet worden gecorrigeerd.",
        ReasonCode::UnsupportedAddress => "Verstuur naar een adres zonder speciale tekens voor de @.",
        ReasonCode::RetriesExhausted => {
            "Lees het laatste antwoord van de relay; verstuur opnieuw als de oorzaak weg is."
        }
        ReasonCode::UnknownRelay => "Beheer moet de relay instellen.",
        _ => "Lees de laatste regel van de tijdlijn; verstuur dan opnieuw of vraag beheer.",
    }
}

const fn class_french(class: ReasonCode) -> &'static str {
    match class {
        ReasonCode::Accepted => "acceptée",
        ReasonCode::RelayUnavailable => "relais injoignable",
        ReasonCode::Deferred => "refusée temporairement",
        ReasonCode::Dependency => "base de données ou stockage injoignable",
        ReasonCode::Rejected => "destinataire refusé",
        ReasonCode::TooLarge => "trop volumineuse",
        ReasonCode::Refused => "expéditeur ou contenu refusé",
        ReasonCode::UnsupportedAddress => "adresse non prise en charge",
        ReasonCode::Uncertain => "sans réponse après la remise",
        ReasonCode::Malformed => "événement illisible",
        ReasonCode::ConflictingEvent => "événement en contradiction avec un précédent",
        ReasonCode::Poison => "abandonné par le broker",
        ReasonCode::UnknownTenant => "mandant inconnu",
        ReasonCode::UnknownCustomer => "client inconnu",
        ReasonCode::InvalidRecipient => "aucune adresse utilisable",
        ReasonCode::NoVerificationMethod => "client non vérifiable",
        ReasonCode::DocumentMissing => "document manquant",
        ReasonCode::DocumentMismatch => "document différent",
        ReasonCode::RetriesExhausted => "toutes les tentatives épuisées",
        ReasonCode::UnknownRelay => "relais inconnu",
        ReasonCode::Internal => "erreur interne",
        ReasonCode::DuplicateInvoice => "facture en double",
        ReasonCode::Superseded => "remplacée par un renvoi",
        ReasonCode::Expired => "délai expiré",
        ReasonCode::ByHand => "manuellement",
    }
}

const fn dead_todo_french(class: ReasonCode) -> &'static str {
    match class {
        ReasonCode::Malformed => "La facturation doit corriger l’événement et le republier.",
        ReasonCode::ConflictingEvent => "La facturation doit publier l’événement corrigé sous un nouvel identifiant.",
        ReasonCode::Poison => "L’exploitation doit examiner l’événement.",
        ReasonCode::UnknownTenant => "Importer le mandant\u{a0}; elle sera alors envoyée automatiquement.",
        ReasonCode::UnknownCustomer => "Importer le client\u{a0}; elle sera alors envoyée automatiquement.",
        ReasonCode::InvalidRecipient => {
            "Corriger l’adresse dans les données de base, puis renvoyer\u{a0}; ou renvoyer à une autre adresse."
        }
        ReasonCode::NoVerificationMethod => {
            "Demander au client ce qui manque et compléter ses données\u{a0}; elle sera alors envoyée automatiquement."
        }
        ReasonCode::DocumentMissing => "La facturation doit déposer le document\u{a0}; ensuite, renvoyer.",
        ReasonCode::DocumentMismatch => "La facturation doit déposer le bon document, ou publier un événement corrigé.",
        ReasonCode::TooLarge => {
            "Rendre les documents accessibles dans le portail, ou laisser le relais accepter des e-mails plus volumineux."
        }
        ReasonCode::Refused => "Lire la réponse du relais. L’expéditeur ou le contenu doit être corrigé.",
        ReasonCode::UnsupportedAddress => "Envoyer à une adresse sans caractères spéciaux avant le @.",
        ReasonCode::RetriesExhausted => "Lire la dernière réponse du relais\u{a0}; renvoyer quand la cause a disparu.",
        ReasonCode::UnknownRelay => "L’exploitation doit configurer le relais.",
        _ => "Lire la dernière entrée de l’historique, puis renvoyer ou demander à l’exploitation.",
    }
}

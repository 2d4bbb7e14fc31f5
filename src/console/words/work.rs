//! The work list and the search.

use super::words;
use crate::console::terms::MatchedBy;
use crate::model::work::WorkKind;

words! { WorkWords {
    title = "Arbeitsliste", "Work list", "Werklijst", "À traiter";
    all = "Alle", "All", "Alle", "Tout";
    waiting = "Offen", "Open", "Open", "À traiter";
    acknowledged = "Erledigt", "Acknowledged", "Afgehandeld", "Traité";
    age = "Alter", "Age", "Ouderdom", "Ancienneté";
    what = "Problem", "Problem", "Probleem", "Problème";
    next_action = "Nächster Schritt", "Next step", "Volgende stap", "Prochaine étape";
    acknowledge = "Erledigt", "Acknowledge", "Afgehandeld", "Marquer comme traité";
    acknowledged_by: fn(&str) -> String =
        |who| format!("erledigt von {who}"), |who| format!("acknowledged by {who}"), |who| format!("afgehandeld door {who}"),
        |who| format!("traité par {who}");
    new_entries: fn(u64) -> String =
        |count| match count { 1 => "1 neuer Eintrag".to_owned(), count => format!("{count} neue Einträge") },
        |count| format!("{count} new"),
        |count| format!("{count} nieuwe"),
        |count| match count { 1 => "1 nouvelle entrée".to_owned(), count => format!("{count} nouvelles entrées") };
    empty_title = "Nichts wartet auf Sie", "Nothing is waiting for you", "Er wacht niets op u", "Rien ne vous attend";
    empty =
        "Hier stünden abgelehnte, abgelaufene und doppelte Rechnungen, solche mit ungewissem Ausgang, und Kunden, die sich nicht ausweisen können.",
        "Here you would see rejected, expired and duplicate invoices, those with an uncertain outcome, and customers who cannot be verified.",
        "Hier zouden geweigerde, verlopen en dubbele facturen staan, facturen met een onzekere uitkomst, en klanten die zich niet kunnen verifiëren.",
        "Ici figureraient les factures refusées, expirées et en double, celles dont l’issue est incertaine, et les clients qui ne peuvent pas être vérifiés.";
    empty_acknowledged =
        "Noch ist nichts als erledigt vermerkt.",
        "Nothing has been acknowledged yet.",
        "Er is nog niets afgehandeld.",
        "Rien n’a encore été traité.";
    kind: fn(WorkKind) -> &'static str =
        |kind| match kind {
            WorkKind::Rejected => "Abgelehnt",
            WorkKind::Expired => "Abgelaufen",
            WorkKind::Duplicate => "Doppelt",
            WorkKind::Uncertain => "Ungewiss",
            WorkKind::NoVerificationMethod => "Nicht prüfbar",
        },
        |kind| match kind {
            WorkKind::Rejected => "Rejected",
            WorkKind::Expired => "Expired",
            WorkKind::Duplicate => "Duplicate",
            WorkKind::Uncertain => "Uncertain",
            WorkKind::NoVerificationMethod => "Not verifiable",
        },
        |kind| match kind {
            WorkKind::Rejected => "Geweigerd",
            WorkKind::Expired => "Verlopen",
            WorkKind::Duplicate => "Dubbel",
            WorkKind::Uncertain => "Onzeker",
            WorkKind::NoVerificationMethod => "Niet verifieerbaar",
        },
        |kind| match kind {
            WorkKind::Rejected => "Refusée",
            WorkKind::Expired => "Expirée",
            WorkKind::Duplicate => "En double",
            WorkKind::Uncertain => "Incertaine",
            WorkKind::NoVerificationMethod => "Non vérifiable",
        };
    kind_todo: fn(WorkKind) -> &'static str =
        |kind| match kind {
            WorkKind::Rejected => "Richtige Adresse erfragen, erneut senden",
            WorkKind::Expired => "Klären, ob noch zu senden",
            WorkKind::Duplicate => "Prüfen, welche Rechnung gilt",
            WorkKind::Uncertain => "Im Relay nachsehen, dann entscheiden",
            WorkKind::NoVerificationMethod => "Stammdaten ergänzen",
        },
        |kind| match kind {
            WorkKind::Rejected => "Ask for a working address, resend",
            WorkKind::Expired => "Find out whether it still has to be sent",
            WorkKind::Duplicate => "Check which invoice counts",
            WorkKind::Uncertain => "Look at the relay, then decide",
            WorkKind::NoVerificationMethod => "Complete the customer’s record",
        },
        |kind| match kind {
            WorkKind::Rejected => "Juist adres opvragen, opnieuw versturen",
            WorkKind::Expired => "Nagaan of dit nog verstuurd moet worden",
            WorkKind::Duplicate => "Nagaan welke factuur geldt",
            WorkKind::Uncertain => "Bij de relay kijken, dan beslissen",
            WorkKind::NoVerificationMethod => "Klantgegevens aanvullen",
        },
        |kind| match kind {
            WorkKind::Rejected => "Demander une adresse valable, renvoyer",
            WorkKind::Expired => "Vérifier s’il faut encore l’envoyer",
            WorkKind::Duplicate => "Vérifier quelle facture est valable",
            WorkKind::Uncertain => "Consulter le relais, puis décider",
            WorkKind::NoVerificationMethod => "Compléter les données du client",
        };
    search_title = "Suche", "Search", "Zoeken", "Recherche";
    results_for: fn(&str) -> String =
        |query| format!("Treffer für „{query}“"), |query| format!("Results for “{query}”"), |query| format!("Resultaten voor ‘{query}’"),
        |query| format!("Résultats pour «\u{a0}{query}\u{a0}»");
    result_count: fn(usize, bool) -> String =
        |count, more| match (count, more) { (1, false) => "1 Treffer".to_owned(), (_, true) => format!("Die ersten {count} Treffer"), _ => format!("{count} Treffer") },
        |count, more| match (count, more) { (1, false) => "1 result".to_owned(), (_, true) => format!("The first {count} results"), _ => format!("{count} results") },
        |count, more| match (count, more) { (1, false) => "1 resultaat".to_owned(), (_, true) => format!("De eerste {count} resultaten"), _ => format!("{count} resultaten") },
        |count, more| match (count, more) { (0 | 1, false) => format!("{count} résultat"), (_, true) => format!("Les {count} premiers résultats"), _ => format!("{count} résultats") };
    further_count: fn(usize) -> String =
        |count| match count { 1 => "1 weiterer Treffer".to_owned(), count => format!("{count} weitere Treffer") },
        |count| match count { 1 => "1 more result".to_owned(), count => format!("{count} more results") },
        |count| match count { 1 => "Nog 1 resultaat".to_owned(), count => format!("Nog {count} resultaten") },
        |count| match count { 0 | 1 => format!("{count} autre résultat"), count => format!("{count} autres résultats") };
    more_customers =
        "Es gibt weitere Kunden mit diesem Namen. Geben Sie mehr vom Namen ein.",
        "There are more customers with this name. Enter more of it.",
        "Er zijn meer klanten met deze naam. Vul meer van de naam in.",
        "Il y a d’autres clients de ce nom. Précisez le nom.";
    several_ids =
        "So beginnen die Kennungen mehrerer Zustellungen, Dead Letters oder Ereignisse. Geben Sie mehr von der Kennung ein.",
        "The identifiers of several deliveries, dead letters or events begin like that. Enter more of it.",
        "De kenmerken van meerdere verzendingen, dead letters of gebeurtenissen beginnen zo. Vul meer van het kenmerk in.",
        "Les identifiants de plusieurs envois, dead letters ou événements commencent ainsi. Précisez l’identifiant.";
    search_intro =
        "Gesucht wird in allen Mandanten, die Sie sehen dürfen, und in jedem Status.",
        "The search covers all tenants that you may see, and every state.",
        "Er wordt gezocht in alle tenants die u mag zien, en in elke status.",
        "La recherche porte sur tous les mandants que vous pouvez voir, et sur tous les états.";
    search_examples: [&'static str; 5] =
        [
            "Rechnungsnummer, ganz oder der Anfang; Groß- und Kleinschreibung und Leerzeichen spielen keine Rolle",
            "Kundennummer, oder die Anfänge der Wörter des Namens",
            "E-Mail-Adresse eines Empfängers, ganz",
            "Message-ID aus einer E-Mail",
            "Kennung einer Zustellung oder eines Ereignisses",
        ],
        [
            "Invoice number, whole or its beginning; case and spaces do not matter",
            "Customer number, or the beginnings of the name’s words",
            "Email address of a recipient, whole",
            "Message-ID from an email",
            "Identifier of a delivery or an event",
        ],
        [
            "Factuurnummer, volledig of het begin; hoofdletters en spaties maken niet uit",
            "Klantnummer, of het begin van de woorden van de naam",
            "E-mailadres van een ontvanger, volledig",
            "Message-ID uit een e-mail",
            "Kenmerk van een verzending of gebeurtenis",
        ],
        [
            "Numéro de facture, complet ou son début\u{a0}; majuscules et espaces sont indifférents",
            "Numéro de client, ou le début des mots de son nom",
            "Adresse e-mail d’un destinataire, complète",
            "Message-ID d’un e-mail",
            "Identifiant d’un envoi ou d’un événement",
        ];
    customers = "Kunden", "Customers", "Klanten", "Clients";
    nothing_found = "Nichts gefunden", "Nothing found", "Niets gevonden", "Aucun résultat";
    nothing_found_hint =
        "Eine Rechnung, deren Ereignis nie angekommen ist, steht hier nicht: Fragen Sie die Abrechnung.",
        "An invoice whose event never arrived is not here: ask billing.",
        "Een factuur waarvan de gebeurtenis nooit is aangekomen staat hier niet: vraag het de facturatie.",
        "Une facture dont l’événement n’est jamais arrivé n’est pas ici\u{a0}: demandez à la facturation.";
    matched: fn(MatchedBy) -> &'static str =
        |matched| match matched {
            MatchedBy::Number => "Nummer",
            MatchedBy::NumberPrefix => "Anfang der Nummer",
            MatchedBy::Customer => "Kundennummer",
            MatchedBy::CustomerName => "Name",
            MatchedBy::Recipient => "Empfänger",
            MatchedBy::MessageId => "Message-ID",
            MatchedBy::Delivery => "Zustellung",
            MatchedBy::Event => "Ereignis",
        },
        |matched| match matched {
            MatchedBy::Number => "Number",
            MatchedBy::NumberPrefix => "Start of the number",
            MatchedBy::Customer => "Customer number",
            MatchedBy::CustomerName => "Name",
            MatchedBy::Recipient => "Recipient",
            MatchedBy::MessageId => "Message-ID",
            MatchedBy::Delivery => "Delivery",
            MatchedBy::Event => "Event",
        },
        |matched| match matched {
            MatchedBy::Number => "Nummer",
            MatchedBy::NumberPrefix => "Begin van het nummer",
            MatchedBy::Customer => "Klantnummer",
            MatchedBy::CustomerName => "Naam",
            MatchedBy::Recipient => "Ontvanger",
            MatchedBy::MessageId => "Message-ID",
            MatchedBy::Delivery => "Verzending",
            MatchedBy::Event => "Gebeurtenis",
        },
        |matched| match matched {
            MatchedBy::Number => "Numéro",
            MatchedBy::NumberPrefix => "Début du numéro",
            MatchedBy::Customer => "Numéro de client",
            MatchedBy::CustomerName => "Nom",
            MatchedBy::Recipient => "Destinataire",
            MatchedBy::MessageId => "Message-ID",
            MatchedBy::Delivery => "Envoi",
            MatchedBy::Event => "Événement",
        };
    found_by = "Gefunden über", "Found by", "Gevonden via", "Trouvé par";
    sent_at = "Erstellt", "Created", "Aangemaakt", "Créé";
} }

//! What the notes of a timeline say. Exports, the API and the command line keep the English sentences that are stored.

use super::words;
use crate::model::dropped::Dropped;
use crate::model::link_cause::LinkCause;
use crate::model::mail_address::InvalidAddress;
use crate::model::note::LocaleSource;

words! { NoteWords {
    cancelled = "Der Versand wurde abgebrochen.", "Sending was cancelled.", "Het versturen is geannuleerd.", "L’envoi a été annulé.";
    sent_now =
        "Der Versand wurde vorgezogen.", "Sent ahead of its time.", "Het versturen is naar voren gehaald.",
        "L’envoi immédiat a été demandé.";
    marked_sent = "Als gesendet vermerkt.", "Marked as sent.", "Als verzonden gemarkeerd.", "Marquée comme envoyée.";
    rest_made: fn(usize, &str) -> String =
        |count, by| format!("Vom Relay zurückgestellte Empfänger: {count}. Die E-Mail geht mit der Zustellung {by} hinaus."),
        |count, by| format!("Recipients that the relay had deferred: {count}. The email goes out with delivery {by}."),
        |count, by| format!("Ontvangers die de relay had uitgesteld: {count}. De e-mail gaat uit met verzending {by}."),
        |count, by| format!("Destinataires différés par le relais\u{a0}: {count}. L’e-mail part avec l’envoi {by}.");
    recipients_unknown =
        "Es ist nicht bekannt, welche Empfänger das Relay angenommen hatte.",
        "Which recipients the relay had accepted is not known.",
        "Het is niet bekend welke ontvangers de relay had aangenomen.",
        "On ne sait pas quels destinataires le relais avait acceptés.";
    superseded: fn(&str) -> String =
        |by| format!("Durch eine erneute Sendung ersetzt: Zustellung {by}."), |by| format!("A resend took its place: delivery {by}."),
        |by| format!("Vervangen door een nieuwe verzending: {by}."), |by| format!("Remplacée par un nouvel envoi\u{a0}: {by}.");
    superseded_uncertain: fn(&str) -> String =
        |by| format!("Ausgang ungewiss; erneut gesendet mit Zustellung {by}."), |by| format!("Outcome uncertain; resent as delivery {by}."),
        |by| format!("Uitkomst onzeker; opnieuw verstuurd als verzending {by}."),
        |by| format!("Issue incertaine\u{a0}; renvoyée par l’envoi {by}.");
    resent = "Erneut gesendet.", "Resent.", "Opnieuw verstuurd.", "Renvoyée.";
    new_address: fn(Option<LinkCause>) -> &'static str =
        |link| match link {
            None => "An eine Adresse, die weder im Ereignis noch in den Stammdaten steht; Dokumente dürfen dorthin.",
            Some(LinkCause::AskedFor) => "An eine Adresse, die weder im Ereignis noch in den Stammdaten steht, mit dem verlangten Link.",
            Some(LinkCause::NewAddress) => "An eine Adresse, die weder im Ereignis noch in den Stammdaten steht, mit einem Link.",
        },
        |link| match link {
            None => "To an address that is neither in the event nor on record; documents may go there.",
            Some(LinkCause::AskedFor) => "To an address that is neither in the event nor on record, with the link asked for.",
            Some(LinkCause::NewAddress) => "To an address that is neither in the event nor on record, with a link.",
        },
        |link| match link {
            None => "Naar een adres dat niet in de gebeurtenis en niet in de stamgegevens staat; documenten mogen daarheen.",
            Some(LinkCause::AskedFor) => "Naar een adres dat niet in de gebeurtenis en niet in de stamgegevens staat, met de gevraagde link.",
            Some(LinkCause::NewAddress) => "Naar een adres dat niet in de gebeurtenis en niet in de stamgegevens staat, met een link.",
        },
        |link| match link {
            None => "À une adresse qui ne figure ni dans l’événement ni dans les données du client\u{a0}; des documents peuvent y être envoyés.",
            Some(LinkCause::AskedFor) => "À une adresse qui ne figure ni dans l’événement ni dans les données du client, avec le lien demandé.",
            Some(LinkCause::NewAddress) => "À une adresse qui ne figure ni dans l’événement ni dans les données du client, avec un lien.",
        };
    /// None: they were kept.
    earlier_links: fn(Option<u64>) -> String =
        |revoked| match revoked {
            None => "Frühere Links gelten weiter.".to_owned(),
            Some(0) => "Es gab keinen früheren Link zu sperren.".to_owned(),
            Some(1) => "1 früherer Link wurde gesperrt.".to_owned(),
            Some(count) => format!("{count} frühere Links wurden gesperrt."),
        },
        |revoked| match revoked {
            None => "Earlier links keep working.".to_owned(),
            Some(0) => "There was no earlier link to revoke.".to_owned(),
            Some(1) => "1 earlier link was revoked.".to_owned(),
            Some(count) => format!("{count} earlier links were revoked."),
        },
        |revoked| match revoked {
            None => "Eerdere links blijven werken.".to_owned(),
            Some(0) => "Er was geen eerdere link om in te trekken.".to_owned(),
            Some(1) => "1 eerdere link is ingetrokken.".to_owned(),
            Some(count) => format!("{count} eerdere links zijn ingetrokken."),
        },
        |revoked| match revoked {
            None => "Les liens antérieurs restent valables.".to_owned(),
            Some(0) => "Il n’y avait aucun lien antérieur à révoquer.".to_owned(),
            Some(1) => "1 lien antérieur a été révoqué.".to_owned(),
            Some(count) => format!("{count} liens antérieurs ont été révoqués."),
        };
    fresh_link_asked =
        "Mit einem abgelaufenen Link wurde ein neuer angefordert.",
        "A fresh link was asked for with an expired one.",
        "Met een verlopen link is een nieuwe gevraagd.",
        "Un nouveau lien a été demandé avec un lien expiré.";
    lock_lifted =
        "Die Portalsperre wurde aufgehoben.", "The portal lock was lifted.", "De portaalblokkering is opgeheven.",
        "Le blocage du portail a été levé.";
    held: fn(&str) -> String =
        |since| format!("Zurückgehalten: Was seit {since} gesendet wurde, fehlt hier vielleicht."),
        |since| format!("Held: what was sent since {since} may be missing here."),
        |since| format!("Tegengehouden: wat sinds {since} is verstuurd, ontbreekt hier misschien."),
        |since| format!("Retenue\u{a0}: ce qui a été envoyé depuis {since} manque peut-être ici.");
    held_if_back: fn(&str) -> String =
        |since| format!("Wird zurückgehalten, falls sie wieder fällig wird: Was seit {since} gesendet wurde, fehlt hier vielleicht."),
        |since| format!("Held if it becomes due again: what was sent since {since} may be missing here."),
        |since| format!("Wordt tegengehouden als die weer aan de beurt komt: wat sinds {since} is verstuurd, ontbreekt hier misschien."),
        |since| format!("Sera retenue si elle redevient à envoyer\u{a0}: ce qui a été envoyé depuis {since} manque peut-être ici.");
    let_go = "Freigegeben.", "Let go.", "Vrijgegeven.", "Libérée.";
    held_with_tenant =
        "Zurückgehalten: Der Mandant ist angehalten.", "Held: the tenant is paused.", "Tegengehouden: de tenant is gepauzeerd.",
        "Retenue\u{a0}: le mandant est suspendu.";
    let_go_with_tenant =
        "Freigegeben: Der Mandant ist fortgesetzt.", "Let go: the tenant is resumed.", "Vrijgegeven: de tenant is hervat.",
        "Libérée\u{a0}: le mandant a repris.";
    let_go_with_new_sender =
        "Freigegeben mit dem neuen Absender des Mandanten.", "Let go with the tenant’s new sender.",
        "Vrijgegeven met de nieuwe afzender van de tenant.", "Libérée avec le nouvel expéditeur du mandant.";
    discarded = "Verworfen.", "Discarded.", "Verworpen.", "Écartée.";
    restored =
        "Zu den Dead Letters zurückgelegt.", "Restored to the dead letters.", "Teruggezet bij de dead letters.",
        "Remise parmi les dead letters.";
    redriven = "Wieder aufgenommen.", "Redriven.", "Opnieuw ingezet.", "Remise en route.";
    cured =
        "Automatisch wieder aufgenommen: Was fehlte, ist gekommen.", "Redriven automatically: what it lacked has come.",
        "Automatisch opnieuw ingezet: wat ontbrak, is gekomen.", "Remise en route automatiquement\u{a0}: ce qui manquait est arrivé.";
    same_invoice: fn(&str) -> String =
        |by| format!("Nicht erneut gesendet: Die Zustellung {by} gilt derselben Rechnung."),
        |by| format!("Not sent again: delivery {by} is of the same invoice."),
        |by| format!("Niet opnieuw verstuurd: verzending {by} is van dezelfde factuur."),
        |by| format!("Pas renvoyée\u{a0}: l’envoi {by} porte sur la même facture.");
    customer_erased = "Der Kunde wurde gelöscht.", "The customer was erased.", "De klant is gewist.", "Le client a été effacé.";
    due_again = "Wieder fällig.", "Due again.", "Weer aan de beurt.", "De nouveau à envoyer.";
    refused_while_held =
        "Wieder fällig: Das Relay wies die E-Mail ab, vielleicht wegen ihres Absenders, während eine Person sie zurückhielt.",
        "Due again: a person held it when the relay refused it, perhaps because of its sender.",
        "Weer aan de beurt: de relay weigerde de e-mail, misschien vanwege de afzender, terwijl iemand die tegenhield.",
        "De nouveau à envoyer\u{a0}: le relais a refusé l’e-mail, peut-être à cause de son expéditeur, alors qu’une personne le retenait.";
    without_utf8 =
        "Neu verfasst ohne die Kopien und das Reply-To, deren Adressen SMTPUTF8 brauchen, was das Relay nicht anbietet.",
        "Composed anew without the copies and the Reply-To whose addresses need SMTPUTF8, which the relay does not offer.",
        "Opnieuw opgesteld zonder de kopieën en de Reply-To waarvan de adressen SMTPUTF8 nodig hebben, wat de relay niet aanbiedt.",
        "Recomposée sans les copies ni le Reply-To dont les adresses exigent SMTPUTF8, que le relais ne propose pas.";
    sent_once_more =
        "Der Worker endete mitten in DATA; noch einmal gesendet, wie es für das Relay eingestellt ist.",
        "Its worker ended in the middle of DATA; sent once more, as its relay is configured.",
        "De worker eindigde midden in DATA; nog eens verstuurd, zoals voor de relay is ingesteld.",
        "Le worker s’est arrêté au milieu de DATA\u{a0}; envoyé encore une fois, comme le relais est configuré.";
    late_answer: fn(&str) -> String =
        |answer| format!("Das Relay antwortete spät: {answer}"), |answer| format!("The relay answered late: {answer}"),
        |answer| format!("De relay antwoordde laat: {answer}"), |answer| format!("Le relais a répondu tard\u{a0}: {answer}");
    /// How it had been concluded meanwhile stands in the timeline.
    late_answer_changes_nothing =
        "Die Zustellung bleibt, wie sie steht.", "The delivery stays as it stands.", "De verzending blijft zoals die is.",
        "L’envoi reste dans son état.";
    late_answer_taken_over =
        "Sie war schon übernommen, um noch einmal gesendet zu werden.", "It had been taken over to be sent once more.",
        "Die was al overgenomen om nog eens verstuurd te worden.", "Il avait déjà été repris pour être envoyé encore une fois.";
    accepted_late =
        "Gesendet: Das Relay hatte die E-Mail angenommen, wie seine späte Antwort sagt.",
        "Sent: the relay had accepted it, as its late answer says.",
        "Verzonden: de relay had de e-mail aangenomen, zoals het late antwoord zegt.",
        "Envoyée\u{a0}: le relais avait accepté l’e-mail, comme le dit sa réponse tardive.";
    value_left_out: fn(Dropped) -> &'static str =
        |value| match value {
            Dropped::Time => "Die Zeit des Ereignisses ist keine Angabe nach RFC 3339 zwischen den Jahren 1970 und 2199; sie entfällt.",
            Dropped::Traceparent => "Der traceparent des Ereignisses ist kein W3C Trace Context; er entfällt.",
            Dropped::Locale => "Die Sprache des Ereignisses ist kein Sprachcode (BCP 47) wie de-DE; sie entfällt.",
        },
        |value| match value {
            Dropped::Time => "The event’s time is not an RFC 3339 date and time between the years 1970 and 2199; it is left out.",
            Dropped::Traceparent => "The event’s traceparent is not a W3C trace context; it is left out.",
            Dropped::Locale => "The event’s locale is not a language tag (BCP 47) like de-DE; it is left out.",
        },
        |value| match value {
            Dropped::Time => "De tijd van de gebeurtenis is geen RFC 3339-tijd tussen de jaren 1970 en 2199; die vervalt.",
            Dropped::Traceparent => "De traceparent van de gebeurtenis is geen W3C trace context; die vervalt.",
            Dropped::Locale => "De taal van de gebeurtenis is geen taalcode (BCP 47) zoals de-DE; die vervalt.",
        },
        |value| match value {
            Dropped::Time => "L’heure de l’événement n’est pas une date RFC 3339 entre les années 1970 et 2199\u{a0}; elle est ignorée.",
            Dropped::Traceparent => "Le traceparent de l’événement n’est pas un W3C trace context\u{a0}; il est ignoré.",
            Dropped::Locale => "La langue de l’événement n’est pas un code de langue (BCP 47) comme de-DE\u{a0}; elle est ignorée.",
        };
    no_template: fn(LocaleSource, &str) -> String =
        |of, tag| match of {
            LocaleSource::Event => format!("Für die Sprache des Ereignisses, {tag}, gibt es keine Vorlage."),
            LocaleSource::Customer => format!("Für die Sprache des Kunden, {tag}, gibt es keine Vorlage."),
            LocaleSource::Tenant => format!("Für die Sprache des Mandanten, {tag}, gibt es keine Vorlage."),
        },
        |of, tag| format!("There is no template for the {of}’s locale {tag}."),
        |of, tag| match of {
            LocaleSource::Event => format!("Voor de taal van de gebeurtenis, {tag}, is er geen sjabloon."),
            LocaleSource::Customer => format!("Voor de taal van de klant, {tag}, is er geen sjabloon."),
            LocaleSource::Tenant => format!("Voor de taal van de tenant, {tag}, is er geen sjabloon."),
        },
        |of, tag| match of {
            LocaleSource::Event => format!("Il n’y a pas de modèle pour la langue de l’événement, {tag}."),
            LocaleSource::Customer => format!("Il n’y a pas de modèle pour la langue du client, {tag}."),
            LocaleSource::Tenant => format!("Il n’y a pas de modèle pour la langue du mandant, {tag}."),
        };
    written_for: fn(LocaleSource, &str) -> String =
        |of, tag| match of {
            LocaleSource::Event => format!("Die E-Mail ist in der Sprache des Ereignisses geschrieben: {tag}."),
            LocaleSource::Customer => format!("Die E-Mail ist in der Sprache des Kunden geschrieben: {tag}."),
            LocaleSource::Tenant => format!("Die E-Mail ist in der Sprache des Mandanten geschrieben: {tag}."),
        },
        |of, tag| format!("The email is written for {tag}, as the {of} has it."),
        |of, tag| match of {
            LocaleSource::Event => format!("De e-mail is geschreven in de taal van de gebeurtenis: {tag}."),
            LocaleSource::Customer => format!("De e-mail is geschreven in de taal van de klant: {tag}."),
            LocaleSource::Tenant => format!("De e-mail is geschreven in de taal van de tenant: {tag}."),
        },
        |of, tag| match of {
            LocaleSource::Event => format!("L’e-mail est rédigé dans la langue de l’événement\u{a0}: {tag}."),
            LocaleSource::Customer => format!("L’e-mail est rédigé dans la langue du client\u{a0}: {tag}."),
            LocaleSource::Tenant => format!("L’e-mail est rédigé dans la langue du mandant\u{a0}: {tag}."),
        };
    written_in_english =
        "Die E-Mail ist auf Englisch geschrieben.", "The email is written in English.", "De e-mail is in het Engels geschreven.",
        "L’e-mail est rédigé en anglais.";
    address_left_out: fn(&str, &str) -> String =
        |role, fault| format!("Eine Adresse unter „{role}“ ist weggelassen: {fault}"),
        |role, fault| format!("An address in “{role}” is left out: {fault}"),
        |role, fault| format!("Een adres in ‘{role}’ is weggelaten: {fault}"),
        |role, fault| format!("Une adresse de «\u{a0}{role}\u{a0}» est omise\u{a0}: {fault}");
    fault: fn(InvalidAddress) -> &'static str =
        |fault| match fault {
            InvalidAddress::Empty => "Sie ist leer.",
            InvalidAddress::AtMissing => "Sie hat kein @.",
            InvalidAddress::TooLong => "Sie ist länger als 254 Oktette, oder ihr Teil vor dem @ länger als 64.",
            InvalidAddress::Several => "Es ist mehr als eine Adresse; jeder Empfänger braucht einen eigenen Eintrag.",
            InvalidAddress::Named => "Es ist mehr als die Adresse; ein Name gehört in ein eigenes Feld.",
            InvalidAddress::LocalPart => "Der Teil vor dem @ hat Zeichen, die dort nicht stehen dürfen.",
            InvalidAddress::Domain => "Der Teil nach dem @ ist kein Domainname.",
        },
        |fault| match fault {
            InvalidAddress::Empty => "It is empty.",
            InvalidAddress::AtMissing => "It has no @.",
            InvalidAddress::TooLong => "It is longer than 254 octets, or its part before the @ longer than 64.",
            InvalidAddress::Several => "It is more than one address; each recipient needs an entry of its own.",
            InvalidAddress::Named => "It is more than the address; a name belongs in a field of its own.",
            InvalidAddress::LocalPart => "The part before the @ contains characters that are not allowed there.",
            InvalidAddress::Domain => "The part after the @ is not a domain name.",
        },
        |fault| match fault {
            InvalidAddress::Empty => "Het is leeg.",
            InvalidAddress::AtMissing => "Het heeft geen @.",
            InvalidAddress::TooLong => "Het is langer dan 254 octetten, of het deel vóór de @ langer dan 64.",
            InvalidAddress::Several => "Het is meer dan één adres; elke ontvanger heeft een eigen vermelding nodig.",
            InvalidAddress::Named => "Het is meer dan het adres; een naam hoort in een eigen veld.",
            InvalidAddress::LocalPart => "Het deel vóór de @ heeft tekens die daar niet mogen staan.",
            InvalidAddress::Domain => "Het deel na de @ is geen domeinnaam.",
        },
        |fault| match fault {
            InvalidAddress::Empty => "elle est vide.",
            InvalidAddress::AtMissing => "elle n’a pas de @.",
            InvalidAddress::TooLong => "elle dépasse 254 octets, ou sa partie avant le @ dépasse 64.",
            InvalidAddress::Several => "il y a plus d’une adresse\u{a0}; chaque destinataire a besoin de sa propre entrée.",
            InvalidAddress::Named => "il y a plus que l’adresse\u{a0}; un nom a sa place dans un champ à lui.",
            InvalidAddress::LocalPart => "la partie avant le @ contient des signes qui n’y sont pas admis.",
            InvalidAddress::Domain => "la partie après le @ n’est pas un nom de domaine.",
        };
} }

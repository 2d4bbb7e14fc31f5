//! The plan of a resend.

use super::words;
use crate::console::terms::ResendProblem;
use crate::model::state::Decision;

words! { ResendWords {
    title: fn(&str) -> String =
        |number| format!("{number} erneut senden"), |number| format!("Resend {number}"), |number| format!("{number} opnieuw versturen"),
        |number| format!("Renvoyer {number}");
    lead =
        "Noch ist nichts gesendet. Das hier würde geschehen:",
        "Nothing has been sent yet. This is what would happen:",
        "Er is nog niets verstuurd. Dit zou er gebeuren:",
        "Rien n’a encore été envoyé. Voici ce qui se passerait\u{a0}:";
    to = "An eine andere Adresse", "To another address", "Naar een ander adres", "À une autre adresse";
    to_hint =
        "Leer: an die Empfänger der Rechnung.", "Empty: to the invoice’s recipients.", "Leeg: naar de ontvangers van de factuur.",
        "Vide\u{a0}: aux destinataires de la facture.";
    link_only = "Link statt Anhang senden", "Send a link instead of attachments", "Link sturen in plaats van bijlagen", "Envoyer un lien au lieu de pièces jointes";
    keep_links = "Frühere Links gelten weiter", "Earlier links keep working", "Eerdere links blijven werken", "Les liens antérieurs restent valables";
    show_plan = "Plan neu berechnen", "Work out the plan again", "Plan opnieuw berekenen", "Recalculer le plan";
    plan = "Plan", "Plan", "Plan", "Plan";
    options = "Auswahl", "Options", "Keuzes", "Choix";
    goes_to = "Geht an", "Goes to", "Gaat naar", "Sera envoyé à";
    holds = "Enthält", "Contains", "Bevat", "Contient";
    decision: fn(Decision) -> &'static str =
        |decision| match decision { Decision::Attach => "Dokumente als Anhang", Decision::Link => "Link zum Portal" },
        |decision| match decision { Decision::Attach => "The documents, attached", Decision::Link => "A link to the portal" },
        |decision| match decision { Decision::Attach => "De documenten als bijlage", Decision::Link => "Een link naar het portaal" },
        |decision| match decision { Decision::Attach => "Les documents, en pièces jointes", Decision::Link => "Un lien vers le portail" };
    differs = "Anders als beim letzten Mal", "Different from last time", "Anders dan de vorige keer", "Différent de la dernière fois";
    same = "Nichts: wie beim letzten Mal.", "Nothing: the same as last time.", "Niets: zoals de vorige keer.", "Rien\u{a0}: comme la dernière fois.";
    warnings = "Zu beachten", "Please note", "Let op", "À noter";
    was_recipients: fn(&str) -> String =
        |was| format!("Empfänger war {was}"), |was| format!("The recipient was {was}"), |was| format!("De ontvanger was {was}"),
        |was| format!("Le destinataire était {was}");
    was_decision: fn(Decision) -> &'static str =
        |was| match was { Decision::Attach => "Beim letzten Mal waren die Dokumente angehängt", Decision::Link => "Beim letzten Mal war es ein Link" },
        |was| match was { Decision::Attach => "Last time the documents were attached", Decision::Link => "Last time it was a link" },
        |was| match was { Decision::Attach => "De vorige keer waren de documenten bijgevoegd", Decision::Link => "De vorige keer was het een link" },
        |was| match was { Decision::Attach => "La dernière fois, les documents étaient joints", Decision::Link => "La dernière fois, c’était un lien" };
    was_access: fn(&str) -> String =
        |was| format!("Beim letzten Mal galt: {was}"), |was| format!("Last time: {was}"), |was| format!("De vorige keer gold: {was}"),
        |was| format!("La dernière fois\u{a0}: {was}");
    was_version: fn(i64, i64) -> String =
        |was, is| format!("Einstellungen: Version {is} statt {was}"), |was, is| format!("Settings version {is} instead of {was}"), |was, is| format!("Instellingen: versie {is} in plaats van {was}"),
        |was, is| format!("Réglages\u{a0}: version {is} au lieu de {was}");
    was_sender: fn(&str, &str) -> String =
        |was, is| format!("Absender: {is} statt {was}"), |was, is| format!("Sender: {is} instead of {was}"), |was, is| format!("Afzender: {is} in plaats van {was}"),
        |was, is| format!("Expéditeur\u{a0}: {is} au lieu de {was}");
    was_relay: fn(&str, &str) -> String =
        |was, is| format!("Relay: {is} statt {was}"), |was, is| format!("Relay: {is} instead of {was}"), |was, is| format!("Relay: {is} in plaats van {was}"),
        |was, is| format!("Relais\u{a0}: {is} au lieu de {was}");
    was_template = "Die Vorlage hat sich geändert", "The template has changed", "Het sjabloon is gewijzigd", "Le modèle a changé";
    sent_ago: fn(&str) -> String =
        |ago| format!("Sie wurde erst vor {ago} gesendet."), |ago| format!("It was sent only {ago} ago."), |ago| format!("De e-mail is pas {ago} geleden verstuurd."),
        |ago| format!("Elle a été envoyée il y a seulement {ago}.");
    earlier_uncertain =
        "Die frühere kann angekommen sein: Der Kunde bekommt sie dann zweimal.",
        "The earlier one may have arrived: the customer then gets it twice.",
        "De eerdere e-mail kan zijn aangekomen: de klant krijgt die dan twee keer.",
        "La précédente est peut-être arrivée\u{a0}: le client la recevra alors deux fois.";
    earlier_cancelled =
        "Die frühere ist noch nicht gesendet; sie wird abgebrochen.",
        "The earlier one has not been sent yet; it will be cancelled.",
        "De eerdere e-mail is nog niet verstuurd; die wordt geannuleerd.",
        "La précédente n’a pas encore été envoyée\u{a0}; elle sera annulée.";
    rejected_before =
        "Diese Empfänger wurden beim letzten Mal abgelehnt.",
        "These recipients were refused the last time.",
        "Deze ontvangers werden de vorige keer geweigerd.",
        "Ces destinataires ont été refusés la dernière fois.";
    unknown_address =
        "Die Adresse steht weder im Ereignis noch in den Stammdaten. Haben Sie geprüft, mit wem Sie sprechen?",
        "The address is neither in the event nor on record. Have you checked whom you are talking to?",
        "Het adres staat niet in de gebeurtenis en niet in de stamgegevens. Hebt u nagegaan met wie u spreekt?",
        "L’adresse ne figure ni dans l’événement ni dans les données du client. Avez-vous vérifié à qui vous parlez\u{a0}?";
    expired = "Die Frist des Ereignisses ist verstrichen.", "The event’s deadline has passed.", "De termijn van de gebeurtenis is verstreken.", "Le délai de l’événement est dépassé.";
    documents_nowhere =
        "Der Kunde kann die Dokumente nirgends abrufen: Das Portal ist geschlossen.",
        "The customer can reach the documents nowhere: the portal is closed.",
        "De klant kan nergens bij de documenten: het portaal is gesloten.",
        "Le client ne peut consulter les documents nulle part\u{a0}: le portail est fermé.";
    tenant_paused = "Der Mandant ist angehalten: Sie geht erst danach hinaus.", "The tenant is paused: the email goes out only after that.", "De tenant is gepauzeerd: de e-mail gaat pas daarna de deur uit.", "Le mandant est suspendu\u{a0}: l’envoi ne partira qu’ensuite.";
    relay_paused = "Das Relay arbeitet gerade nicht: Sie geht hinaus, sobald es wieder arbeitet.", "The relay is not working at the moment: the email goes out as soon as it works again.", "De relay werkt nu niet: de e-mail gaat de deur uit zodra dat weer kan.", "Le relais ne fonctionne pas en ce moment\u{a0}: l’envoi part dès que possible.";
    overdue = "Die Rechnung ist inzwischen überfällig.", "The invoice is overdue by now.", "De vervaldatum van de factuur is inmiddels verstreken.", "L’échéance de la facture est désormais dépassée.";
    links_revoked: fn(u64) -> String =
        |count| match count { 1 => "1 früherer Link wird gesperrt.".to_owned(), count => format!("{count} frühere Links werden gesperrt.") },
        |count| match count { 1 => "1 earlier link stops working.".to_owned(), count => format!("{count} earlier links stop working.") },
        |count| match count { 1 => "1 eerdere link werkt niet meer.".to_owned(), count => format!("{count} eerdere links werken niet meer.") },
        |count| match count { 1 => "1 lien antérieur ne sera plus valable.".to_owned(), count => format!("{count} liens antérieurs ne seront plus valables.") };
    confirm_attach =
        "Stattdessen die Dokumente anhängen, obwohl die Adresse unbekannt ist",
        "Attach the documents instead, although this address is unknown",
        "In plaats daarvan de documenten bijvoegen, hoewel dit adres onbekend is",
        "Joindre plutôt les documents, bien que cette adresse soit inconnue";
    confirm_soon =
        "Ja, obwohl sie vor weniger als einer Minute gesendet wurde",
        "Yes, although it was sent less than a minute ago",
        "Ja, hoewel de e-mail minder dan een minuut geleden is verstuurd",
        "Oui, bien qu’elle ait été envoyée il y a moins d’une minute";
    reason_example = "Zum Beispiel: Kunde hat sie nicht erhalten", "For example: the customer did not get it", "Bijvoorbeeld: klant heeft de e-mail niet ontvangen", "Par exemple\u{a0}: le client ne l’a pas reçue";
    send = "Jetzt erneut senden", "Resend now", "Nu opnieuw versturen", "Renvoyer maintenant";
    problem: fn(ResendProblem) -> &'static str =
        |problem| match problem {
            ResendProblem::Incomplete => "Es fehlt noch etwas: ein Grund oder eine Bestätigung.",
            ResendProblem::PlanChanged => "Es wurde nichts gesendet: Der Plan hat sich geändert, seit Sie ihn gesehen haben. Bitte prüfen Sie ihn noch einmal.",
        },
        |problem| match problem {
            ResendProblem::Incomplete => "Something is missing: a reason or a confirmation.",
            ResendProblem::PlanChanged => "Nothing was sent: the plan has changed since you saw it. Please check it again.",
        },
        |problem| match problem {
            ResendProblem::Incomplete => "Er ontbreekt nog iets: een reden of een bevestiging.",
            ResendProblem::PlanChanged => "Er is niets verstuurd: het plan is gewijzigd sinds u het zag. Controleer het nog eens.",
        },
        |problem| match problem {
            ResendProblem::Incomplete => "Il manque quelque chose\u{a0}: un motif ou une confirmation.",
            ResendProblem::PlanChanged => "Rien n’a été envoyé\u{a0}: le plan a changé depuis que vous l’avez vu. Veuillez le vérifier encore une fois.",
        };
    refused_title = "Das geht so nicht", "This cannot be sent", "Dit kan zo niet", "Ce n’est pas possible ainsi";
    sending =
        "Sie wird gerade gesendet. Die Seite wartet, bis das zu Ende ist.",
        "It is being sent right now. The page waits until that has ended.",
        "De e-mail wordt op dit moment verstuurd. De pagina wacht tot dat klaar is.",
        "L’envoi est en cours. La page attend qu’il soit terminé.";
    forgotten =
        "Die Daten des Ereignisses sind gelöscht. Die Abrechnung kann die Rechnung neu veröffentlichen.",
        "The event’s data has been deleted. Billing can publish the invoice again.",
        "De gegevens van de gebeurtenis zijn verwijderd. De facturatie kan de factuur opnieuw publiceren.",
        "Les données de l’événement sont effacées. La facturation peut republier la facture.";
    unknown_customer =
        "Der Kunde ist nicht mehr bekannt; er muss zuerst importiert werden.",
        "The customer is no longer known and has to be imported first.",
        "De klant is niet meer bekend en moet eerst worden geïmporteerd.",
        "Le client n’est plus connu et doit d’abord être importé.";
    bad_address: fn(&str) -> String =
        |why| format!("Die Adresse ist nicht brauchbar: {why}"), |why| format!("The address cannot be used: {why}"), |why| format!("Het adres is niet bruikbaar: {why}"),
        |why| format!("L’adresse n’est pas utilisable\u{a0}: {why}");
    bad_recipient: fn(&str) -> String =
        |why| format!("Die Adresse der Rechnung ist nicht brauchbar: {why}. Nennen Sie eine andere."),
        |why| format!("The invoice’s own address cannot be used: {why}. Name another one."),
        |why| format!("Het adres van de factuur is niet bruikbaar: {why}. Noem een ander."),
        |why| format!("L’adresse de la facture n’est pas utilisable\u{a0}: {why}. Indiquez-en une autre.");
    must_fail: fn(&str) -> String =
        |why| format!("Sie würde scheitern: {why}"), |why| format!("It would fail: {why}"), |why| format!("De verzending zou mislukken: {why}"),
        |why| format!("L’envoi échouerait\u{a0}: {why}");
    ambiguous =
        "Unter dieser Nummer gibt es mehrere Rechnungen. Öffnen Sie die richtige, und senden Sie von dort.",
        "Several invoices have this number. Open the right one and resend from there.",
        "Er zijn meerdere facturen met dit nummer. Open de juiste en verstuur die van daaruit.",
        "Plusieurs factures ont ce numéro. Ouvrez la bonne et renvoyez-la depuis sa page.";
} }

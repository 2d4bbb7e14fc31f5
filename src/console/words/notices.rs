//! Pages with nothing but a message.

use super::words;

/// A title and the paragraph below it.
#[derive(Debug, Clone, Copy)]
pub struct ConsoleNotice {
    pub title: &'static str,
    pub text: &'static str,
}

const fn notice(title: &'static str, text: &'static str) -> ConsoleNotice {
    ConsoleNotice { title, text }
}

words! { NoticeTexts {
    not_found: ConsoleNotice =
        notice("Nicht gefunden", "Das gibt es nicht, oder es gehört zu einem Mandanten, den Sie nicht sehen dürfen."),
        notice("Not found", "It does not exist, or it belongs to a tenant that you may not see."),
        notice("Niet gevonden", "Dit bestaat niet, of het hoort bij een tenant die u niet mag zien."),
        notice("Introuvable", "Cela n’existe pas, ou appartient à un mandant que vous ne pouvez pas voir.");
    forbidden: ConsoleNotice =
        notice("Dafür reicht Ihre Rolle nicht", "Fragen Sie jemanden mit der Rolle Administration, wenn Sie das brauchen. Der Versuch steht im Audit-Protokoll."),
        notice("Your role does not allow this", "Ask an admin if you need it. The attempt is recorded in the audit log."),
        notice("Uw rol staat dit niet toe", "Vraag een beheerder als u dit nodig hebt. De poging staat in het auditlog."),
        notice("Votre rôle ne le permet pas", "Demandez à une personne de l’administration si vous en avez besoin. La tentative figure dans le journal d’audit.");
    form_outdated: ConsoleNotice =
        notice("Bitte laden Sie die Seite neu", "Das Formular war nicht mehr aktuell; es ist nichts geschehen. Gehen Sie zurück, laden Sie die Seite neu, und versuchen Sie es noch einmal."),
        notice("Please reload the page", "The form was out of date; nothing has happened. Go back, reload the page and try again."),
        notice("Laad de pagina opnieuw", "Het formulier was verouderd; er is niets gebeurd. Ga terug, laad de pagina opnieuw en probeer het nog eens."),
        notice("Veuillez recharger la page", "Le formulaire n’était plus à jour\u{a0}; rien ne s’est passé. Revenez en arrière, rechargez la page et réessayez.");
    form_unreadable: ConsoleNotice =
        notice("Das Formular ist nicht lesbar", "Ein Feld kam doppelt oder unvollständig an; es ist nichts geschehen. Gehen Sie zurück, laden Sie die Seite neu, und versuchen Sie es noch einmal."),
        notice("The form cannot be read", "A field arrived twice or incomplete; nothing has happened. Go back, reload the page and try again."),
        notice("Het formulier is niet leesbaar", "Een veld kwam dubbel of onvolledig aan; er is niets gebeurd. Ga terug, laad de pagina opnieuw en probeer het nog eens."),
        notice("Le formulaire est illisible", "Un champ est arrivé en double ou incomplet\u{a0}; rien ne s’est passé. Revenez en arrière, rechargez la page et réessayez.");
    cursor_unknown: ConsoleNotice =
        notice("Hier geht die Liste nicht weiter", "In der Adresse steht nicht, wo die Seite davor zu Ende war. Beginnen Sie die Liste von vorn."),
        notice("The list cannot be continued here", "The address does not say where the previous page ended. Start the list again."),
        notice("De lijst gaat hier niet verder", "In het adres staat niet waar de vorige pagina eindigde. Begin de lijst opnieuw."),
        notice("La liste ne continue pas ici", "L’adresse ne dit pas où la page précédente s’est terminée. Recommencez la liste.");
    conflict: ConsoleNotice =
        notice("Inzwischen ist etwas anderes geschehen", "Was Sie vorhatten, geht in diesem Zustand nicht mehr. Sehen Sie sich an, wie es jetzt steht."),
        notice("Something else has happened meanwhile", "What you wanted is no longer possible in this state. Have a look at how it stands now."),
        notice("Intussen is er iets anders gebeurd", "Wat u wilde, kan in deze toestand niet meer. Bekijk hoe het er nu voor staat."),
        notice("Autre chose s’est passé entre-temps", "Ce que vous vouliez faire n’est plus possible dans cet état. Regardez où en sont les choses.");
    session_over: ConsoleNotice =
        notice("Ihre Sitzung ist zu Ende", "Bitte melden Sie sich noch einmal an."),
        notice("Your session has ended", "Please sign in again."),
        notice("Uw sessie is afgelopen", "Meld u opnieuw aan."),
        notice("Votre session est terminée", "Veuillez vous reconnecter.");
    invitation_unknown: ConsoleNotice =
        notice("Diese Einladung gilt nicht mehr", "Jede gilt einmal und nur einige Tage. Bitten Sie um eine neue."),
        notice("This invitation no longer works", "Each works once, and for a few days only. Ask for a new one."),
        notice("Deze uitnodiging werkt niet meer", "Een uitnodiging werkt één keer en maar enkele dagen. Vraag een nieuwe aan."),
        notice("Cette invitation n’est plus valable", "Chacune sert une fois, et quelques jours seulement. Demandez-en une nouvelle.");
    too_many: ConsoleNotice =
        notice("Zu viele Anfragen", "Bitte warten Sie einen Moment."),
        notice("Too many requests", "Please wait a moment."),
        notice("Te veel verzoeken", "Wacht even."),
        notice("Trop de requêtes", "Veuillez patienter un instant.");
    failed: ConsoleNotice =
        notice("Das hat nicht geklappt", "Der Fehler liegt beim Dienst, nicht bei Ihnen. Ob etwas geschehen ist, zeigt die Seite der Rechnung."),
        notice("That did not work", "The fault is the service’s, not yours. The invoice’s page shows whether anything has happened."),
        notice("Dat is niet gelukt", "De fout ligt bij de dienst, niet bij u. De pagina van de factuur laat zien of er iets is gebeurd."),
        notice("Cela n’a pas fonctionné", "L’erreur vient du service, pas de vous. La page de la facture montre si quelque chose s’est passé.");
    unavailable: ConsoleNotice =
        notice("Die Datenbank antwortet nicht", "Bitte versuchen Sie es gleich noch einmal."),
        notice("The database does not answer", "Please try again in a moment."),
        notice("De database reageert niet", "Probeer het zo nog eens."),
        notice("La base de données ne répond pas", "Veuillez réessayer dans un instant.");
    try_again: fn(&str) -> String =
        |wait| format!("Versuchen Sie es {wait} noch einmal."), |wait| format!("Please try again {wait}."), |wait| format!("Probeer het {wait} opnieuw."),
        |wait| format!("Veuillez réessayer {wait}.");
    to_start = "Zur Arbeitsliste", "To the work list", "Naar de werklijst", "Vers la liste à traiter";
    to_sign_in = "Zur Anmeldung", "To the sign-in", "Naar de aanmelding", "Vers la connexion";
} }

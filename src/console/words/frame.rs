//! Around every page, and words that several pages use.

use std::time::Duration;

use super::words;
use crate::console::terms::{ActionDone, NavItem};
use crate::model::access::Role;

words! { FrameWords {
    language_name = "Deutsch", "English", "Nederlands", "Français";
    skip = "Zum Inhalt", "Skip to content", "Naar de inhoud", "Aller au contenu";
    navigation = "Bereiche", "Sections", "Onderdelen", "Rubriques";
    menu = "Menü", "Menu", "Menu", "Menu";
    administration = "Verwaltung", "Administration", "Beheer", "Administration";
    language = "Sprache", "Language", "Taal", "Langue";
    account = "Konto", "Account", "Account", "Compte";
    sign_out = "Abmelden", "Sign out", "Afmelden", "Se déconnecter";
    search = "Suchen", "Search", "Zoeken", "Rechercher";
    search_everything =
        "Rechnungsnummer, Kunde, E-Mail-Adresse …",
        "Invoice number, customer, email address …",
        "Factuurnummer, klant, e-mailadres …",
        "Numéro de facture, client, adresse e-mail …";
    search_key = "Taste /", "Press /", "Toets /", "Touche /";
    tenant = "Mandant", "Tenant", "Tenant", "Mandant";
    tenants = "Mandanten", "Tenants", "Tenants", "Mandants";
    all_tenants = "Alle Mandanten", "All tenants", "Alle tenants", "Tous les mandants";
    customer = "Kunde", "Customer", "Klant", "Client";
    number = "Nummer", "Number", "Nummer", "Numéro";
    kind = "Art", "Kind", "Soort", "Type";
    state = "Status", "State", "Status", "État";
    recipient = "Empfänger", "Recipient", "Ontvanger", "Destinataire";
    reason = "Grund", "Reason", "Reden", "Motif";
    reason_hint =
        "Steht im Verlauf und im Audit-Protokoll. Bitte keine persönlichen Angaben.",
        "Kept in the timeline and the audit log. No personal details, please.",
        "Komt in de tijdlijn en het auditlog. Geen persoonsgegevens, alstublieft.",
        "Figure dans l’historique et le journal d’audit. Pas de données personnelles, s’il vous plaît.";
    reason_missing = "Bitte geben Sie einen Grund an.", "Please give a reason.", "Geef een reden op.", "Veuillez indiquer un motif.";
    since = "Seit", "Since", "Sinds", "Depuis";
    until = "Bis", "Until", "Tot", "Jusqu’au";
    when = "Wann", "When", "Wanneer", "Quand";
    who = "Wer", "Who", "Wie", "Qui";
    name = "Name", "Name", "Naam", "Nom";
    email = "E-Mail-Adresse", "Email address", "E-mailadres", "Adresse e-mail";
    role_label = "Rolle", "Role", "Rol", "Rôle";
    next_page = "Weitere anzeigen", "Show more", "Meer tonen", "Afficher la suite";
    from_start = "Zum Anfang", "Back to the start", "Naar het begin", "Retour au début";
    cancel = "Abbrechen", "Cancel", "Annuleren", "Annuler";
    close = "Schließen", "Close", "Sluiten", "Fermer";
    save = "Speichern", "Save", "Opslaan", "Enregistrer";
    apply = "Anwenden", "Apply", "Toepassen", "Appliquer";
    copy = "Kopieren", "Copy", "Kopiëren", "Copier";
    copied = "Kopiert", "Copied", "Gekopieerd", "Copié";
    error_prefix = "Fehler", "Error", "Fout", "Erreur";
    /// Between a label and what it names; French sets it off.
    colon = ":", ":", ":", "\u{a0}:";
    never = "nie", "never", "nooit", "jamais";
    nothing = "–", "–", "–", "–";
    optional = "optional", "optional", "optioneel", "facultatif";
    masked =
        "Namen und Adressen sind in Listen verkürzt.",
        "Names and addresses are shortened in lists.",
        "Namen en adressen zijn in lijsten verkort.",
        "Dans les listes, les noms et adresses sont abrégés.";
    export_csv = "Als CSV exportieren", "Export as CSV", "Exporteren als CSV", "Exporter en CSV";
    /// How long something has lasted.
    age: fn(Duration) -> String =
        |time| age(time, ["s", "min", "h", "T"]), |time| age(time, ["s", "min", "h", "d"]), |time| age(time, ["s", "min", "u", "d"]),
        |time| age(time, ["s", "min", "h", "j"]);
    /// From now on.
    wait: fn(Duration) -> String =
        |time| match minutes(time) { 1 => "in 1 Minute".to_owned(), minutes => format!("in {minutes} Minuten") },
        |time| match minutes(time) { 1 => "in 1 minute".to_owned(), minutes => format!("in {minutes} minutes") },
        |time| match minutes(time) { 1 => "over 1 minuut".to_owned(), minutes => format!("over {minutes} minuten") },
        |time| match minutes(time) { 1 => "dans 1 minute".to_owned(), minutes => format!("dans {minutes} minutes") };
    nav: fn(NavItem) -> &'static str =
        |item| match item {
            NavItem::Work => "Arbeitsliste",
            NavItem::Search => "Suche",
            NavItem::Tenants => "Mandanten",
            NavItem::Settings => "Kundenportal",
            NavItem::Operators => "Personen",
            NavItem::Tokens => "Tokens",
            NavItem::Audit => "Audit-Protokoll",
            NavItem::Account => "Mein Konto",
        },
        |item| match item {
            NavItem::Work => "Work list",
            NavItem::Search => "Search",
            NavItem::Tenants => "Tenants",
            NavItem::Settings => "Customer portal",
            NavItem::Operators => "People",
            NavItem::Tokens => "Tokens",
            NavItem::Audit => "Audit log",
            NavItem::Account => "My account",
        },
        |item| match item {
            NavItem::Work => "Werklijst",
            NavItem::Search => "Zoeken",
            NavItem::Tenants => "Tenants",
            NavItem::Settings => "Klantportaal",
            NavItem::Operators => "Personen",
            NavItem::Tokens => "Tokens",
            NavItem::Audit => "Auditlog",
            NavItem::Account => "Mijn account",
        },
        |item| match item {
            NavItem::Work => "À traiter",
            NavItem::Search => "Recherche",
            NavItem::Tenants => "Mandants",
            NavItem::Settings => "Portail client",
            NavItem::Operators => "Personnes",
            NavItem::Tokens => "Jetons",
            NavItem::Audit => "Journal d’audit",
            NavItem::Account => "Mon compte",
        };
    role: fn(Role) -> &'static str =
        |role| match role {
            Role::Viewer => "Einsicht",
            Role::Support => "Support",
            Role::Operations => "Betrieb",
            Role::Admin => "Administration",
            Role::TenantAdmin => "Mandanten-Administration",
            Role::Billing => "Abrechnungssystem",
        },
        |role| match role {
            Role::Viewer => "Viewer",
            Role::Support => "Support",
            Role::Operations => "Operations",
            Role::Admin => "Admin",
            Role::TenantAdmin => "Tenant admin",
            Role::Billing => "Billing system",
        },
        |role| match role {
            Role::Viewer => "Inzage",
            Role::Support => "Support",
            Role::Operations => "Beheer van verzending",
            Role::Admin => "Beheerder",
            Role::TenantAdmin => "Tenantbeheerder",
            Role::Billing => "Facturatiesysteem",
        },
        |role| match role {
            Role::Viewer => "Consultation",
            Role::Support => "Support",
            Role::Operations => "Exploitation",
            Role::Admin => "Administration",
            Role::TenantAdmin => "Administration de mandant",
            Role::Billing => "Système de facturation",
        };
    role_means: fn(Role) -> &'static str =
        |role| match role {
            Role::Viewer => "sieht alles, persönliche Daten verkürzt; ändert nichts",
            Role::Support => "öffnet Rechnungen und Kunden, sendet erneut, sperrt Links",
            Role::Operations => "wie Support, dazu Relays, Dead Letters, Pausen",
            Role::Admin => "alles, auch Einstellungen, Personen und Tokens",
            Role::TenantAdmin => "wie Support, dazu die Einstellungen: nur für genannte Mandanten",
            Role::Billing => "veröffentlicht Ereignisse und Stammdaten; liest keine Kunden",
        },
        |role| match role {
            Role::Viewer => "sees everything, personal data shortened; changes nothing",
            Role::Support => "opens invoices and customers, resends, revokes links",
            Role::Operations => "like support, plus relays, dead letters, pauses",
            Role::Admin => "everything, also settings, people and tokens",
            Role::TenantAdmin => "like support, plus the settings: for named tenants only",
            Role::Billing => "publishes events and master data; cannot read customers",
        },
        |role| match role {
            Role::Viewer => "ziet alles, persoonsgegevens verkort; wijzigt niets",
            Role::Support => "opent facturen en klanten, verstuurt opnieuw, trekt links in",
            Role::Operations => "zoals support, plus relays, dead letters, pauzes",
            Role::Admin => "alles, ook instellingen, personen en tokens",
            Role::TenantAdmin => "zoals support, plus de instellingen: alleen van genoemde tenants",
            Role::Billing => "publiceert gebeurtenissen en stamgegevens; leest geen klanten",
        },
        |role| match role {
            Role::Viewer => "voit tout, données personnelles abrégées\u{a0}; ne modifie rien",
            Role::Support => "ouvre factures et clients, renvoie, révoque des liens",
            Role::Operations => "comme le support, plus relais, dead letters, pauses",
            Role::Admin => "tout, y compris réglages, personnes et jetons",
            Role::TenantAdmin => "comme le support, plus les réglages\u{a0}: pour certains mandants seulement",
            Role::Billing => "publie événements et données de base\u{a0}; ne lit aucun client",
        };
    done: fn(ActionDone) -> &'static str =
        |done| match done {
            ActionDone::Resent => "Wird erneut gesendet. Diese Seite zeigt, wie es ausgeht.",
            ActionDone::ResentBefore => "Das Formular kam zweimal an; es wird nur einmal gesendet.",
            ActionDone::Cancelled => "Der Versand ist abgebrochen.",
            ActionDone::SentNow => "Wird als Nächstes gesendet.",
            ActionDone::MarkedSent => "Als gesendet vermerkt.",
            ActionDone::Acknowledged => "Erledigt: steht nicht mehr auf der Arbeitsliste.",
            ActionDone::LinksRevoked => "Die Links öffnen nichts mehr.",
            ActionDone::LockLifted => "Die Sperre ist aufgehoben.",
            ActionDone::Paused => "Der Versand ist angehalten.",
            ActionDone::Resumed => "Der Versand läuft wieder.",
            ActionDone::SettingsSaved => "Gespeichert. Gilt ab der nächsten E-Mail und dem nächsten Aufruf im Portal.",
            ActionDone::SettingsUnchanged => "Es war nichts geändert; es gilt weiter dieselbe Version.",
            ActionDone::TestSent => "Der Test ist unterwegs an Ihre Adresse.",
            ActionDone::OperatorChanged => "Geändert. Gilt ab sofort, auch für laufende Sitzungen.",
            ActionDone::OperatorDisabled => "Gesperrt. Alle Sitzungen sind beendet.",
            ActionDone::OperatorEnabled => "Wieder entsperrt.",
            ActionDone::TotpReset => "Die Authenticator-App wird bei der nächsten Anmeldung neu eingerichtet.",
            ActionDone::TokenRevoked => "Der Token gilt nicht mehr.",
            ActionDone::PasswordChanged => "Das Passwort ist geändert. Andere Sitzungen sind beendet.",
            ActionDone::TotpSetUp => "Die Authenticator-App ist eingerichtet.",
            ActionDone::SessionEnded => "Die Sitzung ist beendet.",
            ActionDone::OtherSessionsEnded => "Alle anderen Sitzungen sind beendet.",
        },
        |done| match done {
            ActionDone::Resent => "It is being sent again. This page shows how it ends.",
            ActionDone::ResentBefore => "The form arrived twice; the invoice is sent only once.",
            ActionDone::Cancelled => "The delivery is cancelled.",
            ActionDone::SentNow => "It will be sent next.",
            ActionDone::MarkedSent => "Marked as sent.",
            ActionDone::Acknowledged => "Done: it is no longer on the work list.",
            ActionDone::LinksRevoked => "The links no longer open anything.",
            ActionDone::LockLifted => "The lock is lifted.",
            ActionDone::Paused => "Sending is paused.",
            ActionDone::Resumed => "Sending has resumed.",
            ActionDone::SettingsSaved => "Saved. Applies from the next email and the next request in the portal.",
            ActionDone::SettingsUnchanged => "Nothing was changed; the same version still applies.",
            ActionDone::TestSent => "The test is on its way to your own address.",
            ActionDone::OperatorChanged => "Changed. Applies at once, to open sessions too.",
            ActionDone::OperatorDisabled => "Disabled. All sessions have ended.",
            ActionDone::OperatorEnabled => "Enabled again.",
            ActionDone::TotpReset => "The authenticator app is set up anew at the next sign-in.",
            ActionDone::TokenRevoked => "The token is no longer valid.",
            ActionDone::PasswordChanged => "The password is changed. Other sessions have ended.",
            ActionDone::TotpSetUp => "The authenticator app is set up.",
            ActionDone::SessionEnded => "The session has ended.",
            ActionDone::OtherSessionsEnded => "All other sessions have ended.",
        },
        |done| match done {
            ActionDone::Resent => "Wordt opnieuw verstuurd. Deze pagina laat zien hoe het afloopt.",
            ActionDone::ResentBefore => "Het formulier kwam twee keer binnen; er wordt maar één keer verstuurd.",
            ActionDone::Cancelled => "De verzending is geannuleerd.",
            ActionDone::SentNow => "Wordt als volgende verstuurd.",
            ActionDone::MarkedSent => "Als verzonden gemarkeerd.",
            ActionDone::Acknowledged => "Afgehandeld: staat niet meer op de werklijst.",
            ActionDone::LinksRevoked => "De links openen niets meer.",
            ActionDone::LockLifted => "De blokkering is opgeheven.",
            ActionDone::Paused => "Het versturen is gepauzeerd.",
            ActionDone::Resumed => "Het versturen gaat verder.",
            ActionDone::SettingsSaved => "Opgeslagen. Geldt vanaf de volgende e-mail en het volgende bezoek aan het portaal.",
            ActionDone::SettingsUnchanged => "Er was niets gewijzigd; dezelfde versie blijft gelden.",
            ActionDone::TestSent => "De test is onderweg naar uw eigen adres.",
            ActionDone::OperatorChanged => "Gewijzigd. Geldt direct, ook voor open sessies.",
            ActionDone::OperatorDisabled => "Geblokkeerd. Alle sessies zijn beëindigd.",
            ActionDone::OperatorEnabled => "Weer gedeblokkeerd.",
            ActionDone::TotpReset => "De authenticator-app wordt bij de volgende aanmelding opnieuw ingesteld.",
            ActionDone::TokenRevoked => "De token is niet meer geldig.",
            ActionDone::PasswordChanged => "Het wachtwoord is gewijzigd. Andere sessies zijn beëindigd.",
            ActionDone::TotpSetUp => "De authenticator-app is ingesteld.",
            ActionDone::SessionEnded => "De sessie is beëindigd.",
            ActionDone::OtherSessionsEnded => "Alle andere sessies zijn beëindigd.",
        },
        |done| match done {
            ActionDone::Resent => "Le renvoi est en cours. Cette page montre comment il se termine.",
            ActionDone::ResentBefore => "Le formulaire est arrivé deux fois\u{a0}; un seul envoi part.",
            ActionDone::Cancelled => "L’envoi est annulé.",
            ActionDone::SentNow => "La facture sera envoyée en premier.",
            ActionDone::MarkedSent => "Marqué comme envoyé.",
            ActionDone::Acknowledged => "Traité\u{a0}: n’est plus dans la liste.",
            ActionDone::LinksRevoked => "Les liens n’ouvrent plus rien.",
            ActionDone::LockLifted => "Le blocage est levé.",
            ActionDone::Paused => "L’envoi est suspendu.",
            ActionDone::Resumed => "L’envoi reprend.",
            ActionDone::SettingsSaved => "Enregistré. Valable dès le prochain e-mail et la prochaine visite du portail.",
            ActionDone::SettingsUnchanged => "Rien n’avait changé\u{a0}; la même version reste valable.",
            ActionDone::TestSent => "Le test part à votre propre adresse.",
            ActionDone::OperatorChanged => "Modifié. Valable immédiatement, aussi pour les sessions ouvertes.",
            ActionDone::OperatorDisabled => "Bloqué. Toutes les sessions sont terminées.",
            ActionDone::OperatorEnabled => "De nouveau débloqué.",
            ActionDone::TotpReset => "L’application d’authentification sera reconfigurée à la prochaine connexion.",
            ActionDone::TokenRevoked => "Le jeton n’est plus valable.",
            ActionDone::PasswordChanged => "Le mot de passe est modifié. Les autres sessions sont terminées.",
            ActionDone::TotpSetUp => "L’application d’authentification est configurée.",
            ActionDone::SessionEnded => "La session est terminée.",
            ActionDone::OtherSessionsEnded => "Toutes les autres sessions sont terminées.",
        };
} }

/// In the largest unit that it fills: seconds, minutes, hours, days.
fn age(time: Duration, units: [&str; 4]) -> String {
    let seconds = time.as_secs();
    let (count, unit) = match seconds {
        0..60 => (seconds, units[0]),
        60..3_600 => (seconds / 60, units[1]),
        3_600..172_800 => (seconds / 3_600, units[2]),
        _ => (seconds / 86_400, units[3]),
    };
    format!("{count}\u{a0}{unit}")
}

/// Rounded up: at the time that is named, the wait is over.
fn minutes(time: Duration) -> u64 {
    time.as_secs().div_ceil(60).max(1)
}

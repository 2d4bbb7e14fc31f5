//! The entries of the timeline.

use super::words;
use crate::model::portal_event::PortalEventKind;
use crate::model::settings::VerificationMethod;
use crate::model::state::{Concluded, Decision, DeliveryRole};
use crate::policy::decision::{PortalAccess, Reason};

words! { TimelineWords {
    received = "Ereignis eingegangen", "Event received", "Gebeurtenis ontvangen", "Événement reçu";
    received_by: fn(&str, &str) -> String =
        |via, source| format!("über {via}, von {source}"), |via, source| format!("via {via}, from {source}"), |via, source| format!("via {via}, van {source}"),
        |via, source| format!("par {via}, de {source}");
    forgotten = "Seine Bytes sind gelöscht.", "Its bytes have been deleted.", "De bytes zijn verwijderd.", "Ses octets ont été effacés.";
    waiting = "Ereignis wartet", "Event waits", "Gebeurtenis wacht", "Événement en attente";
    made: fn(DeliveryRole) -> &'static str =
        |role| match role { DeliveryRole::Main => "E-Mail vorgesehen", DeliveryRole::Bcc => "Bcc-E-Mail vorgesehen", DeliveryRole::Rest => "E-Mail an die übrigen Empfänger vorgesehen" },
        |role| match role { DeliveryRole::Main => "Email planned", DeliveryRole::Bcc => "Bcc email planned", DeliveryRole::Rest => "Email to the remaining recipients planned" },
        |role| match role { DeliveryRole::Main => "E-mail gepland", DeliveryRole::Bcc => "Bcc-e-mail gepland", DeliveryRole::Rest => "E-mail aan de overige ontvangers gepland" },
        |role| match role { DeliveryRole::Main => "E-mail prévu", DeliveryRole::Bcc => "E-mail Cci prévu", DeliveryRole::Rest => "E-mail aux autres destinataires prévu" };
    to: fn(&str) -> String = |to| format!("an {to}"), |to| format!("to {to}"), |to| format!("aan {to}"), |to| format!("à {to}");
    resent = "Erneut gesendet", "Resent", "Opnieuw verstuurd", "Renvoyée";
    resent_by: fn(&str) -> String = |who| format!("von {who}"), |who| format!("by {who}"), |who| format!("door {who}"), |who| format!("par {who}");
    unknown_address =
        "Die Adresse stand weder im Ereignis noch in den Stammdaten.",
        "The address was neither in the event nor on record.",
        "Het adres stond niet in de gebeurtenis en niet in de stamgegevens.",
        "L’adresse ne figurait ni dans l’événement ni dans les données du client.";
    decided: fn(Decision) -> &'static str =
        |decision| match decision { Decision::Attach => "Entscheidung: Dokumente anhängen", Decision::Link => "Entscheidung: Link statt Anhang" },
        |decision| match decision { Decision::Attach => "Decision: attach the documents", Decision::Link => "Decision: a link instead of attachments" },
        |decision| match decision { Decision::Attach => "Beslissing: documenten bijvoegen", Decision::Link => "Beslissing: link in plaats van bijlage" },
        |decision| match decision { Decision::Attach => "Décision\u{a0}: joindre les documents", Decision::Link => "Décision\u{a0}: lien au lieu de pièces jointes" };
    decision_reason: fn(Reason) -> &'static str =
        |reason| match reason {
            Reason::PolicyInclude => "Die Einstellungen hängen Dokumente für alle Kunden an.",
            Reason::PolicyExclude => "Die Einstellungen hängen für keinen Kunden Dokumente an.",
            Reason::BusinessCustomer => "Geschäftskunde: Die Einstellungen hängen Dokumente für Geschäftskunden an.",
            Reason::PrivateCustomer => "Privatkunde: Die Einstellungen hängen Dokumente nur für Geschäftskunden an.",
            Reason::UnknownCustomerType => "Die Kundenart ist unbekannt und zählt als privat; angehängt wird nur für Geschäftskunden.",
            Reason::TooLarge => "Mit den Dokumenten wäre die E-Mail größer, als das Relay annimmt.",
            Reason::LinkOnly => "Eine Person hat um einen Link gebeten.",
            Reason::EarlierDecision => "Bei einem früheren Versuch wurde ein Link gewählt; ein weiterer lockert das nie.",
        },
        |reason| match reason {
            Reason::PolicyInclude => "The settings attach documents for all customers.",
            Reason::PolicyExclude => "The settings attach documents for no customer.",
            Reason::BusinessCustomer => "Business customer: the settings attach documents for business customers.",
            Reason::PrivateCustomer => "Private customer: the settings attach documents for business customers only.",
            Reason::UnknownCustomerType => "The customer’s type is unknown and counts as private; documents are attached for business customers only.",
            Reason::TooLarge => "With the documents the email would be larger than the relay accepts.",
            Reason::LinkOnly => "A person asked for a link.",
            Reason::EarlierDecision => "An earlier attempt decided on a link; a retry never loosens that.",
        },
        |reason| match reason {
            Reason::PolicyInclude => "De instellingen voegen voor alle klanten documenten bij.",
            Reason::PolicyExclude => "De instellingen voegen voor geen enkele klant documenten bij.",
            Reason::BusinessCustomer => "Zakelijke klant: de instellingen voegen documenten bij voor zakelijke klanten.",
            Reason::PrivateCustomer => "Particuliere klant: de instellingen voegen alleen voor zakelijke klanten documenten bij.",
            Reason::UnknownCustomerType => "De soort klant is onbekend en telt als particulier; alleen voor zakelijke klanten worden documenten bijgevoegd.",
            Reason::TooLarge => "Met de documenten zou de e-mail groter zijn dan de relay aanneemt.",
            Reason::LinkOnly => "Iemand vroeg om een link.",
            Reason::EarlierDecision => "Een eerdere poging besloot tot een link; een volgende versoepelt dat nooit.",
        },
        |reason| match reason {
            Reason::PolicyInclude => "Les réglages joignent les documents pour tous les clients.",
            Reason::PolicyExclude => "Les réglages ne joignent de documents pour aucun client.",
            Reason::BusinessCustomer => "Client professionnel\u{a0}: les réglages joignent les documents pour les professionnels.",
            Reason::PrivateCustomer => "Client particulier\u{a0}: les réglages ne joignent les documents que pour les professionnels.",
            Reason::UnknownCustomerType => "Le type du client est inconnu et compte comme particulier\u{a0}; les documents ne sont joints que pour les professionnels.",
            Reason::TooLarge => "Avec les documents, l’e-mail serait plus volumineux que ce que le relais accepte.",
            Reason::LinkOnly => "Une personne a demandé un lien.",
            Reason::EarlierDecision => "Une tentative antérieure a retenu un lien\u{a0}; une nouvelle tentative n’assouplit jamais ce choix.",
        };
    /// In place of `decision_reason` where nobody asked for the link; true of a plan and of what was done.
    link_by_default =
        "An eine Adresse, die weder im Ereignis noch in den Stammdaten steht, wird standardmäßig ein Link gesendet.",
        "To an address that is neither in the event nor on record, a link is sent by default.",
        "Naar een adres dat niet in de gebeurtenis en niet in de stamgegevens staat, gaat standaard een link.",
        "À une adresse qui ne figure ni dans l’événement ni dans les données du client, un lien est envoyé par défaut.";
    access: fn(PortalAccess) -> &'static str =
        |access| match access {
            PortalAccess::Open => "Der Link öffnet die Dokumente.",
            PortalAccess::Verified => "Die Dokumente öffnen sich nach einer Prüfung.",
            PortalAccess::EveryPageVerified => "Jede Seite öffnet sich erst nach einer Prüfung.",
            PortalAccess::Closed => "Die Dokumente sind im Portal niemandem zugänglich.",
        },
        |access| match access {
            PortalAccess::Open => "The link opens the documents.",
            PortalAccess::Verified => "The documents open after verification.",
            PortalAccess::EveryPageVerified => "Every page opens only after verification.",
            PortalAccess::Closed => "The documents are accessible to nobody in the portal.",
        },
        |access| match access {
            PortalAccess::Open => "De link opent de documenten.",
            PortalAccess::Verified => "De documenten openen na verificatie.",
            PortalAccess::EveryPageVerified => "Elke pagina opent pas na verificatie.",
            PortalAccess::Closed => "De documenten zijn in het portaal voor niemand toegankelijk.",
        },
        |access| match access {
            PortalAccess::Open => "Le lien ouvre les documents.",
            PortalAccess::Verified => "Les documents s’ouvrent après vérification.",
            PortalAccess::EveryPageVerified => "Chaque page ne s’ouvre qu’après vérification.",
            PortalAccess::Closed => "Dans le portail, les documents ne sont accessibles à personne.",
        };
    method: fn(VerificationMethod) -> &'static str =
        |method| match method { VerificationMethod::PostcodeHouseNumber => "Postleitzahl und Hausnummer", VerificationMethod::SmsOtp => "Code per SMS" },
        |method| match method { VerificationMethod::PostcodeHouseNumber => "postcode and house number", VerificationMethod::SmsOtp => "code by text message" },
        |method| match method { VerificationMethod::PostcodeHouseNumber => "postcode en huisnummer", VerificationMethod::SmsOtp => "code per sms" },
        |method| match method { VerificationMethod::PostcodeHouseNumber => "code postal et numéro de rue", VerificationMethod::SmsOtp => "code par SMS" };
    by_settings: fn(i64) -> String =
        |version| format!("Einstellungen, Version {version}"), |version| format!("settings version {version}"), |version| format!("instellingen, versie {version}"),
        |version| format!("réglages, version {version}");
    attempt: fn(u32) -> String =
        |number| format!("Versuch {number}"), |number| format!("Attempt {number}"), |number| format!("Poging {number}"),
        |number| format!("Tentative {number}");
    unended =
        "Wie er endete, ist nicht bekannt.", "How it ended is not known.", "Hoe die afliep, is niet bekend.",
        "On ne sait pas comment elle s’est terminée.";
    over: fn(&str) -> String = |relay| format!("über {relay}"), |relay| format!("via {relay}"), |relay| format!("via {relay}"), |relay| format!("par {relay}");
    at_phase: fn(&str) -> String = |phase| format!("bei {phase}"), |phase| format!("at {phase}"), |phase| format!("bij {phase}"), |phase| format!("à l’étape {phase}");
    next_try = "nächster Versuch", "next attempt", "volgende poging", "prochaine tentative";
    concluded: fn(Concluded) -> &'static str =
        |state| match state {
            Concluded::Sent => "Gesendet",
            Concluded::Rejected => "Abgelehnt",
            Concluded::Dead => "Gescheitert",
            Concluded::Discarded => "Verworfen",
            Concluded::Uncertain => "Ausgang ungewiss",
            Concluded::Cancelled => "Abgebrochen",
            Concluded::Expired => "Abgelaufen",
        },
        |state| match state {
            Concluded::Sent => "Sent",
            Concluded::Rejected => "Rejected",
            Concluded::Dead => "Failed",
            Concluded::Discarded => "Discarded",
            Concluded::Uncertain => "Outcome uncertain",
            Concluded::Cancelled => "Cancelled",
            Concluded::Expired => "Expired",
        },
        |state| match state {
            Concluded::Sent => "Verzonden",
            Concluded::Rejected => "Geweigerd",
            Concluded::Dead => "Mislukt",
            Concluded::Discarded => "Verworpen",
            Concluded::Uncertain => "Uitkomst onzeker",
            Concluded::Cancelled => "Geannuleerd",
            Concluded::Expired => "Verlopen",
        },
        |state| match state {
            Concluded::Sent => "Envoyée",
            Concluded::Rejected => "Refusée",
            Concluded::Dead => "Échouée",
            Concluded::Discarded => "Écartée",
            Concluded::Uncertain => "Issue incertaine",
            Concluded::Cancelled => "Annulée",
            Concluded::Expired => "Expirée",
        };
    note = "Vermerk", "Note", "Notitie", "Note";
    acknowledged = "Als erledigt vermerkt", "Acknowledged", "Afgehandeld", "Marquée comme traitée";
    portal: fn(PortalEventKind) -> &'static str =
        |kind| match kind {
            PortalEventKind::Opened => "Portal: Link geöffnet",
            PortalEventKind::VerificationAsked => "Portal: Prüfung verlangt",
            PortalEventKind::Verified => "Portal: geprüft",
            PortalEventKind::VerificationFailed => "Portal: Prüfung nicht bestanden",
            PortalEventKind::Locked => "Portal: Prüfung gesperrt",
            PortalEventKind::Downloaded => "Portal: Dokument heruntergeladen",
            PortalEventKind::FreshLinkAsked => "Portal: neuen Link angefordert",
        },
        |kind| match kind {
            PortalEventKind::Opened => "Portal: link opened",
            PortalEventKind::VerificationAsked => "Portal: verification requested",
            PortalEventKind::Verified => "Portal: verified",
            PortalEventKind::VerificationFailed => "Portal: verification failed",
            PortalEventKind::Locked => "Portal: verification locked",
            PortalEventKind::Downloaded => "Portal: document downloaded",
            PortalEventKind::FreshLinkAsked => "Portal: fresh link requested",
        },
        |kind| match kind {
            PortalEventKind::Opened => "Portaal: link geopend",
            PortalEventKind::VerificationAsked => "Portaal: verificatie gevraagd",
            PortalEventKind::Verified => "Portaal: geverifieerd",
            PortalEventKind::VerificationFailed => "Portaal: verificatie mislukt",
            PortalEventKind::Locked => "Portaal: verificatie geblokkeerd",
            PortalEventKind::Downloaded => "Portaal: document gedownload",
            PortalEventKind::FreshLinkAsked => "Portaal: nieuwe link gevraagd",
        },
        |kind| match kind {
            PortalEventKind::Opened => "Portail\u{a0}: lien ouvert",
            PortalEventKind::VerificationAsked => "Portail\u{a0}: vérification demandée",
            PortalEventKind::Verified => "Portail\u{a0}: vérifié",
            PortalEventKind::VerificationFailed => "Portail\u{a0}: vérification échouée",
            PortalEventKind::Locked => "Portail\u{a0}: vérification bloquée",
            PortalEventKind::Downloaded => "Portail\u{a0}: document téléchargé",
            PortalEventKind::FreshLinkAsked => "Portail\u{a0}: nouveau lien demandé",
        };
    link_revoked = "Links gesperrt", "Links revoked", "Links ingetrokken", "Liens révoqués";
    dead_letter = "Dead Letter", "Dead letter", "Dead letter", "Dead letter";
    redriven = "Dead Letter wieder aufgenommen", "Dead letter redriven", "Dead letter opnieuw ingezet", "Dead letter remise en route";
    dead_letter_closed = "Dead Letter abgeschlossen", "Dead letter concluded", "Dead letter afgesloten", "Dead letter clôturée";
    mail: fn(usize) -> String = |number| format!("E-Mail {number}"), |number| format!("Email {number}"), |number| format!("E-mail {number}"), |number| format!("E-mail {number}");
} }

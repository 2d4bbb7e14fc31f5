//! Settings → Customer portal. The German is the wording of the tenants' own handbook.

use super::words;
use crate::console::pages::SettingsProblem;
use crate::model::settings::{InvalidSettings, PortalLevel, SensitiveAttachments, VerificationMethod};
use crate::model::state::Decision;
use crate::policy::decision::PortalAccess;

words! { SettingsWords {
    title = "Kundenportal", "Customer portal", "Klantportaal";
    path = "Verwaltungseinstellungen", "Administration settings", "Beheerinstellingen";
    choose_tenant = "Mandant wählen", "Choose a tenant", "Kies een tenant";
    authentication =
        "Zusätzliche Authentifizierung für den Zugriff auf das Kundenportal",
        "Additional authentication for access to the customer portal",
        "Extra authenticatie voor toegang tot het klantportaal";
    sensitive_note =
        "* Sensible Informationen sind zum Beispiel Rechnungsdokumente und Anhänge.",
        "* Sensitive information is, for example, invoice documents and attachments.",
        "* Gevoelige informatie is bijvoorbeeld factuurdocumenten en bijlagen.";
    level: fn(PortalLevel) -> &'static str =
        |level| match level {
            PortalLevel::EveryPage => "Zusätzliche Authentifizierung für den Zugang zu jeder Seite erforderlich",
            PortalLevel::Sensitive => "Zusätzliche Authentifizierung für den Zugang zu sensiblen Informationen* erforderlich",
            PortalLevel::SensitiveForPrivate => "Zusätzliche Authentifizierung für den Zugang zu sensiblen Informationen* (nur für Privatkunden)",
            PortalLevel::Inaccessible => "Sensible Informationen* sind nicht zugänglich",
            PortalLevel::NotRequired => "Keine zusätzliche Authentifizierung erforderlich",
        },
        |level| match level {
            PortalLevel::EveryPage => "Additional authentication required for every page",
            PortalLevel::Sensitive => "Additional authentication required for sensitive information*",
            PortalLevel::SensitiveForPrivate => "Additional authentication required for sensitive information* (private customers only)",
            PortalLevel::Inaccessible => "Sensitive information* is not accessible",
            PortalLevel::NotRequired => "No additional authentication required",
        },
        |level| match level {
            PortalLevel::EveryPage => "Extra authenticatie vereist voor elke pagina",
            PortalLevel::Sensitive => "Extra authenticatie vereist voor gevoelige informatie*",
            PortalLevel::SensitiveForPrivate => "Extra authenticatie vereist voor gevoelige informatie* (alleen particuliere klanten)",
            PortalLevel::Inaccessible => "Gevoelige informatie* is niet toegankelijk",
            PortalLevel::NotRequired => "Geen extra authenticatie vereist",
        };
    level_means: fn(PortalLevel) -> &'static str =
        |level| match level {
            PortalLevel::EveryPage => "Kunden müssen auf jeder Seite des Portals eine Verifizierung durchführen.",
            PortalLevel::Sensitive => "Kunden erhalten nur Zugriff auf sensible Informationen, wenn sie verifiziert sind.",
            PortalLevel::SensitiveForPrivate => "Privatkunden müssen verifiziert sein, um sensible Informationen zu sehen; Geschäftskunden haben immer Zugriff.",
            PortalLevel::Inaccessible => "Sensible Informationen sind für Kunden nie zugänglich.",
            PortalLevel::NotRequired => "Wer den Link hat, sieht alles: auch jemand, an den die E-Mail weitergeleitet wurde.",
        },
        |level| match level {
            PortalLevel::EveryPage => "Customers must be verified on every page of the portal.",
            PortalLevel::Sensitive => "Customers get access to sensitive information only when they are verified.",
            PortalLevel::SensitiveForPrivate => "Private customers must be verified to see sensitive information; business customers always have access.",
            PortalLevel::Inaccessible => "Sensitive information is never accessible to customers.",
            PortalLevel::NotRequired => "Whoever has the link sees everything: also somebody to whom the email was forwarded.",
        },
        |level| match level {
            PortalLevel::EveryPage => "Klanten moeten zich op elke pagina van het portaal verifiëren.",
            PortalLevel::Sensitive => "Klanten krijgen alleen toegang tot gevoelige informatie als ze geverifieerd zijn.",
            PortalLevel::SensitiveForPrivate => "Particuliere klanten moeten geverifieerd zijn om gevoelige informatie te zien; zakelijke klanten hebben altijd toegang.",
            PortalLevel::Inaccessible => "Gevoelige informatie is nooit toegankelijk voor klanten.",
            PortalLevel::NotRequired => "Wie de link heeft, ziet alles: ook iemand aan wie de e-mail is doorgestuurd.",
        };
    methods = "Authentifizierungsmethode wählen", "Choose the authentication method", "Kies de authenticatiemethode";
    methods_hint =
        "Sie können eine primäre und eine sekundäre Methode angeben, falls die erste nicht verfügbar ist.",
        "You can give a primary and a secondary method, in case the first is not available.",
        "U kunt een primaire en een secundaire methode opgeven, voor als de eerste niet beschikbaar is.";
    primary = "Primäre Methode", "Primary method", "Primaire methode";
    secondary = "Sekundäre Methode", "Secondary method", "Secundaire methode";
    no_method = "Keine", "None", "Geen";
    method: fn(VerificationMethod) -> &'static str =
        |method| match method { VerificationMethod::PostcodeHouseNumber => "Postleitzahl- und Hausnummerprüfung", VerificationMethod::SmsOtp => "Einmal-Passwort (OTP) per SMS" },
        |method| match method { VerificationMethod::PostcodeHouseNumber => "Postcode and house-number check", VerificationMethod::SmsOtp => "One-time password (OTP) by SMS" },
        |method| match method { VerificationMethod::PostcodeHouseNumber => "Controle van postcode en huisnummer", VerificationMethod::SmsOtp => "Eenmalig wachtwoord (OTP) per sms" };
    method_strength: fn(VerificationMethod) -> &'static str =
        |method| match method {
            VerificationMethod::PostcodeHouseNumber => "Schützt vor Irrläufern, nicht vor Bekannten: Die Anschrift ist kein Geheimnis.",
            VerificationMethod::SmsOtp => "Stärker: nur wer das Telefon in der Hand hat. Braucht eine Mobilnummer in den Stammdaten.",
        },
        |method| match method {
            VerificationMethod::PostcodeHouseNumber => "Protects against stray emails, not against acquaintances: an address is no secret.",
            VerificationMethod::SmsOtp => "Stronger: only who holds the phone. Needs a mobile number on record.",
        },
        |method| match method {
            VerificationMethod::PostcodeHouseNumber => "Beschermt tegen verdwaalde e-mails, niet tegen bekenden: een adres is geen geheim.",
            VerificationMethod::SmsOtp => "Sterker: alleen wie de telefoon in handen heeft. Vraagt een mobiel nummer in de stamgegevens.",
        };
    attachments = "Versand sensibler Anhänge per E-Mail", "Sending sensitive attachments by email", "Gevoelige bijlagen per e-mail versturen";
    attachments_note =
        "Datenschutzsensible Anhänge sind das Rechnungsdokument (PDF und UBL) und alle weiteren Anhänge.",
        "Sensitive attachments are the invoice document (PDF and UBL) and any further attachments.",
        "Gevoelige bijlagen zijn het factuurdocument (PDF en UBL) en alle andere bijlagen.";
    attachment: fn(SensitiveAttachments) -> &'static str =
        |choice| match choice { SensitiveAttachments::Include => "Anhänge einbeziehen", SensitiveAttachments::Exclude => "Anhänge ausschließen", SensitiveAttachments::ExcludeForPrivate => "Anhänge ausschließen (nur für Privatkunden)" },
        |choice| match choice { SensitiveAttachments::Include => "Include attachments", SensitiveAttachments::Exclude => "Exclude attachments", SensitiveAttachments::ExcludeForPrivate => "Exclude attachments (private customers only)" },
        |choice| match choice { SensitiveAttachments::Include => "Bijlagen meesturen", SensitiveAttachments::Exclude => "Bijlagen uitsluiten", SensitiveAttachments::ExcludeForPrivate => "Bijlagen uitsluiten (alleen particuliere klanten)" };
    attachment_means: fn(SensitiveAttachments) -> &'static str =
        |choice| match choice {
            SensitiveAttachments::Include => "Die Dokumente reisen unverschlüsselt in der E-Mail mit.",
            SensitiveAttachments::Exclude => "Jede E-Mail enthält einen Link; die Dokumente liegen im Portal.",
            SensitiveAttachments::ExcludeForPrivate => "Geschäftskunden erhalten die Dokumente als Anhang, Privatkunden einen Link.",
        },
        |choice| match choice {
            SensitiveAttachments::Include => "The documents travel in the email, unencrypted.",
            SensitiveAttachments::Exclude => "Every email holds a link; the documents stay in the portal.",
            SensitiveAttachments::ExcludeForPrivate => "Business customers get the documents attached, private customers a link.",
        },
        |choice| match choice {
            SensitiveAttachments::Include => "De documenten reizen onversleuteld mee in de e-mail.",
            SensitiveAttachments::Exclude => "Elke e-mail bevat een link; de documenten staan in het portaal.",
            SensitiveAttachments::ExcludeForPrivate => "Zakelijke klanten krijgen de documenten als bijlage, particuliere klanten een link.",
        };
    foresee = "Folgen anzeigen", "Show what follows", "Gevolgen tonen";
    consequences = "Was daraus folgt", "What follows", "Wat er volgt";
    email_holds = "Die E-Mail enthält", "The email holds", "De e-mail bevat";
    portal_asks = "Das Portal verlangt", "The portal asks", "Het portaal vraagt";
    unknown_kind = "unbekannte Art", "unknown type", "onbekende soort";
    mail: fn(Decision) -> &'static str =
        |decision| match decision { Decision::Attach => "Dokumente", Decision::Link => "Link" },
        |decision| match decision { Decision::Attach => "Documents", Decision::Link => "Link" },
        |decision| match decision { Decision::Attach => "Documenten", Decision::Link => "Link" };
    asks: fn(PortalAccess) -> &'static str =
        |access| match access { PortalAccess::Open => "nichts", PortalAccess::Verified => "Prüfung vor Dokumenten", PortalAccess::EveryPageVerified => "Prüfung vor jeder Seite", PortalAccess::Closed => "Dokumente sind niemandem zugänglich" },
        |access| match access { PortalAccess::Open => "nothing", PortalAccess::Verified => "verification before documents", PortalAccess::EveryPageVerified => "verification before every page", PortalAccess::Closed => "documents are accessible to nobody" },
        |access| match access { PortalAccess::Open => "niets", PortalAccess::Verified => "verificatie voor documenten", PortalAccess::EveryPageVerified => "verificatie voor elke pagina", PortalAccess::Closed => "documenten zijn voor niemand toegankelijk" };
    unverifiable: fn(u64, u64) -> String =
        |some, all| format!("{some} von {all} Kunden könnten sich nicht ausweisen: Ihre Rechnungen würden nicht gesendet."),
        |some, all| format!("{some} of {all} customers could not be verified: their invoices would not be sent."),
        |some, all| format!("{some} van {all} klanten zouden zich niet kunnen verifiëren: hun facturen zouden niet verstuurd worden.");
    all_verifiable: fn(u64) -> String =
        |all| format!("Alle {all} Kunden könnten sich ausweisen, wo es verlangt ist."),
        |all| format!("All {all} customers could be verified where it is asked."),
        |all| format!("Alle {all} klanten zouden zich kunnen verifiëren waar dat gevraagd wordt.");
    what_if: fn(u64, u32) -> String =
        |count, days| format!("Nachgerechnet an den {count} neuesten Zustellungen der letzten {days} Tage"),
        |count, days| format!("Worked out on the newest {count} deliveries of the last {days} days"),
        |count, days| format!("Nagerekend op de nieuwste {count} verzendingen van de laatste {days} dagen");
    what_if_none =
        "Noch keine Zustellungen, an denen man es nachrechnen könnte.",
        "No deliveries yet to work it out on.",
        "Nog geen verzendingen om het op na te rekenen.";
    to_link = "Link statt Anhang", "link instead of attachments", "link in plaats van bijlage";
    to_attach = "Anhang statt Link", "attachments instead of a link", "bijlage in plaats van link";
    not_sent = "nicht gesendet: Kunde nicht prüfbar", "not sent: customer not verifiable", "niet verstuurd: klant niet verifieerbaar";
    stricter = "strengere Prüfung im Portal", "stricter in the portal", "strenger in het portaal";
    looser = "weniger Prüfung im Portal", "looser in the portal", "soepeler in het portaal";
    as_before = "Alle wären so gegangen wie heute.", "All would have gone as they do today.", "Alles zou zijn gegaan zoals nu.";
    attached_though_gated =
        "Die Dokumente gehen als Anhang hinaus, obwohl das Portal sie schützt: Der Schutz im Portal hilft dann wenig.",
        "Documents leave as attachments although the portal guards them: that guard then helps little.",
        "Documenten gaan als bijlage de deur uit terwijl het portaal ze beschermt: die bescherming helpt dan weinig.";
    documents_nowhere =
        "Die Kunden können die Dokumente nirgends abrufen. Für Geschäftskunden ist das eine Rechnung, die nie übermittelt wurde.",
        "Customers can reach the documents nowhere. For business customers that is an invoice that was never transmitted.",
        "Klanten kunnen nergens bij de documenten. Voor zakelijke klanten is dat een factuur die nooit is verzonden.";
    not_required_warning =
        "Wer den Link hat, sieht die Dokumente, ohne sich auszuweisen.",
        "Whoever has the link sees the documents without being verified.",
        "Wie de link heeft, ziet de documenten zonder verificatie.";
    method_unusable: fn(&str, u64) -> String =
        |method, count| format!("{method}: {count} Kunden können sie nicht nutzen."),
        |method, count| format!("{method}: {count} customers cannot use it."),
        |method, count| format!("{method}: {count} klanten kunnen die niet gebruiken.");
    no_sms_provider =
        "Es ist kein SMS-Anbieter eingerichtet: SMS-Codes werden nicht verschickt.",
        "No SMS provider is configured: codes by SMS are not sent.",
        "Er is geen sms-aanbieder ingesteld: sms-codes worden niet verstuurd.";
    takes_effect =
        "Gilt ab der nächsten E-Mail und dem nächsten Aufruf im Portal.",
        "Holds for the next email and the next request in the portal.",
        "Geldt vanaf de volgende e-mail en het volgende bezoek aan het portaal.";
    unsaved = "noch nicht gespeichert", "not saved yet", "nog niet opgeslagen";
    problem: fn(SettingsProblem) -> &'static str =
        |problem| match problem {
            SettingsProblem::Invalid(InvalidSettings::PrimaryMissing) => "Diese Stufe braucht eine primäre Methode.",
            SettingsProblem::Invalid(InvalidSettings::SameMethods) => "Die sekundäre Methode ist dieselbe wie die primäre.",
            SettingsProblem::Invalid(InvalidSettings::SecondaryAlone) => "Zur sekundären Methode fehlt die primäre.",
            SettingsProblem::ReasonMissing => "Bitte geben Sie einen Grund an.",
            SettingsProblem::ChangedMeanwhile => "Jemand hat die Einstellungen inzwischen geändert. Unten steht, was jetzt gilt; bitte wählen Sie noch einmal.",
        },
        |problem| match problem {
            SettingsProblem::Invalid(InvalidSettings::PrimaryMissing) => "This level needs a primary method.",
            SettingsProblem::Invalid(InvalidSettings::SameMethods) => "The secondary method is the same as the primary one.",
            SettingsProblem::Invalid(InvalidSettings::SecondaryAlone) => "The secondary method stands without a primary one.",
            SettingsProblem::ReasonMissing => "Please give a reason.",
            SettingsProblem::ChangedMeanwhile => "Somebody has changed the settings meanwhile. Below is what holds now; please choose again.",
        },
        |problem| match problem {
            SettingsProblem::Invalid(InvalidSettings::PrimaryMissing) => "Dit niveau vraagt een primaire methode.",
            SettingsProblem::Invalid(InvalidSettings::SameMethods) => "De secundaire methode is dezelfde als de primaire.",
            SettingsProblem::Invalid(InvalidSettings::SecondaryAlone) => "Bij de secundaire methode ontbreekt de primaire.",
            SettingsProblem::ReasonMissing => "Geef een reden op.",
            SettingsProblem::ChangedMeanwhile => "Iemand heeft de instellingen intussen gewijzigd. Hieronder staat wat nu geldt; kies opnieuw.",
        };
    as_customers_see = "Wie Kunden es sehen", "As customers see it", "Zoals klanten het zien";
    mail_preview = "Die E-Mail", "The email", "De e-mail";
    portal_preview = "Die Seite im Portal", "The page in the portal", "De pagina in het portaal";
    send_test: fn(&str) -> String =
        |address| format!("Test an {address} senden"), |address| format!("Send a test to {address}"), |address| format!("Test naar {address} sturen");
    versions = "Versionen", "Versions", "Versies";
    current = "gilt jetzt", "holds now", "geldt nu";
    restore = "Wiederherstellen …", "Restore …", "Herstellen …";
    restore_title: fn(i64) -> String =
        |version| format!("Version {version} wiederherstellen"), |version| format!("Restore version {version}"), |version| format!("Versie {version} herstellen");
    restore_means =
        "Wird als neue Version gespeichert und gilt sofort.",
        "It is saved as a new version and holds at once.",
        "Wordt als nieuwe versie opgeslagen en geldt direct.";
    unknown_author = "Import", "import", "import";
    read_only =
        "Ihre Rolle kann die Einstellungen ansehen, nicht ändern.",
        "Your role can see the settings, not change them.",
        "Uw rol kan de instellingen bekijken, niet wijzigen.";
} }

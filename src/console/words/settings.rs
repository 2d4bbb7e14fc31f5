//! Settings → Customer portal. The German is the wording of the tenants' own handbook.

use super::words;
use crate::console::terms::{SettingsProblem, TestProblem};
use crate::model::settings::{InvalidSettings, PortalLevel, SensitiveAttachments, VerificationMethod};
use crate::model::state::Decision;
use crate::policy::decision::PortalAccess;

words! { SettingsWords {
    title = "Kundenportal", "Customer portal", "Klantportaal", "Portail client";
    path = "Verwaltungseinstellungen", "Administration settings", "Beheerinstellingen", "Réglages d’administration";
    choose_tenant = "Mandant wählen", "Choose a tenant", "Kies een tenant", "Choisir un mandant";
    authentication =
        "Zusätzliche Authentifizierung für den Zugriff auf das Kundenportal",
        "Additional authentication for access to the customer portal",
        "Extra authenticatie voor toegang tot het klantportaal",
        "Authentification supplémentaire pour l’accès au portail client";
    sensitive_note =
        "* Sensible Informationen sind zum Beispiel Rechnungsdokumente und Anhänge.",
        "* Sensitive information is, for example, invoice documents and attachments.",
        "* Gevoelige informatie: bijvoorbeeld factuurdocumenten en bijlagen.",
        "* Les informations sensibles sont par exemple les factures et leurs pièces jointes.";
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
        },
        |level| match level {
            PortalLevel::EveryPage => "Authentification supplémentaire requise pour chaque page",
            PortalLevel::Sensitive => "Authentification supplémentaire requise pour les informations sensibles*",
            PortalLevel::SensitiveForPrivate => "Authentification supplémentaire requise pour les informations sensibles* (particuliers uniquement)",
            PortalLevel::Inaccessible => "Les informations sensibles* ne sont pas accessibles",
            PortalLevel::NotRequired => "Aucune authentification supplémentaire requise",
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
            PortalLevel::NotRequired => "Whoever has the link sees everything, including anybody to whom the email was forwarded.",
        },
        |level| match level {
            PortalLevel::EveryPage => "Klanten moeten zich op elke pagina van het portaal verifiëren.",
            PortalLevel::Sensitive => "Klanten krijgen alleen toegang tot gevoelige informatie als ze geverifieerd zijn.",
            PortalLevel::SensitiveForPrivate => "Particuliere klanten moeten geverifieerd zijn om gevoelige informatie te zien; zakelijke klanten hebben altijd toegang.",
            PortalLevel::Inaccessible => "Gevoelige informatie is nooit toegankelijk voor klanten.",
            PortalLevel::NotRequired => "Wie de link heeft, ziet alles: ook iemand aan wie de e-mail is doorgestuurd.",
        },
        |level| match level {
            PortalLevel::EveryPage => "Les clients doivent être vérifiés sur chaque page du portail.",
            PortalLevel::Sensitive => "Les clients n’ont accès aux informations sensibles qu’une fois vérifiés.",
            PortalLevel::SensitiveForPrivate => "Les particuliers doivent être vérifiés pour voir les informations sensibles\u{a0}; les professionnels y ont toujours accès.",
            PortalLevel::Inaccessible => "Les informations sensibles ne sont jamais accessibles aux clients.",
            PortalLevel::NotRequired => "Qui a le lien voit tout\u{a0}: y compris toute personne à qui l’e-mail a été transféré.",
        };
    methods = "Authentifizierungsmethode wählen", "Choose the authentication method", "Kies de authenticatiemethode", "Choisir la méthode d’authentification";
    methods_hint =
        "Sie können eine primäre und eine sekundäre Methode angeben, falls die erste nicht verfügbar ist.",
        "You can give a primary and a secondary method, in case the first is not available.",
        "U kunt een primaire en een secundaire methode opgeven, voor het geval dat de eerste niet beschikbaar is.",
        "Vous pouvez indiquer une méthode principale et une secondaire, au cas où la première ne serait pas disponible.";
    primary = "Primäre Methode", "Primary method", "Primaire methode", "Méthode principale";
    secondary = "Sekundäre Methode", "Secondary method", "Secundaire methode", "Méthode secondaire";
    no_method = "Keine", "None", "Geen", "Aucune";
    method: fn(VerificationMethod) -> &'static str =
        |method| match method { VerificationMethod::PostcodeHouseNumber => "Postleitzahl- und Hausnummerprüfung", VerificationMethod::SmsOtp => "Einmal-Passwort (OTP) per SMS" },
        |method| match method { VerificationMethod::PostcodeHouseNumber => "Postcode and house-number check", VerificationMethod::SmsOtp => "One-time password (OTP) by SMS" },
        |method| match method { VerificationMethod::PostcodeHouseNumber => "Controle van postcode en huisnummer", VerificationMethod::SmsOtp => "Eenmalig wachtwoord (OTP) per sms" },
        |method| match method { VerificationMethod::PostcodeHouseNumber => "Contrôle du code postal et du numéro de rue", VerificationMethod::SmsOtp => "Mot de passe à usage unique (OTP) par SMS" };
    method_strength: fn(VerificationMethod) -> &'static str =
        |method| match method {
            VerificationMethod::PostcodeHouseNumber => "Schützt vor Irrläufern, nicht vor Bekannten: Die Anschrift ist kein Geheimnis.",
            VerificationMethod::SmsOtp => "Stärker: nur wer das Telefon in der Hand hat. Braucht eine Mobilnummer in den Stammdaten.",
        },
        |method| match method {
            VerificationMethod::PostcodeHouseNumber => "Protects against stray emails, not against acquaintances: an address is no secret.",
            VerificationMethod::SmsOtp => "Stronger: only whoever holds the phone. Needs a mobile number on record.",
        },
        |method| match method {
            VerificationMethod::PostcodeHouseNumber => "Beschermt tegen verdwaalde e-mails, niet tegen bekenden: een adres is geen geheim.",
            VerificationMethod::SmsOtp => "Sterker: alleen wie de telefoon in handen heeft. Vereist een mobiel nummer in de stamgegevens.",
        },
        |method| match method {
            VerificationMethod::PostcodeHouseNumber => "Protège contre les e-mails égarés, pas contre l’entourage\u{a0}: une adresse n’est pas un secret.",
            VerificationMethod::SmsOtp => "Plus forte\u{a0}: il faut avoir le téléphone en main. Exige un numéro de mobile dans les données de base.",
        };
    attachments = "Versand sensibler Anhänge per E-Mail", "Sending sensitive attachments by email", "Gevoelige bijlagen per e-mail versturen", "Envoi des pièces jointes sensibles par e-mail";
    attachments_note =
        "Datenschutzsensible Anhänge sind das Rechnungsdokument (PDF und UBL) und alle weiteren Anhänge.",
        "Sensitive attachments are the invoice document (PDF and UBL) and any further attachments.",
        "Gevoelige bijlagen zijn het factuurdocument (PDF en UBL) en alle andere bijlagen.",
        "Les pièces jointes sensibles sont la facture (PDF et UBL) et toutes les autres pièces jointes.";
    attachment: fn(SensitiveAttachments) -> &'static str =
        |choice| match choice { SensitiveAttachments::Include => "Anhänge einbeziehen", SensitiveAttachments::Exclude => "Anhänge ausschließen", SensitiveAttachments::ExcludeForPrivate => "Anhänge ausschließen (nur für Privatkunden)" },
        |choice| match choice { SensitiveAttachments::Include => "Include attachments", SensitiveAttachments::Exclude => "Exclude attachments", SensitiveAttachments::ExcludeForPrivate => "Exclude attachments (private customers only)" },
        |choice| match choice { SensitiveAttachments::Include => "Bijlagen meesturen", SensitiveAttachments::Exclude => "Bijlagen uitsluiten", SensitiveAttachments::ExcludeForPrivate => "Bijlagen uitsluiten (alleen particuliere klanten)" },
        |choice| match choice { SensitiveAttachments::Include => "Inclure les pièces jointes", SensitiveAttachments::Exclude => "Exclure les pièces jointes", SensitiveAttachments::ExcludeForPrivate => "Exclure les pièces jointes (particuliers uniquement)" };
    attachment_means: fn(SensitiveAttachments) -> &'static str =
        |choice| match choice {
            SensitiveAttachments::Include => "Die Dokumente reisen unverschlüsselt in der E-Mail mit.",
            SensitiveAttachments::Exclude => "Jede E-Mail enthält einen Link; die Dokumente liegen im Portal.",
            SensitiveAttachments::ExcludeForPrivate => "Geschäftskunden erhalten die Dokumente als Anhang, Privatkunden einen Link.",
        },
        |choice| match choice {
            SensitiveAttachments::Include => "The documents travel in the email, unencrypted.",
            SensitiveAttachments::Exclude => "Every email contains a link; the documents stay in the portal.",
            SensitiveAttachments::ExcludeForPrivate => "Business customers get the documents attached, private customers a link.",
        },
        |choice| match choice {
            SensitiveAttachments::Include => "De documenten reizen onversleuteld mee in de e-mail.",
            SensitiveAttachments::Exclude => "Elke e-mail bevat een link; de documenten staan in het portaal.",
            SensitiveAttachments::ExcludeForPrivate => "Zakelijke klanten krijgen de documenten als bijlage, particuliere klanten een link.",
        },
        |choice| match choice {
            SensitiveAttachments::Include => "Les documents voyagent dans l’e-mail, sans chiffrement.",
            SensitiveAttachments::Exclude => "Chaque e-mail contient un lien\u{a0}; les documents restent dans le portail.",
            SensitiveAttachments::ExcludeForPrivate => "Les professionnels reçoivent les documents en pièces jointes, les particuliers un lien.",
        };
    foresee = "Folgen anzeigen", "Show the consequences", "Gevolgen tonen", "Montrer les conséquences";
    consequences = "Was daraus folgt", "What follows from it", "Wat daaruit volgt", "Ce qui en résulte";
    email_holds = "Die E-Mail enthält", "The email contains", "De e-mail bevat", "L’e-mail contient";
    portal_asks = "Das Portal verlangt", "The portal requires", "Het portaal vereist", "Le portail exige";
    unknown_kind = "unbekannte Art", "unknown type", "onbekende soort", "type inconnu";
    mail: fn(Option<Decision>) -> &'static str =
        |decision| match decision { Some(Decision::Attach) => "Dokumente", Some(Decision::Link) => "Link", None => "wird nicht gesendet" },
        |decision| match decision { Some(Decision::Attach) => "Documents", Some(Decision::Link) => "Link", None => "is not sent" },
        |decision| match decision { Some(Decision::Attach) => "Documenten", Some(Decision::Link) => "Link", None => "wordt niet verstuurd" },
        |decision| match decision { Some(Decision::Attach) => "Documents", Some(Decision::Link) => "Lien", None => "ne part pas" };
    asks: fn(PortalAccess) -> &'static str =
        |access| match access { PortalAccess::Open => "nichts", PortalAccess::Verified => "Prüfung vor Dokumenten", PortalAccess::EveryPageVerified => "Prüfung vor jeder Seite", PortalAccess::Closed => "Dokumente sind niemandem zugänglich" },
        |access| match access { PortalAccess::Open => "nothing", PortalAccess::Verified => "verification before documents", PortalAccess::EveryPageVerified => "verification before every page", PortalAccess::Closed => "documents are accessible to nobody" },
        |access| match access { PortalAccess::Open => "niets", PortalAccess::Verified => "verificatie voor documenten", PortalAccess::EveryPageVerified => "verificatie voor elke pagina", PortalAccess::Closed => "documenten zijn voor niemand toegankelijk" },
        |access| match access { PortalAccess::Open => "rien", PortalAccess::Verified => "vérification avant les documents", PortalAccess::EveryPageVerified => "vérification avant chaque page", PortalAccess::Closed => "les documents ne sont accessibles à personne" };
    /// Of how many customers it is true, and of how many in all; both as the language groups digits.
    unverifiable: fn(&str, &str) -> String =
        |some, all| match (some, all) {
            (_, "1") => "Der einzige Kunde könnte sich nicht ausweisen: Rechnungen an ihn würden nicht gesendet.".to_owned(),
            ("1", _) => format!("1 von {all} Kunden könnte sich nicht ausweisen: Rechnungen an ihn würden nicht gesendet."),
            _ => format!("{some} von {all} Kunden könnten sich nicht ausweisen: Rechnungen an sie würden nicht gesendet."),
        },
        |some, all| match all {
            "1" => "The only customer could not be verified: their invoices would not be sent.".to_owned(),
            _ => format!("{some} of {all} customers could not be verified: their invoices would not be sent."),
        },
        |some, all| match (some, all) {
            (_, "1") => "De enige klant zou zich niet kunnen verifiëren: facturen aan deze klant zouden niet verstuurd worden.".to_owned(),
            ("1", _) => format!("1 van de {all} klanten zou zich niet kunnen verifiëren: facturen aan deze klant zouden niet verstuurd worden."),
            _ => format!("{some} van de {all} klanten zouden zich niet kunnen verifiëren: hun facturen zouden niet verstuurd worden."),
        },
        |some, all| match (some, all) {
            (_, "1") => "Le seul client ne pourrait pas être vérifié\u{a0}: ses factures ne partiraient pas.".to_owned(),
            ("1", _) => format!("1 client sur {all} ne pourrait pas être vérifié\u{a0}: ses factures ne partiraient pas."),
            _ => format!("{some} clients sur {all} ne pourraient pas être vérifiés\u{a0}: leurs factures ne partiraient pas."),
        };
    all_sent: fn(&str) -> String =
        |all| match all {
            "0" => "Noch ist kein Kunde bekannt.".to_owned(),
            "1" => "Rechnungen an den einzigen Kunden würden gesendet.".to_owned(),
            _ => format!("Rechnungen an alle {all} Kunden würden gesendet."),
        },
        |all| match all {
            "0" => "No customer is known yet.".to_owned(),
            "1" => "Invoices to the only customer would be sent.".to_owned(),
            _ => format!("Invoices to all {all} customers would be sent."),
        },
        |all| match all {
            "0" => "Er is nog geen klant bekend.".to_owned(),
            "1" => "Facturen aan de enige klant zouden verstuurd worden.".to_owned(),
            _ => format!("Facturen aan alle {all} klanten zouden verstuurd worden."),
        },
        |all| match all {
            "0" => "Aucun client n’est encore connu.".to_owned(),
            "1" => "Les factures du seul client partiraient.".to_owned(),
            _ => format!("Les factures des {all} clients partiraient toutes."),
        };
    what_if: fn(&str, u32) -> String =
        |count, days| match count {
            "1" => format!("Nachgerechnet an der neuesten Zustellung der letzten {days} Tage"),
            _ => format!("Nachgerechnet an den {count} neuesten Zustellungen der letzten {days} Tage"),
        },
        |count, days| match count {
            "1" => format!("Worked out on the newest delivery of the last {days} days"),
            _ => format!("Worked out on the newest {count} deliveries of the last {days} days"),
        },
        |count, days| match count {
            "1" => format!("Doorgerekend met de nieuwste verzending van de laatste {days} dagen"),
            _ => format!("Doorgerekend met de {count} nieuwste verzendingen van de laatste {days} dagen"),
        },
        |count, days| match count {
            "1" => format!("Recalculé sur le dernier envoi des {days} derniers jours"),
            _ => format!("Recalculé sur les {count} derniers envois des {days} derniers jours"),
        };
    what_if_none =
        "Noch keine Zustellungen, an denen man es nachrechnen könnte.",
        "No deliveries yet to work it out on.",
        "Nog geen verzendingen om het mee door te rekenen.",
        "Aucun envoi sur lequel faire le calcul.";
    what_if_busy =
        "Gerade rechnen schon andere nach; bitte gleich noch einmal.",
        "Others are working it out just now; please try again in a moment.",
        "Anderen zijn dit nu aan het doorrekenen; probeer het zo nog eens.",
        "D’autres font déjà ce calcul\u{a0}; veuillez réessayer dans un instant.";
    to_link = "Link statt Anhang", "link instead of attachments", "link in plaats van bijlage", "lien au lieu de pièces jointes";
    to_attach = "Anhang statt Link", "attachments instead of a link", "bijlage in plaats van link", "pièces jointes au lieu d’un lien";
    // Behind a number, as what is above and below: these hold for one as for many.
    not_sent = "nicht gesendet: Kunde nicht prüfbar", "not sent: customer not verifiable", "niet verstuurd: klant niet verifieerbaar", "sans envoi\u{a0}: client non vérifiable";
    now_sent =
        "gesendet statt zurückgehalten", "sent instead of held back", "verstuurd in plaats van tegengehouden", "avec envoi, au lieu d’une retenue";
    stricter = "strengere Prüfung im Portal", "stricter in the portal", "strenger in het portaal", "vérification plus stricte dans le portail";
    looser = "weniger Prüfung im Portal", "looser in the portal", "soepeler in het portaal", "vérification moins stricte dans le portail";
    undecided = "ohne aufgezeichnete Entscheidung", "without a recorded decision", "zonder vastgelegde beslissing", "sans décision enregistrée";
    as_before = "Alle wären so gegangen wie heute.", "All would have gone as they do today.", "Alles zou zijn gegaan zoals nu.", "Tous seraient partis comme aujourd’hui.";
    attached_though_gated =
        "Die Dokumente gehen als Anhang hinaus, obwohl das Portal sie schützt: Der Schutz im Portal hilft dann wenig.",
        "Documents leave as attachments although the portal protects them: that protection then helps little.",
        "Documenten gaan als bijlage de deur uit terwijl het portaal ze beschermt: die bescherming helpt dan weinig.",
        "Les documents partent en pièces jointes alors que le portail les protège\u{a0}: cette protection aide alors peu.";
    documents_nowhere =
        "Wer einen Link erhält, kann die Dokumente nirgends abrufen.",
        "Whoever gets a link can reach the documents nowhere.",
        "Wie een link krijgt, kan nergens bij de documenten.",
        "Qui reçoit un lien ne peut consulter les documents nulle part.";
    not_transmitted =
        "Geschäftskunden: Eine Rechnung, die sie nirgends abrufen können, wurde nie übermittelt.",
        "Business customers: an invoice that they can reach nowhere was never transmitted.",
        "Zakelijke klanten: een factuur waar ze nergens bij kunnen, is nooit verzonden.",
        "Clients professionnels\u{a0}: une facture qu’ils ne peuvent consulter nulle part n’a jamais été transmise.";
    not_required_warning =
        "Wer den Link hat, sieht die Dokumente, ohne sich auszuweisen.",
        "Whoever has the link sees the documents without being verified.",
        "Wie de link heeft, ziet de documenten zonder verificatie.",
        "Qui a le lien voit les documents sans vérification.";
    method_unusable: fn(&str, &str) -> String =
        |method, count| format!("{method}: nicht nutzbar für {count} Kunden."),
        |method, count| format!("{method}: of no use to {count} of the customers."),
        |method, count| format!("{method}: niet bruikbaar voor {count} van de klanten."),
        |method, count| format!("{method}\u{a0}: inutilisable pour {count} des clients.");
    no_sms_provider =
        "Es ist kein SMS-Anbieter eingerichtet: SMS-Codes werden nicht verschickt.",
        "No SMS provider is configured: codes by SMS are not sent.",
        "Er is geen sms-aanbieder ingesteld: sms-codes worden niet verstuurd.",
        "Aucun fournisseur de SMS n’est configuré\u{a0}: les codes par SMS ne partent pas.";
    takes_effect =
        "Gilt ab der nächsten E-Mail und dem nächsten Aufruf im Portal.",
        "Applies from the next email and the next request in the portal.",
        "Geldt vanaf de volgende e-mail en het volgende bezoek aan het portaal.",
        "Valable dès le prochain e-mail et la prochaine visite du portail.";
    unsaved = "noch nicht gespeichert", "not saved yet", "nog niet opgeslagen", "pas encore enregistré";
    problem: fn(SettingsProblem) -> &'static str =
        |problem| match problem {
            SettingsProblem::Invalid(InvalidSettings::PrimaryMissing) => "Diese Stufe braucht eine primäre Methode.",
            SettingsProblem::Invalid(InvalidSettings::SameMethods) => "Die sekundäre Methode ist dieselbe wie die primäre.",
            SettingsProblem::Invalid(InvalidSettings::SecondaryAlone) => "Zur sekundären Methode fehlt die primäre.",
            SettingsProblem::ReasonMissing => "Bitte geben Sie einen Grund an: eine Zeile, höchstens 500 Zeichen.",
            SettingsProblem::ChangedMeanwhile => "Die Einstellungen wurden inzwischen geändert; nichts wurde gespeichert. Ihre Auswahl steht noch da. Vergleichen Sie sie mit dem, was jetzt gilt, und speichern Sie dann.",
            SettingsProblem::Test(TestProblem::TooSoon) => "Ein Test je Minute: bitte gleich noch einmal.",
            SettingsProblem::Test(TestProblem::NoMail) => "Kein Test: Solche Kunden könnten sich nicht ausweisen und erhielten keine E-Mail.",
            SettingsProblem::Test(TestProblem::NoRelay) => "Kein Test: Das Relay des Mandanten ist nicht eingerichtet oder angehalten.",
            SettingsProblem::Test(TestProblem::Unmakeable) => "Kein Test: Eine Adresse oder Vorlage des Mandanten ist unbrauchbar.",
            SettingsProblem::Test(TestProblem::Unreachable) => "Kein Test: Das Relay ist nicht erreichbar.",
            SettingsProblem::Test(TestProblem::Refused) => "Das Relay hat den Test abgelehnt:",
            SettingsProblem::Test(TestProblem::Unanswered) => "Das Relay hat nicht geantwortet; der Test kann trotzdem ankommen.",
        },
        |problem| match problem {
            SettingsProblem::Invalid(InvalidSettings::PrimaryMissing) => "This level needs a primary method.",
            SettingsProblem::Invalid(InvalidSettings::SameMethods) => "The secondary method is the same as the primary one.",
            SettingsProblem::Invalid(InvalidSettings::SecondaryAlone) => "The secondary method stands without a primary one.",
            SettingsProblem::ReasonMissing => "Please give a reason: one line, at most 500 characters.",
            SettingsProblem::ChangedMeanwhile => "The settings were changed meanwhile; nothing was saved. Your choice is still there. Compare it with what applies now, then save.",
            SettingsProblem::Test(TestProblem::TooSoon) => "One test a minute: please try again in a moment.",
            SettingsProblem::Test(TestProblem::NoMail) => "No test: such customers could not be verified and would get no email.",
            SettingsProblem::Test(TestProblem::NoRelay) => "No test: the tenant’s relay is not configured, or it is paused.",
            SettingsProblem::Test(TestProblem::Unmakeable) => "No test: an address or a template of the tenant cannot be used.",
            SettingsProblem::Test(TestProblem::Unreachable) => "No test: the relay cannot be reached.",
            SettingsProblem::Test(TestProblem::Refused) => "The relay has refused the test:",
            SettingsProblem::Test(TestProblem::Unanswered) => "The relay has not answered; the test may arrive nonetheless.",
        },
        |problem| match problem {
            SettingsProblem::Invalid(InvalidSettings::PrimaryMissing) => "Dit niveau vereist een primaire methode.",
            SettingsProblem::Invalid(InvalidSettings::SameMethods) => "De secundaire methode is dezelfde als de primaire.",
            SettingsProblem::Invalid(InvalidSettings::SecondaryAlone) => "Bij de secundaire methode ontbreekt de primaire.",
            SettingsProblem::ReasonMissing => "Geef een reden op: één regel, hoogstens 500 tekens.",
            SettingsProblem::ChangedMeanwhile => "De instellingen zijn intussen gewijzigd; er is niets opgeslagen. Uw keuze staat er nog. Vergelijk die met wat nu geldt en sla dan op.",
            SettingsProblem::Test(TestProblem::TooSoon) => "Eén test per minuut: probeer het zo nog eens.",
            SettingsProblem::Test(TestProblem::NoMail) => "Geen test: zulke klanten zouden zich niet kunnen verifiëren en geen e-mail krijgen.",
            SettingsProblem::Test(TestProblem::NoRelay) => "Geen test: de relay van de tenant is niet ingesteld of gepauzeerd.",
            SettingsProblem::Test(TestProblem::Unmakeable) => "Geen test: een adres of sjabloon van de tenant is onbruikbaar.",
            SettingsProblem::Test(TestProblem::Unreachable) => "Geen test: de relay is niet bereikbaar.",
            SettingsProblem::Test(TestProblem::Refused) => "De relay heeft de test geweigerd:",
            SettingsProblem::Test(TestProblem::Unanswered) => "De relay heeft niet geantwoord; de test kan toch aankomen.",
        },
        |problem| match problem {
            SettingsProblem::Invalid(InvalidSettings::PrimaryMissing) => "Ce niveau exige une méthode principale.",
            SettingsProblem::Invalid(InvalidSettings::SameMethods) => "La méthode secondaire est la même que la principale.",
            SettingsProblem::Invalid(InvalidSettings::SecondaryAlone) => "La méthode secondaire est indiquée sans méthode principale.",
            SettingsProblem::ReasonMissing => "Veuillez indiquer un motif\u{a0}: une ligne, 500 caractères au plus.",
            SettingsProblem::ChangedMeanwhile => "Les réglages ont été modifiés entre-temps\u{a0}; rien n’a été enregistré. Votre choix est toujours là. Comparez-le à ce qui vaut maintenant, puis enregistrez.",
            SettingsProblem::Test(TestProblem::TooSoon) => "Un test par minute\u{a0}: veuillez réessayer dans un instant.",
            SettingsProblem::Test(TestProblem::NoMail) => "Pas de test\u{a0}: de tels clients ne pourraient pas être vérifiés et ne recevraient aucun e-mail.",
            SettingsProblem::Test(TestProblem::NoRelay) => "Pas de test\u{a0}: le relais du mandant n’est pas configuré, ou il est suspendu.",
            SettingsProblem::Test(TestProblem::Unmakeable) => "Pas de test\u{a0}: une adresse ou un modèle du mandant est inutilisable.",
            SettingsProblem::Test(TestProblem::Unreachable) => "Pas de test\u{a0}: le relais est injoignable.",
            SettingsProblem::Test(TestProblem::Refused) => "Le relais a refusé le test\u{a0}:",
            SettingsProblem::Test(TestProblem::Unanswered) => "Le relais n’a pas répondu\u{a0}; le test peut arriver malgré tout.",
        };
    changed_by: fn(&str) -> String =
        |who| format!("Geändert von {who}."), |who| format!("Changed by {who}."), |who| format!("Gewijzigd door {who}."),
        |who| format!("Modifiés par {who}.");
    as_customers_see = "Wie Kunden es sehen", "As customers see it", "Zoals klanten het zien", "Ce que voient les clients";
    mail_preview = "Die E-Mail", "The email", "De e-mail", "L’e-mail";
    portal_preview = "Die Seite im Portal", "The page in the portal", "De pagina in het portaal", "La page du portail";
    sample_note =
        "Mit einer erfundenen Rechnung und vollständigen Stammdaten. Der Link darin öffnet nichts.",
        "With a made-up invoice and a complete record. The link in it opens nothing.",
        "Met een verzonnen factuur en volledige stamgegevens. De link erin opent niets.",
        "Avec une facture fictive et des données complètes. Le lien n’ouvre rien.";
    no_mail =
        "Keine E-Mail: Mit keiner gewählten Methode könnten sich diese Kunden ausweisen.",
        "No email: no chosen method could verify these customers.",
        "Geen e-mail: geen gekozen methode zou deze klanten kunnen verifiëren.",
        "Pas d’e-mail\u{a0}: aucune méthode choisie ne pourrait vérifier ces clients.";
    step_verification = "Prüfung", "Verification", "Verificatie", "Vérification";
    step_verified = "nach der Prüfung", "after verification", "na de verificatie", "après la vérification";
    back_to_settings = "Zum Kundenportal", "To the customer portal", "Naar het klantportaal", "Vers le portail client";
    choose_tenant_hint =
        "Jeder Mandant wählt für sich, wie seine Rechnungen geschützt sind.",
        "Each tenant chooses for itself how its invoices are secured.",
        "Elke tenant kiest zelf hoe zijn facturen beveiligd zijn.",
        "Chaque mandant choisit comment ses factures sont protégées.";
    send_test: fn(&str) -> String =
        |address| format!("Test an {address} senden"), |address| format!("Send a test to {address}"), |address| format!("Test naar {address} sturen"),
        |address| format!("Envoyer un test à {address}");
    versions = "Versionen", "Versions", "Versies", "Versions";
    current = "gilt jetzt", "applies now", "geldt nu", "valable maintenant";
    restore = "Wiederherstellen …", "Restore …", "Herstellen …", "Restaurer …";
    restore_title: fn(i64) -> String =
        |version| format!("Version {version} wiederherstellen"), |version| format!("Restore version {version}"), |version| format!("Versie {version} herstellen"),
        |version| format!("Restaurer la version {version}");
    restore_means =
        "Wird als neue Version gespeichert und gilt sofort.",
        "It is saved as a new version and applies at once.",
        "Wordt als nieuwe versie opgeslagen en geldt direct.",
        "Elle est enregistrée comme nouvelle version et s’applique aussitôt.";
    unknown_author = "Import", "import", "import", "import";
    read_only =
        "Ihre Rolle kann die Einstellungen ansehen, nicht ändern.",
        "Your role can see the settings, not change them.",
        "Uw rol kan de instellingen bekijken, niet wijzigen.",
        "Votre rôle peut consulter les réglages, pas les modifier.";
} }

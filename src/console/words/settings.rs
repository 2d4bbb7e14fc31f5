//! Settings → Customer portal. The German is the wording of the tenants' own handbook.

use super::words;
use crate::console::terms::SettingsProblem;
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
        "* Gevoelige informatie is bijvoorbeeld factuurdocumenten en bijlagen.",
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
            PortalLevel::NotRequired => "Whoever has the link sees everything: also somebody to whom the email was forwarded.",
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
            PortalLevel::NotRequired => "Qui a le lien voit tout\u{a0}: aussi quelqu’un à qui l’e-mail a été transféré.",
        };
    methods = "Authentifizierungsmethode wählen", "Choose the authentication method", "Kies de authenticatiemethode", "Choisir la méthode d’authentification";
    methods_hint =
        "Sie können eine primäre und eine sekundäre Methode angeben, falls die erste nicht verfügbar ist.",
        "You can give a primary and a secondary method, in case the first is not available.",
        "U kunt een primaire en een secundaire methode opgeven, voor als de eerste niet beschikbaar is.",
        "Vous pouvez indiquer une méthode principale et une secondaire, au cas où la première n’est pas disponible.";
    primary = "Primäre Methode", "Primary method", "Primaire methode", "Méthode principale";
    secondary = "Sekundäre Methode", "Secondary method", "Secundaire methode", "Méthode secondaire";
    no_method = "Keine", "None", "Geen", "Aucune";
    method: fn(VerificationMethod) -> &'static str =
        |method| match method { VerificationMethod::PostcodeHouseNumber => "Postleitzahl- und Hausnummerprüfung", VerificationMethod::SmsOtp => "Einmal-Passwort (OTP) per SMS" },
        |method| match method { VerificationMethod::PostcodeHouseNumber => "Postcode and house-number check", VerificationMethod::SmsOtp => "One-time password (OTP) by SMS" },
        |method| match method { VerificationMethod::PostcodeHouseNumber => "Controle van postcode en huisnummer", VerificationMethod::SmsOtp => "Eenmalig wachtwoord (OTP) per sms" },
        |method| match method { VerificationMethod::PostcodeHouseNumber => "Contrôle du code postal et du numéro de maison", VerificationMethod::SmsOtp => "Mot de passe à usage unique (OTP) par SMS" };
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
        },
        |method| match method {
            VerificationMethod::PostcodeHouseNumber => "Protège des e-mails égarés, pas des connaissances\u{a0}: une adresse n’est pas un secret.",
            VerificationMethod::SmsOtp => "Plus forte\u{a0}: seulement qui tient le téléphone. Demande un numéro de mobile dans les données.",
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
            SensitiveAttachments::Exclude => "Every email holds a link; the documents stay in the portal.",
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
    foresee = "Folgen anzeigen", "Show what follows", "Gevolgen tonen", "Montrer les conséquences";
    consequences = "Was daraus folgt", "What follows", "Wat er volgt", "Ce qui en résulte";
    email_holds = "Die E-Mail enthält", "The email holds", "De e-mail bevat", "L’e-mail contient";
    portal_asks = "Das Portal verlangt", "The portal asks", "Het portaal vraagt", "Le portail demande";
    unknown_kind = "unbekannte Art", "unknown type", "onbekende soort", "type inconnu";
    mail: fn(Decision) -> &'static str =
        |decision| match decision { Decision::Attach => "Dokumente", Decision::Link => "Link" },
        |decision| match decision { Decision::Attach => "Documents", Decision::Link => "Link" },
        |decision| match decision { Decision::Attach => "Documenten", Decision::Link => "Link" },
        |decision| match decision { Decision::Attach => "Documents", Decision::Link => "Lien" };
    asks: fn(PortalAccess) -> &'static str =
        |access| match access { PortalAccess::Open => "nichts", PortalAccess::Verified => "Prüfung vor Dokumenten", PortalAccess::EveryPageVerified => "Prüfung vor jeder Seite", PortalAccess::Closed => "Dokumente sind niemandem zugänglich" },
        |access| match access { PortalAccess::Open => "nothing", PortalAccess::Verified => "verification before documents", PortalAccess::EveryPageVerified => "verification before every page", PortalAccess::Closed => "documents are accessible to nobody" },
        |access| match access { PortalAccess::Open => "niets", PortalAccess::Verified => "verificatie voor documenten", PortalAccess::EveryPageVerified => "verificatie voor elke pagina", PortalAccess::Closed => "documenten zijn voor niemand toegankelijk" },
        |access| match access { PortalAccess::Open => "rien", PortalAccess::Verified => "vérification avant les documents", PortalAccess::EveryPageVerified => "vérification avant chaque page", PortalAccess::Closed => "les documents ne sont accessibles à personne" };
    unverifiable: fn(&str, &str) -> String =
        |some, all| format!("{some} von {all} Kunden könnten sich nicht ausweisen: Ihre Rechnungen würden nicht gesendet."),
        |some, all| format!("{some} of {all} customers could not be verified: their invoices would not be sent."),
        |some, all| format!("{some} van {all} klanten zouden zich niet kunnen verifiëren: hun facturen zouden niet verstuurd worden."),
        |some, all| format!("{some} clients sur {all} ne pourraient pas être vérifiés\u{a0}: leurs factures ne partiraient pas.");
    all_verifiable: fn(&str) -> String =
        |all| format!("Alle {all} Kunden könnten sich ausweisen, wo es verlangt ist."),
        |all| format!("All {all} customers could be verified where it is asked."),
        |all| format!("Alle {all} klanten zouden zich kunnen verifiëren waar dat gevraagd wordt."),
        |all| format!("Les {all} clients pourraient tous être vérifiés là où c’est demandé.");
    what_if: fn(&str, u32) -> String =
        |count, days| format!("Nachgerechnet an den {count} neuesten Zustellungen der letzten {days} Tage"),
        |count, days| format!("Worked out on the newest {count} deliveries of the last {days} days"),
        |count, days| format!("Nagerekend op de nieuwste {count} verzendingen van de laatste {days} dagen"),
        |count, days| format!("Recalculé sur les {count} derniers envois des {days} derniers jours");
    what_if_none =
        "Noch keine Zustellungen, an denen man es nachrechnen könnte.",
        "No deliveries yet to work it out on.",
        "Nog geen verzendingen om het op na te rekenen.",
        "Aucun envoi sur lequel faire le calcul.";
    to_link = "Link statt Anhang", "link instead of attachments", "link in plaats van bijlage", "lien au lieu de pièces jointes";
    to_attach = "Anhang statt Link", "attachments instead of a link", "bijlage in plaats van link", "pièces jointes au lieu d’un lien";
    not_sent = "nicht gesendet: Kunde nicht prüfbar", "not sent: customer not verifiable", "niet verstuurd: klant niet verifieerbaar", "non envoyés\u{a0}: client non vérifiable";
    stricter = "strengere Prüfung im Portal", "stricter in the portal", "strenger in het portaal", "plus strict dans le portail";
    looser = "weniger Prüfung im Portal", "looser in the portal", "soepeler in het portaal", "moins strict dans le portail";
    as_before = "Alle wären so gegangen wie heute.", "All would have gone as they do today.", "Alles zou zijn gegaan zoals nu.", "Tous seraient partis comme aujourd’hui.";
    attached_though_gated =
        "Die Dokumente gehen als Anhang hinaus, obwohl das Portal sie schützt: Der Schutz im Portal hilft dann wenig.",
        "Documents leave as attachments although the portal guards them: that guard then helps little.",
        "Documenten gaan als bijlage de deur uit terwijl het portaal ze beschermt: die bescherming helpt dan weinig.",
        "Les documents partent en pièces jointes alors que le portail les protège\u{a0}: cette protection aide alors peu.";
    documents_nowhere =
        "Die Kunden können die Dokumente nirgends abrufen. Für Geschäftskunden ist das eine Rechnung, die nie übermittelt wurde.",
        "Customers can reach the documents nowhere. For business customers that is an invoice that was never transmitted.",
        "Klanten kunnen nergens bij de documenten. Voor zakelijke klanten is dat een factuur die nooit is verzonden.",
        "Les clients ne peuvent consulter les documents nulle part. Pour un professionnel, c’est une facture qui n’a jamais été transmise.";
    not_required_warning =
        "Wer den Link hat, sieht die Dokumente, ohne sich auszuweisen.",
        "Whoever has the link sees the documents without being verified.",
        "Wie de link heeft, ziet de documenten zonder verificatie.",
        "Qui a le lien voit les documents sans vérification.";
    method_unusable: fn(&str, &str) -> String =
        |method, count| format!("{method}: {count} Kunden können sie nicht nutzen."),
        |method, count| format!("{method}: {count} customers cannot use it."),
        |method, count| format!("{method}: {count} klanten kunnen die niet gebruiken."),
        |method, count| format!("{method}\u{a0}: {count} clients ne peuvent pas l’utiliser.");
    no_sms_provider =
        "Es ist kein SMS-Anbieter eingerichtet: SMS-Codes werden nicht verschickt.",
        "No SMS provider is configured: codes by SMS are not sent.",
        "Er is geen sms-aanbieder ingesteld: sms-codes worden niet verstuurd.",
        "Aucun fournisseur de SMS n’est configuré\u{a0}: les codes par SMS ne partent pas.";
    takes_effect =
        "Gilt ab der nächsten E-Mail und dem nächsten Aufruf im Portal.",
        "Holds for the next email and the next request in the portal.",
        "Geldt vanaf de volgende e-mail en het volgende bezoek aan het portaal.",
        "Valable dès le prochain e-mail et la prochaine visite du portail.";
    unsaved = "noch nicht gespeichert", "not saved yet", "nog niet opgeslagen", "pas encore enregistré";
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
        },
        |problem| match problem {
            SettingsProblem::Invalid(InvalidSettings::PrimaryMissing) => "Ce niveau demande une méthode principale.",
            SettingsProblem::Invalid(InvalidSettings::SameMethods) => "La méthode secondaire est la même que la principale.",
            SettingsProblem::Invalid(InvalidSettings::SecondaryAlone) => "La méthode secondaire est indiquée sans méthode principale.",
            SettingsProblem::ReasonMissing => "Veuillez indiquer un motif.",
            SettingsProblem::ChangedMeanwhile => "Quelqu’un a modifié les réglages entre-temps. Voici ce qui est valable maintenant\u{a0}; veuillez choisir à nouveau.",
        };
    as_customers_see = "Wie Kunden es sehen", "As customers see it", "Zoals klanten het zien", "Ce que voient les clients";
    mail_preview = "Die E-Mail", "The email", "De e-mail", "L’e-mail";
    portal_preview = "Die Seite im Portal", "The page in the portal", "De pagina in het portaal", "La page du portail";
    send_test: fn(&str) -> String =
        |address| format!("Test an {address} senden"), |address| format!("Send a test to {address}"), |address| format!("Test naar {address} sturen"),
        |address| format!("Envoyer un test à {address}");
    versions = "Versionen", "Versions", "Versies", "Versions";
    current = "gilt jetzt", "holds now", "geldt nu", "valable maintenant";
    restore = "Wiederherstellen …", "Restore …", "Herstellen …", "Restaurer …";
    restore_title: fn(i64) -> String =
        |version| format!("Version {version} wiederherstellen"), |version| format!("Restore version {version}"), |version| format!("Versie {version} herstellen"),
        |version| format!("Restaurer la version {version}");
    restore_means =
        "Wird als neue Version gespeichert und gilt sofort.",
        "It is saved as a new version and holds at once.",
        "Wordt als nieuwe versie opgeslagen en geldt direct.",
        "Elle est enregistrée comme nouvelle version et vaut aussitôt.";
    unknown_author = "Import", "import", "import", "import";
    read_only =
        "Ihre Rolle kann die Einstellungen ansehen, nicht ändern.",
        "Your role can see the settings, not change them.",
        "Uw rol kan de instellingen bekijken, niet wijzigen.",
        "Votre rôle peut consulter les réglages, pas les modifier.";
} }

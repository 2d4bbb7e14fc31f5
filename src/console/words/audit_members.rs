//! What the changed members of the audit log's entries are called. Exports, the API and the command line keep the stable
//! names; so does the page where this table has none, as of entries that another version of this program wrote.

/// The stable name, then German, English, Dutch and French; in the order of the names.
const MEMBERS: &[(&str, [&str; 4])] = &[
    ("action", ["Aktion", "Action", "Actie", "Action"]),
    ("branding.colour", ["Farbe", "Colour", "Kleur", "Couleur"]),
    ("browser", ["Browser", "Browser", "Browser", "Navigateur"]),
    ("changed", ["Geändert", "Changed", "Gewijzigd", "Modifié"]),
    (
        "contact.email",
        [
            "E-Mail-Adresse für Fragen",
            "Email address for questions",
            "E-mailadres voor vragen",
            "Adresse e-mail pour les questions",
        ],
    ),
    (
        "contact.phone",
        ["Telefon für Fragen", "Phone for questions", "Telefoon voor vragen", "Téléphone pour les questions"],
    ),
    (
        "contact.url",
        ["Webseite für Fragen", "Website for questions", "Website voor vragen", "Site web pour les questions"],
    ),
    ("created", ["Neu angelegt", "Created", "Nieuw aangemaakt", "Créé"]),
    ("dead_letters", ["Dead Letters", "Dead letters", "Dead letters", "Dead letters"]),
    ("deliveries", ["Zustellungen", "Deliveries", "Verzendingen", "Envois"]),
    ("ended", ["Schon beendet", "Already ended", "Al beëindigd", "Déjà terminé"]),
    ("events", ["Ereignisse", "Events", "Gebeurtenissen", "Événements"]),
    ("expires_at", ["Gültig bis", "Valid until", "Geldig tot", "Valable jusqu’au"]),
    ("file", ["Datei", "File", "Bestand", "Fichier"]),
    ("imprint_url", ["Impressum", "Imprint", "Colofon", "Mentions légales"]),
    (
        "in_place_of_another",
        [
            "Anstelle einer anderen App",
            "In place of another app",
            "In plaats van een andere app",
            "À la place d’une autre application",
        ],
    ),
    (
        "invitation_expires_at",
        ["Einladung gültig bis", "Invitation valid until", "Uitnodiging geldig tot", "Invitation valable jusqu’au"],
    ),
    ("invoice_number", ["Rechnungsnummer", "Invoice number", "Factuurnummer", "Numéro de facture"]),
    ("kind", ["Art", "Kind", "Soort", "Type"]),
    ("legal_footer", ["Rechtliche Fußzeile", "Legal footer", "Juridische voettekst", "Pied de page légal"]),
    ("link_only", ["Nur ein Link", "Link only", "Alleen een link", "Lien seulement"]),
    ("links", ["Links", "Links", "Links", "Liens"]),
    ("links_revoked", ["Gesperrte Links", "Links revoked", "Ingetrokken links", "Liens révoqués"]),
    ("locale", ["Sprache", "Language", "Taal", "Langue"]),
    ("more", ["Weitere folgen", "More follow", "Er volgen meer", "D’autres suivent"]),
    ("name", ["Name", "Name", "Naam", "Nom"]),
    ("new", ["Jetzt", "Now", "Nu", "Maintenant"]),
    (
        "object_prefix",
        ["Präfix der Dokumente", "Prefix of the documents", "Voorvoegsel van de documenten", "Préfixe des documents"],
    ),
    ("old", ["Vorher", "Before", "Eerder", "Avant"]),
    ("omitted_bytes", ["Ausgelassene Bytes", "Bytes left out", "Weggelaten bytes", "Octets omis"]),
    ("operator", ["Person", "Person", "Persoon", "Personne"]),
    ("original", ["Frühere Zustellung", "Earlier delivery", "Eerdere verzending", "Envoi antérieur"]),
    (
        "original_was",
        [
            "Stand der früheren Zustellung",
            "State of the earlier delivery",
            "Status van de eerdere verzending",
            "État de l’envoi antérieur",
        ],
    ),
    (
        "portal_authentication.level",
        [
            "Prüfung im Portal",
            "Verification in the portal",
            "Verificatie in het portaal",
            "Vérification dans le portail",
        ],
    ),
    ("portal_authentication.primary", ["Erste Methode", "First method", "Eerste methode", "Première méthode"]),
    ("portal_authentication.secondary", ["Zweite Methode", "Second method", "Tweede methode", "Seconde méthode"]),
    ("privacy_url", ["Datenschutzhinweis", "Privacy notice", "Privacyverklaring", "Politique de confidentialité"]),
    ("query", ["Suche", "Search", "Zoekopdracht", "Recherche"]),
    ("recovery_codes", ["Wiederherstellungscodes", "Recovery codes", "Herstelcodes", "Codes de secours"]),
    (
        "recovery_codes_left",
        [
            "Übrige Wiederherstellungscodes",
            "Recovery codes left",
            "Resterende herstelcodes",
            "Codes de secours restants",
        ],
    ),
    ("relay", ["Relay", "Relay", "Relay", "Relais"]),
    ("rest", ["Zustellung an die Übrigen", "Delivery to the others", "Verzending aan de overigen", "Envoi aux autres"]),
    ("restored_version", ["Wiederhergestellte Version", "Restored version", "Herstelde versie", "Version restaurée"]),
    ("role", ["Rolle", "Role", "Rol", "Rôle"]),
    ("rows", ["Zeilen", "Rows", "Regels", "Lignes"]),
    ("search", ["Suche", "Search", "Zoekopdracht", "Recherche"]),
    (
        "sender.address",
        ["Adresse des Absenders", "Sender’s address", "Adres van de afzender", "Adresse de l’expéditeur"],
    ),
    (
        "sender.bounce_address",
        ["Adresse für Unzustellbares", "Bounce address", "Adres voor onbestelbare e-mails", "Adresse pour les retours"],
    ),
    ("sender.name", ["Name des Absenders", "Sender’s name", "Naam van de afzender", "Nom de l’expéditeur"]),
    (
        "sender.reply_to",
        ["Adresse für Antworten", "Address for replies", "Adres voor antwoorden", "Adresse de réponse"],
    ),
    (
        "sensitive_attachments",
        ["Dokumente als Anhang", "Documents as attachments", "Documenten als bijlage", "Documents en pièces jointes"],
    ),
    ("session", ["Sitzung", "Session", "Sessie", "Session"]),
    ("sessions", ["Sitzungen", "Sessions", "Sessies", "Sessions"]),
    ("sessions_ended", ["Beendete Sitzungen", "Sessions ended", "Beëindigde sessies", "Sessions terminées"]),
    (
        "sessions_max",
        ["Höchstzahl der Sitzungen", "Sessions at most", "Hoogste aantal sessies", "Nombre maximal de sessions"],
    ),
    ("sha256", ["SHA-256", "SHA-256", "SHA-256", "SHA-256"]),
    ("since", ["Seit", "Since", "Sinds", "Depuis"]),
    ("state", ["Stand", "State", "Status", "État"]),
    ("step", ["Schritt", "Step", "Stap", "Étape"]),
    ("subject", ["Worum es ging", "About", "Waarover", "Objet"]),
    ("tenant_id", ["Mandant", "Tenant", "Tenant", "Mandant"]),
    ("tenants", ["Mandanten", "Tenants", "Tenants", "Mandants"]),
    ("time_zone", ["Zeitzone", "Time zone", "Tijdzone", "Fuseau horaire"]),
    ("times", ["Anzahl", "Times", "Aantal keren", "Nombre de fois"]),
    ("to", ["An", "To", "Aan", "À"]),
    ("token", ["Token", "Token", "Token", "Jeton"]),
    ("until", ["Bis", "Until", "Tot", "Jusqu’à"]),
    ("version", ["Version", "Version", "Versie", "Version"]),
    ("who", ["Wer", "Who", "Wie", "Qui"]),
];

pub(super) fn german(member: &str) -> Option<&'static str> {
    word(member, 0)
}

pub(super) fn english(member: &str) -> Option<&'static str> {
    word(member, 1)
}

pub(super) fn dutch(member: &str) -> Option<&'static str> {
    word(member, 2)
}

pub(super) fn french(member: &str) -> Option<&'static str> {
    word(member, 3)
}

fn word(member: &str, language: usize) -> Option<&'static str> {
    let place = MEMBERS.binary_search_by_key(&member, |(name, _)| *name).ok()?;
    Some(MEMBERS[place].1[language])
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::model::settings::{
        PortalAuthentication, PortalLevel, SensitiveAttachments, Settings, VerificationMethod,
    };

    #[test]
    fn each_member_has_words_in_each_language() {
        assert!(MEMBERS.is_sorted_by(|one, other| one.0 < other.0), "each name once, in order");
        for (name, words) in MEMBERS {
            assert!(words.iter().all(|word| !word.is_empty() && *word == word.trim()), "{name}: {words:?}");
            assert_eq!([german(name), english(name), dutch(name), french(name)], words.map(Some), "{name}");
        }
        assert_eq!([german("made_tea"), french("")], [None, None]);
    }

    #[test]
    fn whatever_settings_hold_has_a_name() {
        let settings = Settings {
            sensitive_attachments: SensitiveAttachments::Exclude,
            portal_authentication: PortalAuthentication {
                level: PortalLevel::EveryPage,
                primary: Some(VerificationMethod::SmsOtp),
                secondary: Some(VerificationMethod::PostcodeHouseNumber),
            },
        };
        let Ok(Value::Object(members)) = serde_json::to_value(settings) else { panic!("an object") };
        let nested = |(name, member): (&String, &Value)| match member {
            Value::Object(inner) => inner.keys().map(|inner| format!("{name}.{inner}")).collect(),
            _ => vec![name.clone()],
        };
        let names: Vec<String> = members.iter().flat_map(nested).collect();
        assert_eq!(names.len(), 4, "{names:?}");
        for name in names {
            assert!(german(&name).is_some(), "{name}");
        }
    }
}

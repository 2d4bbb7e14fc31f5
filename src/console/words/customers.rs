//! Customers and tenants.

use super::words;
use crate::model::customer::CustomerType;

words! { CustomerWords {
    kind: fn(Option<CustomerType>) -> &'static str =
        |kind| match kind { Some(CustomerType::Private) => "Privatkunde", Some(CustomerType::Business) => "Geschäftskunde", None => "Art unbekannt" },
        |kind| match kind { Some(CustomerType::Private) => "Private customer", Some(CustomerType::Business) => "Business customer", None => "Type unknown" },
        |kind| match kind { Some(CustomerType::Private) => "Particuliere klant", Some(CustomerType::Business) => "Zakelijke klant", None => "Soort onbekend" },
        |kind| match kind { Some(CustomerType::Private) => "Client particulier", Some(CustomerType::Business) => "Client professionnel", None => "Type inconnu" };
    unknown_kind_means =
        "Zählt als privat, bis die Abrechnung die Art nennt.",
        "Counts as private until billing names the type.",
        "Telt als particulier totdat de facturatie de soort noemt.",
        "Compte comme particulier tant que la facturation n’indique pas le type.";
    record = "Stammdaten", "Record", "Stamgegevens", "Données de base";
    record_hint =
        "Kommen aus der Abrechnung und werden dort geändert.",
        "Come from billing, and are changed there.",
        "Komen uit de facturatie en worden daar gewijzigd.",
        "Viennent de la facturation et y sont modifiées.";
    address = "E-Mail-Adresse", "Email address", "E-mailadres", "Adresse e-mail";
    locale = "Sprache", "Language", "Taal", "Langue";
    country = "Land", "Country", "Land", "Pays";
    postcode = "Postleitzahl und Hausnummer", "Postcode and house number", "Postcode en huisnummer", "Code postal et numéro de rue";
    mobile = "Mobilnummer", "Mobile number", "Mobiel nummer", "Numéro de mobile";
    mobile_refused = "vom SMS-Anbieter abgelehnt", "refused by the SMS provider", "geweigerd door de sms-aanbieder", "refusé par le fournisseur de SMS";
    missing = "fehlt", "missing", "ontbreekt", "manquant";
    in_portal = "Im Portal", "In the portal", "In het portaal", "Dans le portail";
    methods = "Prüfung durch", "Verified by", "Verificatie door", "Vérification par";
    usable = "möglich", "possible", "mogelijk", "possible";
    unusable = "nicht möglich", "not possible", "niet mogelijk", "impossible";
    cannot_be_verified =
        "Dieser Kunde kann sich nicht ausweisen: Keine gewählte Prüfung passt zu den Stammdaten.",
        "This customer cannot be verified: no chosen method fits the record.",
        "Deze klant kan zich niet verifiëren: geen gekozen methode past bij de stamgegevens.",
        "Ce client ne peut pas être vérifié\u{a0}: aucune méthode choisie ne convient à ses données.";
    locked = "Prüfung gesperrt bis", "Verification locked until", "Verificatie geblokkeerd tot", "Vérification bloquée jusqu’au";
    links = "Links", "Links", "Links", "Liens";
    no_links =
        "Noch keine Links. Hier stünde, welche gelten und wann sie zuletzt geöffnet wurden.",
        "No links yet. Here you would see which ones work, and when they were opened.",
        "Nog geen links. Hier zou staan welke werken en wanneer ze geopend zijn.",
        "Aucun lien. Ici figureraient ceux qui sont valables et leur dernière ouverture.";
    last_opened = "Zuletzt geöffnet", "Last opened", "Laatst geopend", "Dernière ouverture";
    invoices = "Rechnungen", "Invoices", "Facturen", "Factures";
    no_invoices =
        "Noch keine Rechnungen an diesen Kunden.", "No invoices for this customer yet.", "Nog geen facturen voor deze klant.",
        "Aucune facture pour ce client.";
    tenants_title = "Mandanten", "Tenants", "Tenants", "Mandants";
    no_tenants =
        "Noch kein Mandant. Die Abrechnung legt sie über die Schnittstelle an, oder `import` liest sie aus einer Datei.",
        "No tenant yet. Billing adds them over the API, or `import` reads them from a file.",
        "Nog geen tenant. De facturatie voegt ze toe via de API, of `import` leest ze uit een bestand.",
        "Aucun mandant. La facturation les ajoute par l’API, ou `import` les lit dans un fichier.";
    sender = "Absender", "Sender", "Afzender", "Expéditeur";
    last_sent = "Zuletzt gesendet", "Last sent", "Laatst verzonden", "Dernier envoi";
    to_send = "Zu senden", "To send", "Te versturen", "À envoyer";
    needs_you = "Offen", "Open", "Open", "À traiter";
    sends = "sendet", "sends", "verstuurt", "envoie";
    paused = "angehalten", "paused", "gepauzeerd", "suspendu";
    paused_by: fn(&str) -> String =
        |who| format!("angehalten von {who}"), |who| format!("paused by {who}"), |who| format!("gepauzeerd door {who}"),
        |who| format!("suspendu par {who}");
    pause = "Versand anhalten …", "Pause sending …", "Versturen pauzeren …", "Suspendre l’envoi …";
    pause_means =
        "Neue Rechnungen werden angenommen und warten. Was gerade gesendet wird, geht noch hinaus.",
        "New invoices are accepted and wait. What is being sent right now still goes out.",
        "Nieuwe facturen worden aangenomen en wachten. Wat nu verstuurd wordt, gaat nog de deur uit.",
        "Les nouvelles factures sont acceptées et attendent. Ce qui est en cours d’envoi part encore.";
    resume = "Versand fortsetzen", "Resume sending", "Versturen hervatten", "Reprendre l’envoi";
    sender_held = "Das Relay lehnt den Absender ab", "The relay refuses the sender", "De relay weigert de afzender", "Le relais refuse l’expéditeur";
    reply_to = "Antwort an", "Reply to", "Antwoord aan", "Réponse à";
    bounces = "Unzustellbares an", "Bounces to", "Onbestelbaar naar", "Non-distribués à";
    time_zone = "Zeitzone", "Time zone", "Tijdzone", "Fuseau horaire";
    relay = "Relay", "Relay", "Relay", "Relais";
    settings = "Kundenportal", "Customer portal", "Klantportaal", "Portail client";
    change_settings = "Einstellungen öffnen", "Open the settings", "Instellingen openen", "Ouvrir les réglages";
    recent = "Zuletzt", "Recent", "Recent", "Récent";
    no_recent =
        "Noch nichts gesendet. Hier stünden die letzten Rechnungen.",
        "Nothing sent yet. Here you would see the last invoices.",
        "Nog niets verstuurd. Hier zouden de laatste facturen staan.",
        "Rien n’a encore été envoyé. Ici figureraient les dernières factures.";
    work = "Arbeitsliste", "Work list", "Werklijst", "À traiter";
} }

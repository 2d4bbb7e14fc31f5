//! Customers and tenants.

use super::words;
use crate::model::customer::CustomerType;

words! { CustomerWords {
    kind: fn(Option<CustomerType>) -> &'static str =
        |kind| match kind { Some(CustomerType::Private) => "Privatkunde", Some(CustomerType::Business) => "Geschäftskunde", None => "Art unbekannt" },
        |kind| match kind { Some(CustomerType::Private) => "Private customer", Some(CustomerType::Business) => "Business customer", None => "Type unknown" },
        |kind| match kind { Some(CustomerType::Private) => "Particuliere klant", Some(CustomerType::Business) => "Zakelijke klant", None => "Soort onbekend" };
    unknown_kind_means =
        "Zählt als privat, bis die Abrechnung die Art nennt.",
        "Counts as private until billing names the type.",
        "Telt als particulier totdat de facturatie de soort noemt.";
    record = "Stammdaten", "Record", "Stamgegevens";
    record_hint =
        "Kommen aus der Abrechnung und werden dort geändert.",
        "Come from billing, and are changed there.",
        "Komen uit de facturatie en worden daar gewijzigd.";
    address = "E-Mail-Adresse", "Email address", "E-mailadres";
    locale = "Sprache", "Language", "Taal";
    country = "Land", "Country", "Land";
    postcode = "Postleitzahl und Hausnummer", "Postcode and house number", "Postcode en huisnummer";
    mobile = "Mobilnummer", "Mobile number", "Mobiel nummer";
    mobile_refused = "vom SMS-Anbieter abgelehnt", "refused by the SMS provider", "geweigerd door de sms-aanbieder";
    missing = "fehlt", "missing", "ontbreekt";
    in_portal = "Im Portal", "In the portal", "In het portaal";
    methods = "Prüfung durch", "Verified by", "Verificatie door";
    usable = "möglich", "possible", "mogelijk";
    unusable = "nicht möglich", "not possible", "niet mogelijk";
    cannot_be_verified =
        "Dieser Kunde kann sich nicht ausweisen: Keine gewählte Prüfung passt zu den Stammdaten.",
        "This customer cannot be verified: no chosen method fits the record.",
        "Deze klant kan zich niet verifiëren: geen gekozen methode past bij de stamgegevens.";
    locked = "Prüfung gesperrt", "Verification locked", "Verificatie geblokkeerd";
    links = "Links", "Links", "Links";
    no_links =
        "Noch keine Links. Hier stünde, welche gelten und wann sie zuletzt geöffnet wurden.",
        "No links yet. Here you would see which ones work, and when they were opened.",
        "Nog geen links. Hier zou staan welke werken en wanneer ze geopend zijn.";
    last_opened = "Zuletzt geöffnet", "Last opened", "Laatst geopend";
    invoices = "Rechnungen", "Invoices", "Facturen";
    no_invoices =
        "Noch keine Rechnungen an diesen Kunden.", "No invoices for this customer yet.", "Nog geen facturen voor deze klant.";
    tenants_title = "Mandanten", "Tenants", "Tenants";
    no_tenants =
        "Noch kein Mandant. Die Abrechnung legt sie über die Schnittstelle an, oder `import` liest sie aus einer Datei.",
        "No tenant yet. Billing adds them over the API, or `import` reads them from a file.",
        "Nog geen tenant. De facturatie voegt ze toe via de API, of `import` leest ze uit een bestand.";
    sender = "Absender", "Sender", "Afzender";
    last_sent = "Zuletzt gesendet", "Last sent", "Laatst verzonden";
    to_send = "Zu senden", "To send", "Te versturen";
    needs_you = "Offen", "Open", "Open";
    sends = "sendet", "sends", "verstuurt";
    paused = "angehalten", "paused", "gepauzeerd";
    paused_by: fn(&str) -> String =
        |who| format!("angehalten von {who}"), |who| format!("paused by {who}"), |who| format!("gepauzeerd door {who}");
    pause = "Versand anhalten …", "Pause sending …", "Versturen pauzeren …";
    pause_means =
        "Neue Rechnungen werden angenommen und warten. Was gerade gesendet wird, geht noch hinaus.",
        "New invoices are taken and wait. What is being sent right now still goes out.",
        "Nieuwe facturen worden aangenomen en wachten. Wat nu verstuurd wordt, gaat nog de deur uit.";
    resume = "Versand fortsetzen", "Resume sending", "Versturen hervatten";
    sender_held = "Das Relay lehnt den Absender ab", "The relay refuses the sender", "De relay weigert de afzender";
    reply_to = "Antwort an", "Reply to", "Antwoord aan";
    bounces = "Unzustellbares an", "Bounces to", "Onbestelbaar naar";
    time_zone = "Zeitzone", "Time zone", "Tijdzone";
    relay = "Relay", "Relay", "Relay";
    settings = "Kundenportal", "Customer portal", "Klantportaal";
    change_settings = "Einstellungen öffnen", "Open the settings", "Instellingen openen";
    recent = "Zuletzt", "Recent", "Recent";
    no_recent =
        "Noch nichts gesendet. Hier stünden die letzten Rechnungen.",
        "Nothing sent yet. Here you would see the last invoices.",
        "Nog niets verstuurd. Hier zouden de laatste facturen staan.";
    work = "Arbeitsliste", "Work list", "Werklijst";
} }

//! The audit log.

use super::words;

words! { AuditWords {
    title = "Audit-Protokoll", "Audit log", "Auditlog";
    lead =
        "Jede Änderung, jede abgewiesene Anmeldung und jeder Blick auf unverkürzte persönliche Daten. Einträge können nicht geändert werden.",
        "Every change, every refused sign-in, and every look at unmasked personal data. Entries cannot be changed.",
        "Elke wijziging, elke geweigerde aanmelding en elke blik op onverkorte persoonlijke gegevens. Regels kunnen niet worden gewijzigd.";
    action = "Aktion", "Action", "Actie";
    any_action = "Jede Aktion", "Any action", "Elke actie";
    about = "Worum es ging", "About", "Waarover";
    why = "Warum", "Why", "Waarom";
    from = "Woher", "From", "Vanwaar";
    refused = "abgewiesen", "refused", "geweigerd";
    erased = "Einzelheiten gelöscht", "details erased", "details gewist";
    from_day = "Von", "From", "Van";
    to_day = "Bis", "To", "Tot";
    nothing =
        "Kein Eintrag passt. Hier stünde, wer was wann und warum getan hat.",
        "No entry fits. Here you would see who did what, when, and why.",
        "Geen regel past. Hier zou staan wie wat wanneer en waarom deed.";
    how: fn(&str) -> &'static str =
        |how| match how { "operator" => "Person", "token" => "Token", "bootstrap_token" => "API_TOKEN", "command_line" => "Befehlszeile", "this_machine" => "dieser Rechner", _ => "Programm" },
        |how| match how { "operator" => "person", "token" => "token", "bootstrap_token" => "API_TOKEN", "command_line" => "command line", "this_machine" => "this machine", _ => "program" },
        |how| match how { "operator" => "persoon", "token" => "token", "bootstrap_token" => "API_TOKEN", "command_line" => "opdrachtregel", "this_machine" => "deze machine", _ => "programma" };
} }

//! The audit log.

use super::{audit_actions, audit_members, words};
use crate::model::audit::AuditAction;

words! { AuditWords {
    title = "Audit-Protokoll", "Audit log", "Auditlog", "Journal d’audit";
    lead =
        "Jede Änderung, jede Anmeldung und jeder Blick auf unverkürzte persönliche Daten. Einträge können nicht geändert werden.",
        "Every change, every sign-in, and every look at unmasked personal data. Entries cannot be changed.",
        "Elke wijziging, elke aanmelding en elke inzage in onverkorte persoonsgegevens. Regels kunnen niet worden gewijzigd.",
        "Chaque modification, chaque connexion et chaque consultation de données personnelles non abrégées. Les entrées ne peuvent pas être modifiées.";
    action = "Aktion", "Action", "Actie", "Action";
    action_name: fn(AuditAction) -> &'static str =
        audit_actions::german, audit_actions::english, audit_actions::dutch, audit_actions::french;
    /// None of a member that the table does not know.
    member_name: fn(&str) -> Option<&'static str> =
        audit_members::german, audit_members::english, audit_members::dutch, audit_members::french;
    any_action = "Jede Aktion", "Any action", "Elke actie", "Toute action";
    about = "Worum es ging", "About", "Waarover", "Objet";
    why = "Warum", "Why", "Waarom", "Pourquoi";
    from = "Netz", "Network", "Netwerk", "Réseau";
    refused = "abgewiesen", "refused", "geweigerd", "refusé";
    erased = "Einzelheiten gelöscht", "details erased", "details gewist", "détails effacés";
    from_day = "Von", "From", "Van", "Du";
    to_day = "Bis", "To", "Tot", "Au";
    nothing =
        "Kein Eintrag passt. Hier stünde, wer was wann und warum getan hat.",
        "No entry matches. Here you would see who did what, when, and why.",
        "Geen regels gevonden. Hier zou staan wie wat wanneer en waarom deed.",
        "Aucune entrée ne correspond. Ici figurerait qui a fait quoi, quand et pourquoi.";
    how: fn(&str) -> &'static str =
        |how| match how { "operator" => "Person", "token" => "Token", "bootstrap_token" => "API_TOKEN", "command_line" => "Befehlszeile", "this_machine" => "dieser Rechner", _ => "Programm" },
        |how| match how { "operator" => "person", "token" => "token", "bootstrap_token" => "API_TOKEN", "command_line" => "command line", "this_machine" => "this machine", _ => "program" },
        |how| match how { "operator" => "persoon", "token" => "token", "bootstrap_token" => "API_TOKEN", "command_line" => "opdrachtregel", "this_machine" => "deze machine", _ => "programma" },
        |how| match how { "operator" => "personne", "token" => "jeton", "bootstrap_token" => "API_TOKEN", "command_line" => "ligne de commande", "this_machine" => "cette machine", _ => "programme" };
} }

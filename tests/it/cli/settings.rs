//! `settings`: shown with their version, changed only as they were seen; and `customers erase`.

use crate::harness::command_line::CommandLine;

#[test]
fn what_is_not_named_stays() {
    let here = CommandLine::new();
    here.import_examples();
    let said = here.run("settings set --tenant acme --level sensitive --secondary none --reason simpler --json");
    assert_eq!(said.code, 0, "{}", said.stderr);
    let why = here.run("audit list --action settings_changed --json").json().remove(0);
    assert_eq!(why["reason"], "simpler", "{why}");
    let settings = here.run("settings get --tenant acme --json").json().remove(0);
    assert_eq!(settings["version"], 2);
    assert_eq!(settings["sensitive_attachments"], "exclude_for_private");
    let portal = serde_json::json!({"level": "sensitive", "primary": "sms_otp"});
    assert_eq!(settings["portal_authentication"], portal);
}

#[test]
fn what_cannot_be_saved_changes_nothing_and_says_what_to_write() {
    let here = CommandLine::new();
    here.import_examples();
    let cases = [
        ("--tenant acme --level sensitive --if-version 7", "have version 1 by now, not 7", "name that version"),
        ("--tenant acme --secondary sms_otp", "the same as primary", "--secondary none"),
        ("--tenant acme --primary none", "secondary stands without a primary", "set --primary"),
        ("--tenant molen --level every_page", "primary is missing", "--primary sms_otp"),
        ("--tenant acne --level sensitive", "there is no tenant \"acne\"", "import the tenant"),
    ];
    for (words, problem, remedy) in cases {
        let said = here.run(&format!("settings set {words}"));
        assert_eq!(said.code, 1, "{words}");
        assert!(said.stderr.contains(problem) && said.stderr.contains(remedy), "{words}: {}", said.stderr);
    }
    assert_eq!(here.run("settings get --tenant acme --json").json()[0]["version"], 1);
}

#[test]
fn links_to_a_closed_portal_are_warned_of() {
    let here = CommandLine::new();
    here.import_examples();
    let said = here.run("settings set --tenant acme --sensitive-attachments exclude --level inaccessible");
    assert_eq!(said.code, 0);
    assert!(said.stdout.starts_with("settings of acme, version 2, in force from now on\n"), "{}", said.stdout);
    assert!(
        said.stdout.contains("  warning                 documents are neither attached nor shown"),
        "{}",
        said.stdout
    );
    assert!(said.stdout.contains("(3 customers today)"), "{}", said.stdout);
    assert!(said.stdout.contains("transmitted"), "{}", said.stdout);
}

#[test]
fn a_customer_is_erased_unless_mail_is_under_way() {
    let here = CommandLine::new();
    here.import_examples();
    let event = crate::harness::command_line::example("events/01-invoice-business.json");
    assert_eq!(here.run(&format!("publish {event}")).code, 0);
    let said = here.run("customers erase --tenant acme --customer C-1042 --reason GDPR");
    assert!(said.code == 1 && said.stderr.contains("C-1042 of acme has 1 mail still under way"), "{}", said.stderr);
    let said = here.run("customers erase --tenant acme --customer C-2001 --reason GDPR");
    let asked =
        "this would erase customer C-2001 of acme for good, also from 0 deliveries and 0 dead letters, and standard";
    assert!(said.code == 1 && said.stderr.contains(asked), "{}", said.stderr);
    let said = here.run("customers erase --tenant acme --customer C-2001 --reason GDPR --yes --json");
    assert_eq!(said.json()[0]["customer_id"], "C-2001", "{}", said.stderr);
    let said = here.run("customers erase --tenant acme --customer C-9 --reason GDPR");
    assert!(said.code == 1 && said.stderr.contains("there is no customer \"C-9\""), "{}", said.stderr);
}

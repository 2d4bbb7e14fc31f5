//! What the program writes is its user's alone: invoices, addresses and keys stand in it.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use invoice_dispatcher::private_file;

use crate::harness::command_line::{CommandLine, example};

/// Every file and folder below `folder` that others than its owner may use, with its mode.
fn open_to_others(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        let mode = fs::metadata(&path).expect("it is there").permissions().mode() & 0o777;
        if mode & 0o077 != 0 {
            found.push(format!("{} {mode:o}", path.display()));
        }
        if path.is_dir() {
            found.extend(open_to_others(&path));
        }
    }
    found
}

#[test]
fn everything_that_a_demo_writes() {
    let here = CommandLine::new();
    let said = here.run("demo --once --data shown");
    assert_eq!(said.code, 0, "{}", said.stderr);
    let shown = here.folder().join("shown");
    assert!(fs::read_dir(shown.join("mail")).expect("mails").count() > 5);
    assert_eq!(open_to_others(here.folder()), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_of_an_embedded_installation_and_a_mail_that_is_previewed() {
    let here = CommandLine::new();
    here.import_examples();
    for name in ["R-2026-0042.pdf", "R-2026-0042.xml", "LS-77.pdf"] {
        let to = here.folder().join("data/documents/acme/2026").join(name);
        private_file::create_folder(to.parent().expect("a folder")).expect("made");
        let bytes = fs::read(example(&format!("documents/acme/2026/{name}"))).expect("the example's document");
        private_file::write(&to, &bytes).expect("written");
    }
    let event = example("events/01-invoice-business.json");
    let said = here.run(&format!("preview {event} --eml mail.eml"));
    assert_eq!(said.code, 0, "{}", said.stderr);
    for name in ["mail.eml", "data/dispatcher.db", "data/documents", "data/secret.key"] {
        assert!(here.folder().join(name).exists(), "{name}");
    }
    assert_eq!(open_to_others(here.folder()), Vec::<String>::new());
}

#[test]
fn a_database_of_an_earlier_version_is_closed_to_others() {
    let here = CommandLine::new();
    here.import_examples();
    let database = here.folder().join("data/dispatcher.db");
    fs::set_permissions(&database, Permissions::from_mode(0o644)).expect("set");
    here.import_examples();
    assert_eq!(open_to_others(here.folder()), Vec::<String>::new());
}

#[test]
fn a_configuration_with_a_secret_must_be_closed_to_others() {
    let here = CommandLine::new();
    let file = here.folder().join("config.toml");
    fs::write(&file, "[relays.default]\nurl = \"smtp://dora:hunter2@127.0.0.1:1\"\n").expect("written");
    fs::set_permissions(&file, Permissions::from_mode(0o644)).expect("set");
    let said = here.run("deliveries list");
    assert_eq!(said.code, 1, "{}", said.stdout);
    assert!(said.stderr.contains("chmod 600 config.toml") && !said.stderr.contains("hunter2"), "{}", said.stderr);

    fs::set_permissions(&file, Permissions::from_mode(0o600)).expect("set");
    let said = here.run("deliveries list");
    assert_eq!(said.code, 0, "{}", said.stderr);
}

#[test]
fn a_file_with_a_secret_that_others_may_read_is_warned_of() {
    let here = CommandLine::new();
    let (token, url) = (here.folder().join("token"), here.folder().join("smtp-url"));
    fs::write(&token, "0f1e2d3c4b5a69788796a5b4c3d2e1f0").expect("written");
    fs::write(&url, "smtp://dora:hunter2@127.0.0.1:1").expect("written");
    let here =
        here.with("API_TOKEN_FILE", &token.display().to_string()).with("SMTP_URL_FILE", &url.display().to_string());
    let named = |mode: u32| {
        for file in [&token, &url] {
            fs::set_permissions(file, Permissions::from_mode(mode)).expect("set");
        }
        let said = here.run("doctor --json");
        assert!(!said.stdout.contains("hunter2"), "{}", said.stdout);
        let open = said.json().into_iter().filter(|row| row["check"] == "secret files");
        open.map(|row| format!("{} {} {}", row["result"], row["detail"], row["what_to_do"])).collect::<Vec<_>>()
    };
    let warned = named(0o644);
    assert_eq!(warned.len(), 2, "{warned:?}");
    for (row, place) in warned.iter().zip(["SMTP_URL_FILE", "API_TOKEN_FILE"]) {
        assert!(row.contains(place) && row.contains("(mode 644)") && row.contains("chmod 600 "), "{row}");
    }
    assert_eq!(named(0o640), Vec::<String>::new(), "a group of its own is how services share a file");
    assert_eq!(named(0o600), Vec::<String>::new());
}

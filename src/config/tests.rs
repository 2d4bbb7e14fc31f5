//! The configuration as a whole: what wins, and what is refused.

mod shipped_file;

use std::path::PathBuf;

use super::*;
use crate::model::state::OnUncertain;
use crate::relay::Security;
use crate::telemetry::LogFormat;

const SHIPPED: &str = include_str!("../../config.toml");
const TOKEN: &str = "5f1d7c0a9b3e48d2a6c1f0e7b8d93a24";
const KEY: &str = "b3VyIG93biBrZXksIHByaW50ZWQgbm93aGVyZSBlbHNl";

fn sources(environment: &[(&str, &str)], file: &str) -> ConfigSources {
    ConfigSources {
        environment: environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
        file: Some((PathBuf::from("config.toml"), file.to_owned())),
        exists: |_| true,
        ..ConfigSources::none()
    }
}

fn config(environment: &[(&str, &str)], file: &str) -> Config {
    Config::read(&sources(environment, file)).unwrap_or_else(|faults| panic!("{faults}"))
}

/// `place problem` of each fault.
fn faults(environment: &[(&str, &str)], file: &str) -> Vec<String> {
    let faults = Config::read(&sources(environment, file)).expect_err("faults");
    faults.0.into_iter().map(|fault| format!("{} {} → {}", fault.place, fault.problem, fault.remedy)).collect()
}

fn relay<'a>(config: &'a Config, name: &str) -> &'a RelayConfig {
    config.relays.get(&RelayName::from(name)).expect("the relay is there")
}

#[test]
fn nothing_set_is_embedded() {
    let config = Config::read(&ConfigSources::none()).expect("defaults have no fault");
    assert_eq!(config.database.url.expose(), "sqlite://data/dispatcher.db");
    assert!(config.database.is_sqlite() && config.broker.url.is_none() && config.relays.is_empty());
    assert_eq!(config.documents.place, DocumentsPlace::Folder("data/documents".into()));
    assert_eq!(config.metrics.listen.to_string(), "127.0.0.1:9464");
    assert_eq!(config.retry.schedule.iter().sum::<std::time::Duration>().as_secs(), 14 * 3600 + 42 * 60 + 30);
}

#[test]
fn the_environment_goes_before_the_file_and_the_file_before_the_default() {
    let file = "[metrics]\nlisten = \"127.0.0.1:1\"\n[console]\nlisten = \"127.0.0.1:2\"\n";
    let config = config(&[("METRICS_LISTEN", "127.0.0.1:3"), ("CONSOLE_LISTEN", " ")], file);
    assert_eq!(config.metrics.listen.port(), 3);
    assert_eq!(config.console.listen.port(), 2, "an empty variable counts as unset");
    assert_eq!(config.portal.listen.port(), 8081);
}

#[test]
fn production_reads_every_variable() {
    let environment = [
        ("DATABASE_URL", "postgres://dora:pw@db.example/bills"),
        ("AMQP_URL", "amqps://dora:pw@mq.example/%2f"),
        ("SMTP_URL", "smtps://dora:p%40w@mail.example"),
        ("DOCUMENTS_URL", "s3://bills/eu"),
        ("AWS_ACCESS_KEY_ID", "AKIA"),
        ("AWS_SECRET_ACCESS_KEY", "pw"),
        ("PORTAL_URL", "https://portal.example/"),
        ("CONSOLE_URL", "https://console.example"),
        ("CONSOLE_LISTEN", "0.0.0.0:8080"),
        ("API_TOKEN", TOKEN),
        ("SECRET_KEYS", KEY),
        ("TRUSTED_PROXIES", "10.0.0.0/8, 192.0.2.1"),
        ("SMS_URL", "https://dora:pw@sms.example/send"),
        ("LOG_FORMAT", "json"),
    ];
    let config = config(&environment, "[relays.default]\nconnections = 9\n");
    let relay = relay(&config, "default");
    assert_eq!(
        (relay.url.security, relay.url.host.as_str(), relay.url.port),
        (Security::ImplicitTls, "mail.example", 465)
    );
    assert_eq!((relay.connections, relay.hello_name.as_str()), (9, "portal.example"));
    assert_eq!(config.portal.url.as_str(), "https://portal.example");
    assert_eq!(config.http.trusted_proxies.len(), 2);
    assert_eq!(config.log.format, LogFormat::Json);
    assert!(config.secrets.keys.is_some() && config.sms.url.is_some() && config.documents.s3_credentials.is_some());
}

#[test]
fn relays_are_named_in_the_file() {
    let file = "[relays.bulk]\nurl = \"smtp://127.0.0.1:2525\"\nrate = 0.5\non_uncertain = \"resend\"\n\
                max_message_bytes = 1048576\npipelining = false\nfinal_dot_deadline = \"1m\"\n";
    let config = config(&[("SMTP_URL", "smtp://localhost")], file);
    let bulk = relay(&config, "bulk");
    assert_eq!((bulk.rate, bulk.on_uncertain, bulk.pipelining), (Some(0.5), OnUncertain::Resend, false));
    assert_eq!((bulk.message_bytes_max, bulk.deadlines.final_dot.as_secs(), bulk.connections), (1 << 20, 60, 4));
    assert_eq!((bulk.url.port, bulk.hello_name.as_str()), (2525, "[127.0.0.1]"));
    assert_eq!(relay(&config, "default").url.port, 25);
}

#[test]
fn every_fault_is_reported_at_once() {
    let environment = [
        ("DATABASE_URL", "mysql://dora:hunter2@db.example/bills"),
        ("AMQP_URL", "amqp://dora:hunter2@mq.example/"),
        ("SMTP_URL", "smtps://dora:hunter2@"),
        ("DOCUMENTS_URL", "documents"),
        ("PORTAL_URL", "http://portal.example"),
        ("CONSOLE_LISTEN", "localhost:8080"),
        ("SECRET_KEYS", "hunter2hunter2=="),
        ("API_TOKEN", "hunter2"),
        ("TRUSTED_PROXIES", "proxy"),
        ("AWS_ACCESS_KEY_ID", "AKIA"),
        ("LOG_FORMAT", "xml"),
    ];
    let file = "[broker]\ntopolgy = \"declare\"\nprefetch = \"many\"\n[retry]\nschedule = [\"30s\", \"soon\"]\n\
                [relays.bulk]\nconections = 2\n[metrik]\nlisten = \"127.0.0.1:1\"\n";
    let reported = faults(&environment, file);
    let expected = [
        "DATABASE_URL does not begin with postgres: or postgresql:",
        "AMQP_URL ends with /",
        "SMTP_URL ",
        "DOCUMENTS_URL does not begin with file: or s3:",
        "PORTAL_URL is not protected",
        "CONSOLE_LISTEN is \"localhost:8080\", not an IP address",
        "SECRET_KEYS key 1 is",
        "API_TOKEN has fewer than 24 characters",
        "TRUSTED_PROXIES holds \"proxy\", not a network",
        "AWS_SECRET_ACCESS_KEY is missing",
        "LOG_FORMAT is \"xml\" → choose one of: human, json",
        "config.toml line 3: broker.prefetch is not a whole number in range → write a number from 1 to 2000",
        "config.toml line 5: retry.schedule is \"soon\", not a time",
        "relays.bulk.url is missing",
        "config.toml line 2: broker.topolgy is not a known key → did you mean topology?",
        "config.toml line 7: relays.bulk.conections is not a known key → did you mean connections?",
        "config.toml line 8: metrik is not a known key → did you mean [metrics]?",
    ];
    for start in expected {
        assert_eq!(reported.iter().filter(|fault| fault.starts_with(start)).count(), 1, "{start}\n{reported:#?}");
    }
    assert_eq!(reported.len(), expected.len(), "{reported:#?}");
    assert!(!reported.join("\n").contains("hunter2"), "{reported:#?}");
}

#[test]
fn unset_means_embedded_but_never_half() {
    /// Environment, file, and what is missing.
    type Case<'a> = (&'a [(&'a str, &'a str)], &'a str, &'a [&'a str]);
    const AMQP: (&str, &str) = ("AMQP_URL", "amqp://mq.example/%2f");
    const SMTP: (&str, &str) = ("SMTP_URL", "smtps://mail.example");
    const LOCAL_SMTP: (&str, &str) = ("SMTP_URL", "smtp://127.0.0.1:2525");
    const PORTAL: (&str, &str) = ("PORTAL_URL", "https://portal.example");
    const SECRET: (&str, &str) = ("SECRET_KEYS", KEY);
    const DATABASE: (&str, &str) = ("DATABASE_URL", "sqlite://data/own.db");
    let bulk = "[relays.bulk]\nurl = \"smtps://mail.example\"\n";
    let cases: [Case<'_>; 9] = [
        (&[AMQP], "", &["DATABASE_URL"]),
        (&[AMQP, DATABASE], "", &[]),
        (&[AMQP], "[database]\nurl = \"sqlite://data/own.db\"\n", &[]),
        (&[SMTP], "", &["PORTAL_URL", "SECRET_KEYS"]),
        (&[SMTP, PORTAL], "", &["SECRET_KEYS"]),
        (&[SMTP, PORTAL, SECRET], "", &[]),
        (&[LOCAL_SMTP], "", &[]),
        (&[LOCAL_SMTP], bulk, &["PORTAL_URL", "SECRET_KEYS"]),
        (&[AMQP, SMTP], "", &["DATABASE_URL", "PORTAL_URL", "SECRET_KEYS"]),
    ];
    for (environment, file, missing) in cases {
        let places = match Config::read(&sources(environment, file)) {
            Ok(_) => Vec::new(),
            Err(faults) => faults.0.into_iter().map(|fault| fault.place).collect(),
        };
        assert_eq!(places, missing, "{environment:?} {file}");
        let allowed = ConfigSources { allow_embedded: true, ..sources(environment, file) };
        assert!(Config::read(&allowed).is_ok(), "--allow-embedded: {environment:?} {file}");
    }
}

#[test]
fn what_is_open_is_protected_whatever_is_allowed() {
    let cases: [(&[(&str, &str)], &str); 7] = [
        (&[("CONSOLE_LISTEN", "0.0.0.0:8080")], "API_TOKEN"),
        (&[("SMTP_URL", "smtp://mail.example")], "SMTP_URL"),
        (&[("PORTAL_URL", "https://example.com/bills")], "PORTAL_URL"),
        (&[("PORTAL_URL", "https://bills.example"), ("CONSOLE_URL", "https://bills.example:8443")], "CONSOLE_URL"),
        (&[("METRICS_LISTEN", "0.0.0.0:8080")], "METRICS_LISTEN"),
        (&[("SMS_URL", "http://sms.example")], "SMS_URL"),
        (&[("CONSOLE_URL", "http://console.example")], "CONSOLE_URL"),
    ];
    for (environment, place) in cases {
        let allowed = ConfigSources { allow_embedded: true, ..sources(environment, "") };
        let faults = Config::read(&allowed).expect_err(place);
        assert_eq!(faults.0.iter().map(|fault| fault.place.as_str()).collect::<Vec<_>>(), [place], "{faults}");
    }
}

#[test]
fn secrets_of_the_documentation_are_refused_where_others_reach_them() {
    const PRINTED_KEY: &str = "CwsLCwsLCwsLCwsLCwsLCwsLCwsLCwsLCwsLCwsLCws=";
    const PRINTED_TOKEN: &str = "0123456789abcdef0123456789abcdef";
    let smtps = ("SMTP_URL", "smtps://dora:pw@mail.example");
    let portal = ("PORTAL_URL", "https://portal.example");
    let open = ("CONSOLE_LISTEN", "0.0.0.0:8080");
    let cases: [(&[(&str, &str)], &str); 8] = [
        (&[open, ("API_TOKEN", PRINTED_TOKEN)], "API_TOKEN is a secret"),
        (&[open, ("API_TOKEN", "for-trying-out-only-not-a-secret")], "API_TOKEN is a secret"),
        (&[portal, ("SECRET_KEYS", &PRINTED_KEY[..43])], "SECRET_KEYS is a secret"),
        (&[smtps, portal, ("SECRET_KEYS", &format!("{KEY}, {PRINTED_KEY}"))], "SECRET_KEYS is a secret"),
        (&[("PORTAL_LISTEN", "0.0.0.0:8081"), ("SECRET_KEYS", PRINTED_KEY)], "SECRET_KEYS is a secret"),
        (&[("DATABASE_URL", "postgres://dora:secret@db.example/bills")], "DATABASE_URL has a password"),
        (
            &[("DATABASE_URL", "postgres://x.example/b"), ("AMQP_URL", "amqps://a:p%61ssword@mq.example")],
            "AMQP_URL has a",
        ),
        (&[("AWS_ACCESS_KEY_ID", "AKIA"), ("AWS_SECRET_ACCESS_KEY", "secret")], "AWS_SECRET_ACCESS_KEY is a secret"),
    ];
    for (environment, start) in cases {
        let reported = faults(environment, "");
        assert!(reported.len() == 1 && reported[0].starts_with(start), "{environment:?}: {reported:#?}");
        assert!(!reported[0].contains(PRINTED_TOKEN), "{reported:?}");
    }
    // On this machine they do for trying out.
    config(
        &[
            ("SECRET_KEYS", PRINTED_KEY),
            ("API_TOKEN", PRINTED_TOKEN),
            ("DATABASE_URL", "postgres://dispatcher:dispatcher@127.0.0.1/bills"),
            ("AMQP_URL", "amqp://guest:guest@localhost"),
            ("SMTP_URL", "smtp://127.0.0.1"),
            ("AWS_ENDPOINT_URL", "http://127.0.0.1:9000"),
            ("AWS_ACCESS_KEY_ID", "AKIA"),
            ("AWS_SECRET_ACCESS_KEY", "secret"),
        ],
        "",
    );
}

#[test]
fn a_file_with_secrets_is_not_open_to_others() {
    let read = |file: &str, file_mode_open| Config::read(&ConfigSources { file_mode_open, ..sources(&[], file) });
    for file in [
        "[database]\nurl = \"postgres://dora:hunter2@127.0.0.1/bills\"\n",
        "[relays.default]\nurl = \"smtp://dora:hunter2@127.0.0.1\"\n",
        &format!("[secrets]\nkeys = [\"{KEY}\"]\n"),
        &format!("[console]\napi_token = \"{TOKEN}\"\n"),
    ] {
        let faults = read(file, Some(0o640)).expect_err(file);
        assert_eq!(faults.0.len(), 1, "{faults}");
        assert!(faults.0[0].problem.ends_with("is open to other users (mode 640)"), "{faults}");
        assert!(faults.0[0].remedy.starts_with("run: chmod 600 config.toml"), "{faults}");
        assert!(!faults.to_string().contains("hunter2"), "{faults}");
        read(file, None).expect("its owner's alone");
    }
    read("[worker]\nshutdown_grace = \"20s\"\n", Some(0o644)).expect("nothing secret in it");
    read(SHIPPED, Some(0o644)).expect("nothing is set in it");
}

#[test]
fn what_the_file_gets_wrong_is_reported_by_line() {
    let cases = [
        ("url = \"a\n[x", "config.toml line 1 is not TOML"),
        ("[database]\nurl = 7\n", "config.toml line 2: database.url is a number, not text"),
        ("database = \"sqlite://x\"\n", "config.toml line 1: database is not a known key → database is a section"),
        ("SMTP_URL = \"x\"\n", "config.toml line 1: SMTP_URL is not a known key → SMTP_URL is a variable"),
        (
            "[worker]\nschedule = []\n",
            "config.toml line 2: worker.schedule is not a known key → did you mean retry.schedule",
        ),
        ("[[relays]]\nurl = \"x\"\n", "config.toml line 1: relays is not a known key → relays is a section"),
        ("[relays.\"a b\"]\nurl = \"x\"\n", "config.toml line 1: relays.a b is not a name"),
        ("[database.url]\nx = 1\n", "config.toml line 1: database.url is not a known key"),
        ("[retention]\nbodies = \"800d\"\n", "config.toml line 2: retention.bodies is longer"),
        ("[retention]\nevent_keys = \"90d\"\n", "config.toml line 2: retention.event_keys is not a known key"),
        (
            "[worker]\nbytes_in_flight_max = \"1MiB\"\n[relays.a]\nurl = \"smtp://[::1]\"\n",
            "config.toml line 2: worker.bytes_in_flight_max is too small",
        ),
        ("[relays.a]\nurl = \"smtp://[::1]\"\nhello_name = \"a b\"\n", "config.toml line 3: relays.a.hello_name holds"),
        ("[log]\nfilter = \"a=b=c\"\n", "config.toml line 2: log.filter is no log filter"),
        ("[sms]\ncalling_codes = [49, \"+0\"]\n", "config.toml line 2: sms.calling_codes holds \"+0\""),
        ("[sms]\ncalling_codes = [\"4915\"]\n", "config.toml line 2: sms.calling_codes holds \"4915\""),
        (
            "[sms]\nbody = '{\"to\": \"{to}\"}'\n",
            "config.toml line 2: sms.body does not hold {text} → write {to} where the number belongs",
        ),
        ("[sms]\nbody = 'text={text}'\nbody_type = \"form\"\n", "config.toml line 2: sms.body does not hold {to}"),
        (
            "[sms]\nbody = '{\"to\": {to}, \"text\": \"{text}\"}'\n",
            "config.toml line 2: sms.body is not JSON once a message stands in it",
        ),
    ];
    for (file, start) in cases {
        let reported = faults(&[], file);
        assert!(reported[0].starts_with(start), "{file}\n{reported:#?}");
    }
}

#[test]
fn a_broken_line_of_the_file_is_not_repeated() {
    for file in [
        "[database]\nurl = \"postgres://dora:hunter2@db\n",
        "[console]\napi_token = hunter2\n",
        "api_token \"hunter2\"\n",
    ] {
        let reported = faults(&[], file).join("\n");
        assert!(reported.contains("is not TOML") && !reported.contains("hunter2"), "{reported}");
    }
    let reported = faults(&[("AMQP_URL", "amqp://mq.example"), ("LOG_FORMAT", "xml")], "[database\n");
    assert_eq!(reported.len(), 2, "the database may well be set in the broken file: {reported:#?}");
}

#[test]
fn files_that_are_named_must_be_there() {
    let file = "[broker]\nca_file = \"ca.pem\"\n[templates]\nfolder = \"wording\"\n[relays.default]\nca_file = \"relay.pem\"\n";
    let sources = ConfigSources { exists: |_| false, ..sources(&[], file) };
    let faults = Config::read(&sources).expect_err("missing files");
    assert_eq!(faults.0.len(), 3, "{faults}");
    assert!(faults.0.iter().all(|fault| fault.problem.ends_with("which is not there")), "{faults}");
}

#[test]
fn a_variable_that_is_not_utf_8_is_reported() {
    let unreadable = ConfigSources { unreadable: ["API_TOKEN".to_owned()].into(), ..ConfigSources::none() };
    let faults = Config::read(&unreadable).expect_err("a fault");
    assert_eq!((faults.0[0].place.as_str(), faults.0[0].problem.as_str()), ("API_TOKEN", "is not UTF-8"));
}

#[test]
fn every_key_has_a_variable() {
    let (plain, known) = read(&sources(&[], "")).expect("defaults have no fault");
    for key in known {
        let Some(default) = key.default.filter(|default| !default.is_empty()) else { continue };
        let name = key.variable.map_or_else(|| key.path.to_uppercase().replace('.', "_"), str::to_owned);
        let same = config(&[(name.as_str(), default)], "");
        assert_eq!(format!("{same:?}"), format!("{plain:?}"), "{name}");
        let read = match Config::read(&sources(&[(name.as_str(), "\u{7f}")], "")) {
            Ok(other) => format!("{other:?}") != format!("{plain:?}"),
            Err(faults) => faults.0.iter().any(|fault| fault.place == name),
        };
        assert!(read, "{name} changes nothing");
    }
}

#[test]
fn a_secret_may_be_in_a_file_that_a_variable_names() {
    let from_files = |environment: &[(&str, &str)]| ConfigSources {
        read: |path| match path.to_str() {
            Some("/run/secrets/api") => Ok(format!("{TOKEN}\n")),
            _ => Err(std::io::ErrorKind::NotFound.into()),
        },
        ..sources(environment, "")
    };
    let read = |environment: &[(&str, &str)]| Config::read(&from_files(environment));
    let config = read(&[("API_TOKEN_FILE", "/run/secrets/api")]).expect("the file is there");
    let token = config.console.api_token.expect("a token");
    assert_eq!(secrecy::ExposeSecret::expose_secret(&token), TOKEN);

    let both = read(&[("API_TOKEN_FILE", "/run/secrets/api"), ("API_TOKEN", "t")]).expect_err("two tokens");
    assert_eq!((both.0[0].place.as_str(), both.0[0].problem.as_str()), ("API_TOKEN_FILE", "is set beside API_TOKEN"));
    let none = read(&[("API_TOKEN_FILE", "/run/secrets/other")]).expect_err("no file");
    assert!(none.0[0].problem.starts_with("names /run/secrets/other, which cannot be read"), "{none}");
}

#[test]
fn a_named_file_must_be_there() {
    let folder = tempfile::tempdir().expect("a folder");
    let missing = folder.path().join("none.toml");
    let faults = Config::load(Some(&missing), false).expect_err("no such file");
    assert!(faults.0[0].problem.starts_with("cannot be read"), "{faults}");
}

#[test]
fn nothing_shows_a_secret() {
    let environment = [
        ("DATABASE_URL", "postgres://dora:hunter2@db.example/bills"),
        ("AMQP_URL", "amqps://dora:hunter2@mq.example/%2f"),
        ("SMTP_URL", "smtps://dora:hunter2@mail.example"),
        ("AWS_ACCESS_KEY_ID", "AKIA"),
        ("AWS_SECRET_ACCESS_KEY", "hunter2"),
        ("AWS_SESSION_TOKEN", "hunter2"),
        ("PORTAL_URL", "https://portal.example"),
        ("API_TOKEN", "hunter2-hunter2-hunter2-hunter2"),
        ("SECRET_KEYS", "hunter2hunter2hunter2hunter2hunter2hunter2hunter2hunter2"),
        ("SMS_URL", "https://dora:hunter2@sms.example/hunter2"),
    ];
    let config = config(&environment, "");
    let shown = format!("{config:?}\n{config:#?}");
    assert!(!shown.contains("hunter2") && !shown.contains("dora"), "{shown}");
}

#[test]
fn embedded_in_a_folder_touches_nothing_else() {
    let config = Config::embedded_in(std::path::Path::new("/srv/100%?/demo"));
    assert_eq!(config.database.url.expose(), "sqlite:///srv/100%25%3F/demo/dispatcher.db");
    assert_eq!(config.documents.place, DocumentsPlace::Folder("/srv/100%?/demo/documents".into()));
    assert_eq!(config.secrets.file, PathBuf::from("/srv/100%?/demo/secret.key"));
}

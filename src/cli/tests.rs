//! The command line as a whole: every command explains itself, and every example works.

use clap::{Command as Clap, CommandFactory};

use super::*;

/// Every command that does something, with the words that call it.
fn leaves(command: &Clap, words: &str, found: &mut Vec<(String, Clap)>) {
    let subcommands: Vec<&Clap> = command.get_subcommands().filter(|inner| inner.get_name() != "help").collect();
    if subcommands.is_empty() {
        found.push((words.to_owned(), command.clone()));
    }
    for inner in subcommands {
        leaves(inner, format!("{words} {}", inner.get_name()).trim(), found);
    }
}

fn every_command() -> Vec<(String, Clap)> {
    let mut found = Vec::new();
    leaves(&Cli::command(), "", &mut found);
    found
}

/// The words of a command line, as a shell splits them; double quotes only.
fn words(line: &str) -> Vec<String> {
    let parts = line.split('"').enumerate();
    parts
        .flat_map(|(index, part)| {
            let quoted = index % 2 == 1;
            let words: Vec<&str> = if quoted { vec![part] } else { part.split_whitespace().collect() };
            words.into_iter().map(str::to_owned).collect::<Vec<_>>()
        })
        .collect()
}

fn parsed(line: &str) -> Result<Cli, clap::Error> {
    Cli::try_parse_from(words(line))
}

#[test]
fn clap_finds_no_contradiction() {
    Cli::command().debug_assert();
}

#[test]
fn every_command_of_the_design_is_there() {
    let expected = "demo, run, migrate, doctor, import, publish, preview, find, explain, resend, \
        dead-letters groups, dead-letters list, dead-letters show, dead-letters redrive, dead-letters discard, \
        dead-letters restore, deliveries list, deliveries show, deliveries cancel, deliveries send-now, \
        deliveries mark-sent, deliveries hold, deliveries let-go, relays list, relays pause, relays resume, \
        relays release-sender, links list, links revoke, portal-locks list, portal-locks lift, settings get, settings set, tenants list, tenants pause, tenants resume, customers list, customers show, \
        customers erase, operators list, operators add, operators invite, operators reset, operators change, \
        operators disable, operators enable, tokens list, tokens add, tokens revoke, audit list";
    let found: Vec<String> = every_command().into_iter().map(|(words, _)| words).collect();
    assert_eq!(found.join(", "), expected);
}

#[test]
fn every_command_has_an_example_that_is_understood() {
    for (name, command) in every_command() {
        let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
        let examples: Vec<&str> =
            help.lines().map(str::trim).filter(|line| line.starts_with("invoice-dispatcher ")).collect();
        assert!(!examples.is_empty(), "{name} has no example");
        for example in examples {
            assert!(example.starts_with(&format!("invoice-dispatcher {name}")), "{name}: {example}");
            if let Err(error) = parsed(example) {
                panic!("{example}\n{error}");
            }
        }
    }
}

#[test]
fn every_argument_is_explained() {
    for (name, command) in every_command() {
        assert!(command.get_about().is_some(), "{name}");
        for argument in command.get_arguments() {
            assert!(argument.get_help().is_some(), "{name}: {}", argument.get_id());
        }
    }
}

#[test]
fn what_is_wrong_on_the_command_line_is_refused() {
    let refused = [
        "invoice-dispatcher dead-letters redrive",
        "invoice-dispatcher dead-letters redrive --all --class refused",
        "invoice-dispatcher dead-letters redrive 01938c5e-7a10-7cc0-8000-3b6f0d2a9e11 --all",
        "invoice-dispatcher dead-letters discard --all",
        "invoice-dispatcher dead-letters list --class nonsense",
        "invoice-dispatcher dead-letters list --limit 0",
        "invoice-dispatcher dead-letters show 7",
        "invoice-dispatcher deliveries hold --since 2026-11-23T02:00:00Z",
        "invoice-dispatcher deliveries hold --all --since yesterday",
        "invoice-dispatcher deliveries list --state lost",
        "invoice-dispatcher deliveries cancel 01938c5e-7a10-7cc0-8000-3b6f0d2a9e11 --reason \" \"",
        "invoice-dispatcher resend --tenant acme --invoice R-1",
        "invoice-dispatcher resend --tenant acme --invoice R-1 --reason x --to nobody",
        "invoice-dispatcher settings set --tenant acme",
        "invoice-dispatcher settings set --tenant acme --level none",
        "invoice-dispatcher publish",
        "invoice-dispatcher run --role everything",
    ];
    for line in refused {
        let error = parsed(line).expect_err(line);
        assert_eq!(error.exit_code(), 2, "{line}");
    }
}

#[test]
fn a_process_has_every_role_unless_some_are_named() {
    let roles = |line: &str| match parsed(line).expect(line).command {
        Command::Run(args) => {
            [run::RoleArg::Worker, run::RoleArg::Console, run::RoleArg::Portal].map(|role| args.has(role))
        }
        other => panic!("{other:?}"),
    };
    assert_eq!(roles("invoice-dispatcher run"), [true; 3]);
    assert_eq!(roles("invoice-dispatcher run --role worker --role portal"), [true, false, true]);
}

#[test]
fn options_of_every_command_may_stand_anywhere() {
    for line in ["invoice-dispatcher --json relays list", "invoice-dispatcher relays list --json"] {
        assert!(parsed(line).expect(line).globals.json, "{line}");
    }
}

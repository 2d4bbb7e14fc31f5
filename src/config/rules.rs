//! What must hold between keys: unset means embedded, but never half.

use std::net::SocketAddr;

use super::Config;
use super::address::{is_loopback_host, password_of};
use super::fault::Wrong;
use super::reader::{ConfigReader, Key, key};
use super::samples::{self, SECRETS};
use super::stores::{AMQP_URL, DATABASE_URL};
use super::value::show_size;
use super::web::{API_TOKEN, CONSOLE_URL, PORTAL_URL};
use super::work::{BYTES_IN_FLIGHT, SECRET_KEYS};
use crate::relay::RelayConfig;

/// Records every rule that the configuration breaks.
pub(super) fn check(reader: &mut ConfigReader<'_>, config: &Config) {
    if !reader.allows_embedded() {
        never_half(reader, config);
    }
    open_listeners_ask_for_a_token(reader, config);
    portal_and_console_are_separate(reader, config);
    listeners_differ(reader, config);
    every_message_fits(reader, config);
    samples::refuse(reader, config);
    secrets_are_not_open_to_others(reader);
}

/// A real broker or relay with a throw-away database, links to loopback, or a key that a new machine lacks.
fn never_half(reader: &mut ConfigReader<'_>, config: &Config) {
    let but = "; --allow-embedded if you mean it";
    if reader.is_set(AMQP_URL) && !reader.is_set(DATABASE_URL) {
        let problem = "is missing although AMQP_URL is set: events of a real broker would end in a local file";
        reader.fault(
            DATABASE_URL,
            Wrong::new(problem, format!("set it to postgres://user:password@host/database?sslmode=verify-full{but}")),
        );
    }
    let Some(relay) = config.relays.values().find(|relay| !is_loopback_host(&relay.url.host)) else { return };
    let cause = cause_of(relay);
    if !reader.is_set(PORTAL_URL) {
        let problem = format!("is missing although {cause} is not on this machine: links in mails would lead nowhere");
        reader.fault(PORTAL_URL, Wrong::new(problem, format!("set it to https://portal.example{but}")));
    }
    if !reader.is_set(SECRET_KEYS) {
        let problem =
            format!("is missing although {cause} is not on this machine: links would die with this machine's disk");
        let remedy = format!("set it to the output of: openssl rand -base64 32{but}");
        reader.fault(SECRET_KEYS, Wrong::new(problem, remedy));
    }
}

fn cause_of(relay: &RelayConfig) -> String {
    format!("the relay {:?} ({})", relay.name.as_str(), relay.url.host)
}

fn open_listeners_ask_for_a_token(reader: &mut ConfigReader<'_>, config: &Config) {
    if !config.console.listen.ip().is_loopback() && !reader.is_set(API_TOKEN) {
        let listen = config.console.listen;
        let problem = format!("is missing although the console listens on {listen}: anybody could publish invoices");
        reader.fault(API_TOKEN, Wrong::new(problem, "set it to the output of: openssl rand -hex 32"));
    }
}

/// One origin for customers and operators would let a page of one act as the other.
fn portal_and_console_are_separate(reader: &mut ConfigReader<'_>, config: &Config) {
    let (portal, console) = (&config.portal.url, &config.console.url);
    if portal.host() == console.host() && !portal.is_loopback() {
        let problem = format!("has the portal's host {}", portal.host());
        reader.fault(CONSOLE_URL, Wrong::new(problem, "give the console a host name of its own"));
    }
}

fn listeners_differ(reader: &mut ConfigReader<'_>, config: &Config) {
    const LISTENERS: [Key<'static>; 3] = [
        key("portal.listen").variable("PORTAL_LISTEN"),
        key("console.listen").variable("CONSOLE_LISTEN"),
        key("metrics.listen").variable("METRICS_LISTEN"),
    ];
    let addresses = [config.portal.listen, config.console.listen, config.metrics.listen];
    for (later, address) in addresses.iter().enumerate() {
        if addresses[..later].iter().any(|earlier| collide(*earlier, *address)) {
            let problem = format!("is {address}, where another listener is");
            reader.fault(LISTENERS[later], Wrong::new(problem, "choose another port"));
        }
    }
}

/// Port 0 asks for any free port.
fn collide(one: SocketAddr, other: SocketAddr) -> bool {
    let same_ip = one.ip() == other.ip() || one.ip().is_unspecified() || other.ip().is_unspecified();
    one.port() == other.port() && one.port() != 0 && same_ip
}

/// A file with secrets is looked at as the key's file is; one without may be readable by every user.
fn secrets_are_not_open_to_others(reader: &mut ConfigReader<'_>) {
    let Some((file, mode)) = reader.open_file() else { return };
    let is_secret = |(path, texts): &(&str, Vec<String>)| {
        SECRETS.contains(path) || texts.iter().any(|text| password_of(text).is_some())
    };
    let Some(path) = reader.in_file().find(is_secret).map(|(path, _)| path.to_owned()) else { return };
    let problem = format!("holds a secret ({path}) and is open to other users (mode {mode:03o})");
    let remedy = format!("run: chmod 600 {file}; or set the secret in the environment");
    reader.fault_at(file, Wrong::new(problem, remedy));
}

/// A mail is held beside its documents: a budget below that would stop it for ever.
fn every_message_fits(reader: &mut ConfigReader<'_>, config: &Config) {
    let largest = config.relays.values().map(|relay| relay.message_bytes_max).max().unwrap_or(0);
    let needed = largest.saturating_mul(2);
    if config.worker.bytes_in_flight_max < needed {
        let problem = format!("is too small for the largest message of a relay ({})", show_size(largest));
        reader.fault(BYTES_IN_FLIGHT, Wrong::new(problem, format!("write {} or more", show_size(needed))));
    }
}

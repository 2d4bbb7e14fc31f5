//! `[relays.<name>]`: the SMTP servers that take our mail.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::address::BaseUrl;
use super::fault::Wrong;
use super::reader::{ConfigReader, Key, key};
use super::source::Raw;
use super::{DEFAULT_RELAY, value};
use crate::model::ids::RelayName;
use crate::model::state::OnUncertain;
use crate::relay::{Deadlines, RelayConfig, RelayUrl};

const ON_UNCERTAIN: &[(&str, OnUncertain)] = &[("wait", OnUncertain::Wait), ("resend", OnUncertain::Resend)];

/// The variable that goes before `relays.default.url`.
const URL_VARIABLE: &str = "SMTP_URL";

/// Reads every relay; `default` is there if only its variable is set.
///
/// A relay greets with the portal's host when that is a public name (a name its owner has, as RFC 5321 §4.1.1.1 asks
/// for), else with this machine's loopback address.
pub(super) fn read(reader: &mut ConfigReader<'_>, portal: &BaseUrl) -> BTreeMap<RelayName, RelayConfig> {
    let mut names: BTreeSet<String> = reader.names_under("relays");
    names.insert(DEFAULT_RELAY.to_owned());
    names.iter().filter_map(|name| Some((RelayName::from(name.as_str()), read_one(reader, name, portal)?))).collect()
}

fn read_one(reader: &mut ConfigReader<'_>, name: &str, portal: &BaseUrl) -> Option<RelayConfig> {
    let path = |key: &str| format!("relays.{name}.{key}");
    // Read whole even without a URL, so that every fault is reported and every key is known.
    let url = read_url(reader, name);
    let connections = reader.value(key(&path("connections")), "4", value::whole(1, 1000));
    let rate = reader.optional(key(&path("rate")), value::rate);
    let message_bytes_max = reader.value(key(&path("max_message_bytes")), "20MiB", value::size(64 << 10, 1 << 30));
    let pipelining = reader.value(key(&path("pipelining")), "true", value::switch);
    let ca_file = reader.existing_path(key(&path("ca_file")));
    let hello_name = reader.optional(key(&path("hello_name")), hello_name);
    let on_uncertain = reader.value(key(&path("on_uncertain")), "wait", value::choice(ON_UNCERTAIN));
    let deadlines = Deadlines {
        connect: deadline(reader, &path("connect_deadline"), "30s"),
        command: deadline(reader, &path("command_deadline"), "5m"),
        transfer: deadline(reader, &path("transfer_deadline"), "10m"),
        final_dot: deadline(reader, &path("final_dot_deadline"), "10m"),
        ..Deadlines::default()
    };
    Some(RelayConfig {
        name: name.into(),
        url: url?,
        connections,
        rate,
        message_bytes_max,
        pipelining,
        ca_file,
        hello_name: hello_name.unwrap_or_else(|| hello_name_default(portal)),
        on_uncertain,
        deadlines,
    })
}

fn read_url(reader: &mut ConfigReader<'_>, name: &str) -> Option<RelayUrl> {
    let path = format!("relays.{name}.url");
    let key = url_key(name, &path);
    let url = reader.optional(key, relay_url);
    if name != DEFAULT_RELAY && !reader.is_set(key) {
        let remedy = "write url = \"smtps://user:password@host\" below the section, or remove the section";
        reader.fault(key, Wrong::new("is missing: the relay has no address", remedy));
    }
    url
}

/// The key of a relay's URL.
pub(super) fn url_key<'a>(name: &str, path: &'a str) -> Key<'a> {
    if name == DEFAULT_RELAY { key(path).variable(URL_VARIABLE) } else { key(path) }
}

fn relay_url(raw: &Raw) -> Result<RelayUrl, Wrong> {
    let remedy = "write smtps://user:password@host or smtp+starttls://user:password@host; \
                  special characters in user and password percent-encoded (@ is %40)";
    RelayUrl::parse(&value::text(raw)?).map_err(|error| Wrong::new(error.to_string(), remedy))
}

fn deadline(reader: &mut ConfigReader<'_>, path: &str, default: &'static str) -> Duration {
    reader.value(key(path), default, value::duration(Duration::from_secs(1), Duration::from_hours(1)))
}

/// A host name, or an address literal in brackets (RFC 5321 §4.1.3).
fn hello_name(raw: &Raw) -> Result<String, Wrong> {
    let written = value::text(raw)?;
    let is_literal = |text: &str| {
        let inner = text.strip_prefix('[')?.strip_suffix(']')?;
        inner.strip_prefix("IPv6:").unwrap_or(inner).parse::<std::net::IpAddr>().ok()
    };
    if is_literal(&written).is_some() { Ok(written) } else { value::host(raw) }
}

fn hello_name_default(portal: &BaseUrl) -> String {
    let is_name = portal.host().parse::<std::net::IpAddr>().is_err();
    if is_name && !portal.is_loopback() { portal.host().to_owned() } else { "[127.0.0.1]".to_owned() }
}

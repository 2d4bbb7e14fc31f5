//! Secrets that our own documentation prints: they are public.
//!
//! A configuration copied from there must not run with them where others reach it. A test reads every document
//! and fails if one prints a secret that is not listed here.

use super::Config;
use super::address::{is_loopback_host, password_of};
use super::fault::Wrong;
use super::reader::ConfigReader;

/// The keys whose values are secrets. Other secrets stand in URLs, as passwords.
pub(super) const SECRETS: [&str; 5] =
    ["secrets.keys", "console.api_token", "documents.s3_secret_access_key", "documents.s3_session_token", "sms.token"];

/// Keys, tokens and passwords, as they are printed.
pub(super) const PRINTED: &[&str] = &[
    // config.toml: the key, the token, and the credentials of a bucket.
    "CwsLCwsLCwsLCwsLCwsLCwsLCwsLCwsLCwsLCwsLCws=",
    "0123456789abcdef0123456789abcdef",
    "secret",
    "token",
    // docker-compose.yml; the first two stood there until it asked for secrets of one's own.
    "Zm9yLXRyeWluZy1vdXQtb25seS1ub3QtYS1zZWNyZXQ=",
    "for-trying-out-only-not-a-secret",
    "dispatcher",
    // Passwords in URLs.
    "password",
    "guest",
    "AUTH_TOKEN",
];

/// Whether our documentation prints this secret, in this or another spelling of base64.
pub(super) fn is_printed(secret: &str) -> bool {
    let bare = |text: &str| text.trim_end_matches('=').replace('-', "+").replace('_', "/");
    PRINTED.iter().any(|printed| bare(printed) == bare(secret))
}

/// Records every printed secret that could be used from beyond this machine.
pub(super) fn refuse(reader: &mut ConfigReader<'_>, config: &Config) {
    for written in reader.written() {
        let reached = match written.path.as_str() {
            "console.api_token" => !config.console.listen.ip().is_loopback(),
            "secrets.keys" => links_are_open_to_others(config),
            "documents.s3_secret_access_key" | "documents.s3_session_token" => !bucket_is_here(config),
            "sms.token" => config.sms.provider().is_some_and(|it| !it.url.host_str().is_some_and(is_loopback_host)),
            _ => false,
        };
        let known = SECRETS.contains(&written.path.as_str()) && reached && written.texts.iter().any(|t| is_printed(t));
        let password = written.texts.iter().any(|text| {
            password_of(text).is_some_and(|(host, password)| !is_loopback_host(&host) && is_printed(&password))
        });
        if known || password {
            let what = if known { "is a secret" } else { "has a password" };
            let problem = format!("{what} that our documentation prints, so everybody knows it");
            reader.fault_at(written.place, Wrong::new(problem, "put in one of your own: openssl rand -base64 32"));
        }
    }
}

/// Links that a key makes go out, or are opened from elsewhere.
fn links_are_open_to_others(config: &Config) -> bool {
    let sent = config.relays.values().any(|relay| !is_loopback_host(&relay.url.host));
    sent || !config.portal.url.is_loopback() || !config.portal.listen.ip().is_loopback()
}

fn bucket_is_here(config: &Config) -> bool {
    let endpoint = config.documents.s3_endpoint.as_deref().and_then(|endpoint| url::Url::parse(endpoint).ok());
    endpoint.is_some_and(|url| url.host_str().is_some_and(is_loopback_host))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a document prints as a secret: behind these words, or as the password of a URL.
    fn secrets_in(text: &str) -> Vec<String> {
        const BEFORE: &[&str] = &[
            "SECRET_KEYS=",
            "SECRET_KEYS: ",
            "API_TOKEN=",
            "API_TOKEN: ",
            "AWS_SECRET_ACCESS_KEY=",
            "AWS_SESSION_TOKEN=",
            "_PASSWORD: ",
            "_PASSWORD=",
            "_PASS: ",
            "api_token = ",
            "keys = [",
            "s3_secret_access_key = ",
            "s3_session_token = ",
            "Bearer ",
        ];
        let mut found = Vec::new();
        for start in BEFORE.iter().flat_map(|before| text.match_indices(before).map(|(at, _)| at + before.len())) {
            let value: String =
                text[start..].chars().take_while(|c| !c.is_whitespace() && !"\",]);}".contains(*c)).collect();
            let quoted = text[start..].strip_prefix('"').and_then(|rest| rest.split('"').next()).map(str::to_owned);
            found.push(quoted.unwrap_or(value));
        }
        for (at, _) in text.match_indices("://") {
            let authority: String =
                text[at + 3..].chars().take_while(|c| !c.is_whitespace() && !"/\"'`<".contains(*c)).collect();
            let userinfo = authority.rsplit_once('@').and_then(|(userinfo, _)| userinfo.split_once(':'));
            found.extend(userinfo.map(|(_, password)| password.to_owned()));
        }
        // `${NAME:-default}` prints its default; other variables, `<token>` and `…` print nothing.
        let plain = found.into_iter().filter_map(|value| match value.strip_prefix("${") {
            Some(variable) => variable.split_once(":-").map(|(_, default)| default.trim_end_matches('}').to_owned()),
            None => Some(value),
        });
        plain
            .filter(|value| !value.is_empty() && !value.starts_with(['$', '<', '…', '\'']) && !value.contains("***"))
            .collect()
    }

    /// Every document of the project by name, and what the program itself prints as examples.
    fn documents() -> Vec<(String, String)> {
        let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut paths: Vec<std::path::PathBuf> =
            ["README.md", "CHANGELOG.md", "config.toml", "docker-compose.yml", "Dockerfile", "src/cli/run.rs"]
                .iter()
                .map(|name| root.join(name))
                .collect();
        for entry in std::fs::read_dir(root.join("docs")).expect("the folder is there") {
            paths.push(entry.expect("an entry").path());
        }
        let files = paths.into_iter().filter(|path| path.is_file());
        files.map(|path| (path.display().to_string(), std::fs::read_to_string(path).expect("text"))).collect()
    }

    #[test]
    fn every_secret_that_a_document_prints_is_refused() {
        let found: Vec<(String, String)> = documents()
            .into_iter()
            .flat_map(|(name, text)| secrets_in(&text).into_iter().map(move |secret| (name.clone(), secret)))
            .collect();
        let missing: Vec<_> = found.iter().filter(|(_, secret)| !is_printed(secret)).collect();
        assert!(missing.is_empty(), "list these in PRINTED: {missing:?}");
        for sample in ["CwsLCwsLCwsLCwsLCwsLCwsLCwsLCwsLCwsLCwsLCws=", "password", "0123456789abcdef0123456789abcdef"] {
            assert!(found.iter().any(|(_, secret)| secret == sample), "{sample} is printed, but was not found");
        }
    }
}

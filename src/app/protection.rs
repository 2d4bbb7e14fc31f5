//! Connections that could be read or changed on the way.

use url::Url;

use crate::config::{Config, DEFAULT_RELAY, is_loopback_host};
use crate::relay::Security;
use crate::store;

/// A connection to a server elsewhere that is not protected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unprotected {
    /// The variable that names the server; of a relay with a name of its own, the key in the file.
    pub variable: String,
    /// What could happen, as a sentence that begins with the server.
    pub problem: String,
    /// What to do about it, as an imperative.
    pub remedy: &'static str,
}

/// Every such connection. It works all the same: within a closed network that may be meant.
#[must_use]
pub fn unprotected(config: &Config) -> Vec<Unprotected> {
    let database =
        (!config.database.is_sqlite() && !store::is_protected(config.database.url.expose())).then(|| Unprotected {
            variable: "DATABASE_URL".to_owned(),
            problem: format!(
                "{} is reached without a verified certificate: whoever is on the way can read and change everything",
                config.database.url
            ),
            remedy: "add ?sslmode=verify-full to DATABASE_URL, and &sslrootcert=FILE for an authority of your own",
        });
    let broker = config.broker.url.as_ref().filter(|url| url.scheme() == "amqp" && !is_local(url.expose()));
    let broker = broker.map(|url| Unprotected {
        variable: "AMQP_URL".to_owned(),
        problem: format!("{url} is reached without TLS: whoever is on the way can read and publish events"),
        remedy: "use amqps: in AMQP_URL, and broker.ca_file for an authority of your own",
    });
    let relays = config.relays.values().filter(|relay| relay.url.security == Security::PrivatePlain);
    let relays = relays.map(|relay| Unprotected {
        variable: match relay.name.as_str() {
            DEFAULT_RELAY => "SMTP_URL".to_owned(),
            name => format!("relays.{name}.url"),
        },
        problem: format!(
            "{:?} is reached without TLS: whoever is on the way within the private network can read and change every mail",
            relay.url
        ),
        remedy: "use smtp+starttls: or smtps: where the relay has TLS; ?tls=none is for closed networks, as of containers",
    });
    database.into_iter().chain(broker).chain(relays).collect()
}

fn is_local(url: &str) -> bool {
    Url::parse(url).is_ok_and(|url| url.host_str().is_some_and(is_loopback_host))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::config::ConfigSources;

    fn of_environment(variables: &[(&str, &str)]) -> Vec<String> {
        let environment: BTreeMap<String, String> =
            variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let config = Config::read(&ConfigSources { environment, allow_embedded: true, ..ConfigSources::none() })
            .expect("no fault");
        unprotected(&config).into_iter().map(|found| found.variable).collect()
    }

    fn variables(database: &str, broker: &str) -> Vec<String> {
        of_environment(&[("DATABASE_URL", database), ("AMQP_URL", broker)])
    }

    #[test]
    fn what_leaves_this_machine_unprotected_is_named() {
        let safe = "amqps://dora:pw@mq.example/%2f";
        for url in [
            "postgres://dora:pw@db.example/bills?sslmode=verify-full",
            "postgres://dora:pw@db.example/bills?sslmode=verify-full&sslrootcert=ca.pem",
            "postgres://dora:pw@127.0.0.1:5433/bills",
            "postgres://dora:pw@[::1]/bills",
            "postgres://dora:pw@localhost/bills",
            "postgres:///bills?host=/run/postgresql",
            "sqlite://data/dispatcher.db",
        ] {
            assert_eq!(variables(url, safe), Vec::<String>::new(), "{url}");
        }
        for url in [
            "postgres://dora:pw@db.example/bills",
            "postgres://dora:pw@db.example/bills?sslmode=require",
            "postgres://dora:pw@db.example/bills?sslmode=verify-ca",
            "postgres://dora:pw@10.0.0.7/bills?sslmode=disable",
            "postgres:///bills?host=db.example",
        ] {
            assert_eq!(variables(url, safe), ["DATABASE_URL"], "{url}");
        }
        let database = "sqlite://data/dispatcher.db";
        for url in ["amqp://dora:pw@127.0.0.1:5673/%2f", "amqp://dora:pw@localhost/%2f"] {
            assert_eq!(variables(database, url), Vec::<String>::new(), "{url}");
        }
        assert_eq!(variables(database, "amqp://dora:pw@mq.example/%2f"), ["AMQP_URL"]);
        for url in ["smtp://mailpit:1025?tls=none", "smtp://10.0.0.7?tls=none"] {
            assert_eq!(of_environment(&[("SMTP_URL", url)]), ["SMTP_URL"], "{url}");
        }
        for url in ["smtp://127.0.0.1:1025", "smtps://dora:pw@mail.example", "smtp+starttls://mail.example"] {
            assert_eq!(of_environment(&[("SMTP_URL", url)]), Vec::<String>::new(), "{url}");
        }
    }
}

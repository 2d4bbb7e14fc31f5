//! Connections that somebody on the way could read or change.

use url::Url;

use crate::config::{Config, is_loopback_host};
use crate::store;

/// A connection to a server elsewhere that is not protected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unprotected {
    /// The variable that names the server.
    pub variable: &'static str,
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
            variable: "DATABASE_URL",
            problem: format!(
                "{} is reached without a verified certificate: whoever is on the way can read and change everything",
                config.database.url
            ),
            remedy: "add ?sslmode=verify-full to DATABASE_URL, and &sslrootcert=FILE for an authority of your own",
        });
    let broker = config.broker.url.as_ref().filter(|url| url.scheme() == "amqp" && !is_local(url.expose()));
    let broker = broker.map(|url| Unprotected {
        variable: "AMQP_URL",
        problem: format!("{url} is reached without TLS: whoever is on the way can read and publish events"),
        remedy: "use amqps: in AMQP_URL, and broker.ca_file for an authority of your own",
    });
    database.into_iter().chain(broker).collect()
}

fn is_local(url: &str) -> bool {
    Url::parse(url).is_ok_and(|url| url.host_str().is_some_and(is_loopback_host))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::config::Sources;

    fn variables(database: &str, broker: &str) -> Vec<&'static str> {
        let environment: BTreeMap<String, String> =
            [("DATABASE_URL".to_owned(), database.to_owned()), ("AMQP_URL".to_owned(), broker.to_owned())].into();
        let config = Config::read(&Sources { environment, ..Sources::none() }).expect("no fault");
        unprotected(&config).into_iter().map(|found| found.variable).collect()
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
            assert_eq!(variables(url, safe), Vec::<&str>::new(), "{url}");
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
            assert_eq!(variables(database, url), Vec::<&str>::new(), "{url}");
        }
        assert_eq!(variables(database, "amqp://dora:pw@mq.example/%2f"), ["AMQP_URL"]);
    }
}

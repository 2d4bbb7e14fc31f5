//! `[database]`, `[broker]`, `[documents]`: the servers that keep things.

use std::path::PathBuf;

use secrecy::SecretString;

use super::address::{SecretUrl, amqp_url, database_url};
use super::fault::Wrong;
use super::reader::{ConfigReader, Key, key};
use super::source::Raw;
use super::value;

/// The database: the truth about every delivery.
#[derive(Debug, Clone)]
pub struct DatabaseConfig {
    /// `sqlite:` with a file, or `postgres:`.
    pub url: SecretUrl,
    /// Connections that this process opens at most. SQLite writes over one whatever this says.
    pub connections_max: u32,
}

/// The key of the database's URL.
pub(super) const DATABASE_URL: Key<'static> = key("database.url").variable("DATABASE_URL");

impl DatabaseConfig {
    pub(super) fn read(reader: &mut ConfigReader<'_>) -> Self {
        Self {
            url: reader.value(DATABASE_URL, "sqlite://data/dispatcher.db", database_url),
            connections_max: reader.value(key("database.connections_max"), "12", value::whole(2, 1000)),
        }
    }

    /// Whether it is a file that only this process uses.
    #[must_use]
    pub fn is_sqlite(&self) -> bool {
        self.url.scheme() == "sqlite"
    }
}

/// RabbitMQ.
#[derive(Debug, Clone)]
pub struct Broker {
    /// Where it is. Without one, events come over HTTP or from files.
    pub url: Option<SecretUrl>,
    /// A PEM file with the certificate authority of its certificate, in place of the system's.
    pub ca_file: Option<PathBuf>,
    /// What becomes of exchanges and queues at start.
    pub topology: TopologyConfig,
    /// What the name of every exchange and queue begins with, where several installations share a virtual host.
    pub name_prefix: String,
    /// Unacknowledged events at most, and so the largest batch that is committed at once.
    pub prefetch: u16,
    /// Whether outcomes are published to the billing system.
    pub outcomes: bool,
}

/// What becomes of exchanges and queues at start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TopologyConfig {
    /// They are declared: made if they are not there.
    Declare,
    /// They must be there; for users that may not configure.
    Verify,
}

/// The key of the broker's URL.
pub(super) const AMQP_URL: Key<'static> = key("broker.url").variable("AMQP_URL");

impl Broker {
    pub(super) fn read(reader: &mut ConfigReader<'_>) -> Self {
        const TOPOLOGY: &[(&str, TopologyConfig)] =
            &[("declare", TopologyConfig::Declare), ("verify", TopologyConfig::Verify)];
        Self {
            url: reader.optional(AMQP_URL, amqp_url),
            ca_file: reader.existing_path(key("broker.ca_file")),
            topology: reader.value(key("broker.topology"), "declare", value::choice(TOPOLOGY)),
            name_prefix: reader.value(key("broker.name_prefix"), "", name_prefix),
            // Higher than 2,000 would let one consumer hide a queue from the broker's alarms.
            prefetch: reader.value(key("broker.prefetch"), "500", value::whole(1, 2000)),
            outcomes: reader.value(key("broker.outcomes"), "false", value::switch),
        }
    }

    /// Whether outcomes are published: that is wanted, and there is a broker.
    #[must_use]
    pub fn publishes_outcomes(&self) -> bool {
        self.outcomes && self.url.is_some()
    }
}

/// A beginning of names that AMQP and people can tell from the rest.
fn name_prefix(raw: &Raw) -> Result<String, Wrong> {
    let Raw::Text(written) = raw else { return Err(Wrong::new("is not text", "write it in quotes")) };
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    if written.len() <= 64 && written.chars().all(fits) {
        Ok(written.clone())
    } else {
        Err(Wrong::new("is no beginning of a name", "write up to 64 letters, digits, dots, - and _, as \"eu-1.\""))
    }
}

/// Where invoices' documents lie.
#[derive(Debug, Clone)]
pub struct Documents {
    /// A folder or a bucket.
    pub place: DocumentsPlace,
    /// Server of a bucket other than Amazon's own.
    pub s3_endpoint: Option<String>,
    /// Region of the bucket.
    pub s3_region: String,
    /// Credentials; without them those that the machine provides (instance or workload identity).
    pub s3_credentials: Option<S3Credentials>,
}

/// A folder or a bucket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DocumentsPlace {
    /// `file:data/documents`.
    Folder(PathBuf),
    /// `s3://bucket/prefix`.
    Bucket {
        /// The bucket's name.
        name: String,
        /// What every key begins with; empty, or without slashes at its ends.
        prefix: String,
    },
}

/// Who reads the bucket.
#[derive(Debug, Clone)]
pub struct S3Credentials {
    /// The access key's id, no secret.
    pub access_key_id: String,
    /// The access key itself.
    pub secret_access_key: SecretString,
    /// Of temporary credentials.
    pub session_token: Option<SecretString>,
}

impl Documents {
    pub(super) fn read(reader: &mut ConfigReader<'_>) -> Self {
        Self {
            place: reader.value(key("documents.url").variable("DOCUMENTS_URL"), "file:data/documents", documents_place),
            s3_endpoint: reader.optional(key("documents.s3_endpoint").variable("AWS_ENDPOINT_URL"), endpoint),
            s3_region: reader.value(key("documents.s3_region").variable("AWS_REGION"), "us-east-1", value::text),
            s3_credentials: read_credentials(reader),
        }
    }
}

fn read_credentials(reader: &mut ConfigReader<'_>) -> Option<S3Credentials> {
    const ID: Key<'_> = key("documents.s3_access_key_id").variable("AWS_ACCESS_KEY_ID");
    const SECRET: Key<'_> = key("documents.s3_secret_access_key").variable("AWS_SECRET_ACCESS_KEY");
    let id = reader.optional(ID, value::text);
    let secret = reader.optional(SECRET, value::secret);
    let session_token = reader.optional(key("documents.s3_session_token").variable("AWS_SESSION_TOKEN"), value::secret);
    let halves = [(ID, SECRET), (SECRET, ID)];
    for (present, missing) in halves {
        if reader.is_set(present) && !reader.is_set(missing) {
            let problem = "is missing, although the other half of the credentials is set";
            reader.fault(missing, Wrong::new(problem, "set both the access key's id and its secret, or neither"));
        }
    }
    Some(S3Credentials { access_key_id: id?, secret_access_key: secret?, session_token })
}

fn documents_place(raw: &Raw) -> Result<DocumentsPlace, Wrong> {
    let remedy = "write file:data/documents or s3://bucket/prefix";
    let written = value::text(raw)?;
    if let Some(folder) = written.strip_prefix("file:") {
        let folder = folder.strip_prefix("//").unwrap_or(folder);
        return if folder.is_empty() {
            Err(Wrong::new("names no folder", remedy))
        } else {
            Ok(DocumentsPlace::Folder(folder.into()))
        };
    }
    let Some(bucket) = written.strip_prefix("s3://") else {
        return Err(Wrong::new("does not begin with file: or s3:", remedy));
    };
    let (name, prefix) = bucket.split_once('/').unwrap_or((bucket, ""));
    let is_name = (3..=63).contains(&name.len())
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '.');
    if !is_name {
        return Err(Wrong::new("names no bucket (3 to 63 of a-z, 0-9, - and .)", remedy));
    }
    Ok(DocumentsPlace::Bucket { name: name.to_owned(), prefix: prefix.trim_matches('/').to_owned() })
}

fn endpoint(raw: &Raw) -> Result<String, Wrong> {
    let remedy = "write it as https://storage.example:9000";
    let written = value::text(raw)?;
    let url = url::Url::parse(&written).map_err(|error| Wrong::new(format!("is not a URL: {error}"), remedy))?;
    let is_bare = url.username().is_empty() && url.password().is_none() && url.query().is_none();
    if !matches!(url.scheme(), "http" | "https") || url.host().is_none() || !is_bare {
        return Err(Wrong::new("is not the bare address of a server", remedy));
    }
    Ok(written.trim_end_matches('/').to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_lie_in_a_folder_or_a_bucket() {
        let place = |text: &str| documents_place(&Raw::Text(text.to_owned()));
        let bucket =
            |name: &str, prefix: &str| DocumentsPlace::Bucket { name: name.to_owned(), prefix: prefix.to_owned() };
        assert_eq!(place("file:data/documents"), Ok(DocumentsPlace::Folder("data/documents".into())));
        assert_eq!(place("file:///srv/documents"), Ok(DocumentsPlace::Folder("/srv/documents".into())));
        assert_eq!(place("s3://bills"), Ok(bucket("bills", "")));
        assert_eq!(place("s3://bills/eu/2026/"), Ok(bucket("bills", "eu/2026")));
        for written in ["data/documents", "file:", "s3://", "s3://B", "https://bills.example"] {
            assert!(place(written).is_err(), "{written}");
        }
    }
}

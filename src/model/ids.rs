//! Identifiers, each a type of its own, so that a tenant can never stand where a customer is meant.
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// An identifier of another system: text, shared cheaply.
macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Arc<str>);

        impl $name {
            /// The identifier as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self(text.into())
            }
        }

        impl From<String> for $name {
            fn from(text: String) -> Self {
                Self(text.into())
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

/// An identifier that we make: a UUID.
macro_rules! uuid_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

text_id!(
    /// A tenant of the billing system: who sends invoices.
    TenantId
);
text_id!(
    /// A customer of one tenant: who receives invoices. Unique within the tenant only.
    CustomerId
);
text_id!(
    /// The name of a relay, the next SMTP hop that we submit to.
    RelayName
);
uuid_id!(
    /// One message owed to one envelope.
    DeliveryId
);
uuid_id!(
    /// One entry of the dead-letter list.
    DeadLetterId
);
uuid_id!(
    /// One run of one worker process; a restart is another worker.
    WorkerId
);
uuid_id!(
    /// A person who signs in to the console.
    OperatorId
);
uuid_id!(
    /// A token of the API.
    TokenId
);
uuid_id!(
    /// The idempotency key `(source, id)` of an event, as a name-based UUID.
    EventKey
);

impl EventKey {
    /// The key of the event `id` of `source`.
    ///
    /// A version 5 UUID ([RFC 9562 §5.5]) over both, separated by NUL, which neither may contain: one short index
    /// entry instead of two long ones.
    ///
    /// [RFC 9562 §5.5]: https://www.rfc-editor.org/rfc/rfc9562#section-5.5
    #[must_use]
    pub fn new(source: &str, id: &str) -> Self {
        Self(Uuid::new_v5(&Uuid::NAMESPACE_URL, format!("{source}\0{id}").as_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn source_and_id_do_not_run_together() {
        assert_ne!(EventKey::new("a", "bc"), EventKey::new("ab", "c"));
    }
}

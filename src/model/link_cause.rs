//! Who wants a link where the settings would attach the documents.

use serde::{Deserialize, Serialize};
use strum::{Display, IntoStaticStr, VariantArray};

/// Which of its two causes the recorded reason `link_only` of a decision has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Display, IntoStaticStr, VariantArray)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case", const_into_str)]
pub enum LinkCause {
    /// A person asked for a link.
    AskedFor,
    /// Neither the event nor the customer's record has the address, and nobody confirmed that documents may go there.
    NewAddress,
}

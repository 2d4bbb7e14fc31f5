//! Customers of one tenant who are alike for the decision, and how many they are: numbers only, no records.

use super::customer::CustomerType;
use super::verification::VerificationRecord;

/// Customers of one tenant that are alike for the decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CustomerGroup {
    /// Private, business or unknown.
    pub kind: Option<CustomerType>,
    /// What they can be verified by.
    pub record: VerificationRecord,
    /// How many they are.
    pub count: i64,
}

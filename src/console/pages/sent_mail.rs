//! The mail as it was sent.

use crate::clock::Timestamp;

use super::TenantName;

pub struct SentMailPage<'a> {
    pub tenant: &'a TenantName,
    pub number: &'a str,
    pub delivery: &'a str,
    pub proof: MessageProof,
    /// Of the message.
    pub sha256: Option<&'a str>,
    pub from: &'a str,
    pub to: &'a str,
    pub subject: &'a str,
    pub date: Option<Timestamp>,
    /// In their order.
    pub headers: &'a [(String, String)],
    /// Portal tokens are blanked.
    pub text: &'a str,
    /// Whether `/deliveries/{id}/mail/html` has it.
    pub has_html: bool,
    pub attachments: &'a [SentAttachment],
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MessageProof {
    /// Rebuilt, and its sha256 is the one that was recorded.
    Proven,
    /// Rebuilt with today's template: its sha256 differs from what was sent.
    Differs,
    /// It has not been sent yet: how it would be now.
    NotSentYet,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SentAttachment {
    pub name: String,
    pub media_type: String,
    pub size_bytes: u64,
    pub sha256: String,
}

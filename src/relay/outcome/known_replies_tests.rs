//! Whole answers of well-known relays, as people quote them.

use super::Outcome::{self, Deferred, Refused, Rejected, RelayUnavailable, SenderLimited, TooLarge};
use super::Reply;
use crate::model::reply::Phase::{self, Data, FinalDot, Mail, Rcpt};

/// Where, code, words, and what it means.
type Said = (&'static [Phase], u16, &'static str, Outcome);

/// Exchange Online and Outlook.
const EXCHANGE: &[Said] = &[
    (&[Mail], 530, "5.7.57 Client not authenticated to send mail. [PR3P.EURPRD.PROD.OUTLOOK.COM]", RelayUnavailable),
    (
        &[Mail],
        530,
        "5.7.57 SMTP; Client was not authenticated to send anonymous mail during MAIL FROM",
        RelayUnavailable,
    ),
    (&[FinalDot], 550, "5.7.60 SMTP; Client does not have permissions to send as this sender", Refused),
    (&[FinalDot], 554, "5.2.252 SendAsDenied; billing@acme.example not allowed to send as x@acme.example", Refused),
    (&[Rcpt], 554, "5.2.252 SendAsDenied", Refused),
    (&[Rcpt], 550, "5.4.1 Recipient address rejected: Access denied. AS(201806281) [DB5EUR.outlook.com]", Rejected),
    (&[FinalDot], 550, "5.4.1 Recipient address rejected: Access denied.", Rejected),
    (&[Rcpt, FinalDot], 550, "5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient ap@x.example not found", Rejected),
    (&[Rcpt], 550, "5.7.133 RESOLVER.RST.SenderNotAuthenticatedForGroup; authentication required", Rejected),
    (&[Rcpt, FinalDot], 550, "5.7.1 RESOLVER.RST.AuthRequired; authentication required", Refused),
    (&[Rcpt], 550, "5.7.124 Sender not in allowed-senders list", Rejected),
    (&[Rcpt], 550, "5.7.193 UserDomainInaccessible", Refused),
    (&[Rcpt], 550, "5.5.0 Requested action not taken: mailbox unavailable (S2017062302).", Rejected),
    (
        &[FinalDot],
        550,
        "5.7.515 Access denied, sending domain X does not meet the required authentication level",
        Refused,
    ),
    (
        &[Mail, Rcpt, FinalDot],
        550,
        "5.1.90 Your message can't be sent because you've reached your daily limit for \
            message recipients",
        SenderLimited,
    ),
    (
        &[FinalDot],
        554,
        "5.2.0 STOREDRV.Submission.Exception:SubmissionQuotaExceededException; the sender's submission \
            quota was exceeded",
        SenderLimited,
    ),
    (&[Mail, Rcpt], 451, "4.7.500 Server busy. Please try again later", Deferred),
];

/// Gmail and its relay.
const GMAIL: &[Said] = &[
    (
        &[Mail, Rcpt, Data, FinalDot],
        550,
        "5.4.5 Daily user sending limit exceeded. For more information on Gmail \
            sending limits go to https://support.google.com/a/answer/166852",
        SenderLimited,
    ),
    (&[Mail, Data], 550, "5.4.5 Daily SMTP relay sending limit exceeded for customer.", SenderLimited),
    (&[FinalDot], 552, "5.2.3 Your message exceeded Google's message size limits.", TooLarge),
    // A mailbox's limit is not the sender's.
    (
        &[FinalDot],
        550,
        "5.2.122 The recipient has exceeded their limit for the number of messages they can receive per hour.",
        Refused,
    ),
    (&[Mail, Rcpt], 550, "5.7.1 Invalid credentials for relay [192.0.2.1]. The IP address you've registered", Refused),
    (
        &[FinalDot],
        550,
        "5.7.26 Your email has been blocked because the sender is unauthenticated. Gmail requires all \
            senders to authenticate with either SPF or DKIM. Authentication results: DKIM = did not pass",
        Refused,
    ),
    (&[Rcpt], 552, "5.2.2 The recipient's inbox is out of storage space and inactive. OverQuotaPerm", Rejected),
    (&[Rcpt], 452, "4.2.2 The recipient's inbox is out of storage space.", Deferred),
    (&[Rcpt], 550, "5.2.1 The email account that you tried to reach is inactive.", Rejected),
    (&[Mail], 530, "5.7.0 Must issue a STARTTLS command first. - gsmtp", RelayUnavailable),
    (&[Mail, Rcpt], 530, "5.7.0 Authentication Required. - gsmtp", RelayUnavailable),
];

/// Postfix.
const POSTFIX: &[Said] = &[
    (&[Rcpt], 554, "5.7.1 <ap@x.example>: Relay access denied", Refused),
    (&[Rcpt], 554, "5.7.1 <ap@x.example>: Recipient address rejected: Access denied", Rejected),
    (&[Rcpt], 553, "5.7.1 <billing@acme.example>: Sender address rejected: not owned by user mailer", Refused),
    (&[Rcpt], 550, "5.1.1 <ap@x.example>: Recipient address rejected: User unknown in virtual mailbox table", Rejected),
    (&[Rcpt], 450, "4.7.1 <ap@x.example>: Recipient address rejected: Greylisted", Deferred),
    (&[Rcpt], 550, "5.1.8 <billing@acme.example>: Sender address rejected: Domain not found", Refused),
    (&[Data], 554, "5.5.1 Error: no valid recipients", Deferred),
    (&[Mail], 552, "5.3.4 Message size exceeds fixed limit", TooLarge),
    (&[Mail], 503, "5.5.4 Error: send AUTH command first", RelayUnavailable),
];

/// Exim, and cPanel's rules for it.
const EXIM: &[Said] = &[
    (&[Rcpt], 550, "Unrouteable address", Rejected),
    (&[Rcpt], 550, "Sender verify failed", Rejected),
    (&[Rcpt], 550, "relay not permitted", Rejected),
    (&[Rcpt], 550, "relay not permitted, authentication required", RelayUnavailable),
    (&[Rcpt], 550, "Please turn on SMTP Authentication in your mail client.", RelayUnavailable),
    (
        &[Rcpt],
        550,
        "host.example [192.0.2.1] is not permitted to relay through this server without authentication.",
        RelayUnavailable,
    ),
    (
        &[Rcpt, FinalDot],
        550,
        "Domain acme.example has exceeded the max emails per hour (125/100 (125%)) allowed.",
        SenderLimited,
    ),
    (&[Rcpt], 550, "Mailbox quota exceeded / Mailbox voll", Rejected),
    (&[FinalDot], 552, "Quota exceeded (mailbox for user is full)", TooLarge),
    (&[FinalDot], 550, "maximum allowed line length is 998 octets, got 1200", Refused),
];

/// Amazon SES.
const AMAZON: &[Said] = &[
    (&[FinalDot], 554, "Message rejected: Email address is not verified. The following identities failed", Refused),
    (&[FinalDot], 554, "Message rejected: Sending suspended for this account.", Refused),
    (&[FinalDot], 454, "Throttling failure: Maximum sending rate exceeded.", Deferred),
    (&[FinalDot], 454, "Throttling failure: Daily message quota exceeded.", Deferred),
    (&[Mail], 530, "Authentication required", RelayUnavailable),
    (&[Rcpt], 550, "5.7.1 Recipient is suppressed", Rejected),
    (&[Rcpt], 554, "5.7.1 ap@x.example is on the suppression list", Rejected),
];

/// Other providers: OVH, IONOS, Mailgun and their like.
const OTHER_PROVIDERS: &[Said] = &[
    (&[FinalDot], 552, "Message size exceeds maximum permitted", TooLarge),
    (&[FinalDot], 552, "Requested mail action aborted: exceeded storage allocation", TooLarge),
    (&[FinalDot], 552, "message too big", TooLarge),
    (&[Mail, Rcpt, FinalDot], 550, "Requested action not taken: mail send limit exceeded", SenderLimited),
    (
        &[Rcpt],
        550,
        "5.4.5 User billing has exceeded its 24-hour sending limit. Relay quota will reset in 1.53 hours.",
        SenderLimited,
    ),
    (&[Mail, FinalDot], 550, "5.7.1 quota exceeded", SenderLimited),
    (&[FinalDot], 550, "Message size limit exceeded", Refused),
    (&[Mail, Rcpt, Data, FinalDot], 550, "5.7.0 Maximum credits exceeded", SenderLimited),
    (&[Rcpt], 550, "#5.1.0 Address rejected.", Rejected),
    // A mailbox's limit, in whatever words, is not the sender's.
    (&[Rcpt], 452, "4.2.2 mailbox full; daily quota of the sender exceeded", Deferred),
    (&[Rcpt], 552, "5.2.2 Mailbox quota exceeded, sender notified", Rejected),
    (&[Rcpt], 550, "Mailbox quota exceeded; the sender has been notified", Rejected),
    (&[Rcpt], 550, "The inbox of this user has reached its daily limit", Rejected),
    (&[Rcpt], 552, "Mailbox full: quota exceeded, try another day", Deferred),
    (&[Mail, Rcpt, FinalDot], 550, "Mailbox billing@acme.example has exceeded its hourly sending limit", SenderLimited),
    (&[Mail], 550, "The mailbox billing@acme.example has reached its daily limit", SenderLimited),
];

/// Idle connections and limits of connections.
const CONNECTIONS: &[Said] = &[
    (&[Mail, Rcpt, Data], 451, "4.4.2 Timeout waiting for data from client.", Deferred),
    (&[Mail], 421, "Connection closed by server. Maximum message count per session reached.", Deferred),
];

#[test]
fn what_relays_really_say() {
    for table in [EXCHANGE, GMAIL, POSTFIX, EXIM, AMAZON, OTHER_PROVIDERS, CONNECTIONS] {
        for (phases, code, text, outcome) in table {
            for phase in *phases {
                assert_eq!(Outcome::of_reply(*phase, &Reply::new(*code, text)), *outcome, "{phase}: {code} {text}");
            }
        }
    }
}

//! Twilio's Messages API: `POST /2010-04-01/Accounts/{AccountSid}/Messages.json`.
//!
//! Written by its [documentation](https://www.twilio.com/docs/messaging/api/message-resource), and tested against a server
//! that answers as it says.

use serde::Deserialize;

use super::SmsOutcome;

/// A message that arrives after its code has ended helps nobody.
const VALIDITY_SECONDS: &str = "300";

/// Of its [error codes](https://www.twilio.com/docs/api/errors) those that say that a number will never receive: no valid
/// number (21211, 21217), no mobile number (21614), a landline (21635).
///
/// Others pass, and refuse this message only: a number that cannot be reached (21214), and one whose owner has
/// unsubscribed (21610), which the owner undoes by texting START, without anybody's record changing.
const NUMBER_REFUSED: [u32; 4] = [21_211, 21_217, 21_614, 21_635];

/// The form's fields.
pub(super) fn form<'a>(to: &'a str, sender: &'a str, text: &'a str) -> [(&'static str, &'a str); 4] {
    // MG and 32 hexadecimal digits name a messaging service.
    let is_service = sender.len() == 34 && sender.starts_with("MG");
    let from = if is_service { "MessagingServiceSid" } else { "From" };
    [("To", to), (from, sender), ("Body", text), ("ValidityPeriod", VALIDITY_SECONDS)]
}

/// The answer's members that matter, of a message and of an error.
#[derive(Deserialize)]
struct TwilioAnswer {
    sid: Option<String>,
    /// `queued`, `accepted`, `failed` … of a message; the HTTP status of an error.
    status: Option<serde_json::Value>,
    code: Option<u32>,
    error_code: Option<u32>,
}

/// What an answer means.
pub(super) fn outcome(status: u16, body: &[u8]) -> SmsOutcome {
    if let Some(fault) = SmsOutcome::of_status(status) {
        return fault;
    }
    let Ok(answer) = serde_json::from_slice::<TwilioAnswer>(body) else {
        return not_understood(status);
    };
    if (200..300).contains(&status) {
        let failed = answer.status.as_ref().and_then(serde_json::Value::as_str);
        return match (failed, answer.error_code) {
            (Some("failed" | "undelivered" | "canceled"), code) => refused(code),
            _ if answer.sid.is_some_and(|sid| !sid.is_empty()) => SmsOutcome::Sent,
            _ => not_understood(status),
        };
    }
    match answer.code {
        Some(code) => refused(Some(code)),
        None => not_understood(status),
    }
}

fn refused(code: Option<u32>) -> SmsOutcome {
    SmsOutcome::Refused {
        code: code.map_or_else(|| "unknown".to_owned(), |code| code.to_string()),
        number_for_good: code.is_some_and(|code| NUMBER_REFUSED.contains(&code)),
    }
}

fn not_understood(status: u16) -> SmsOutcome {
    SmsOutcome::Unanswered { fault: format!("HTTP status {status}: the answer is not Twilio's") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(code: &str, number_for_good: bool) -> SmsOutcome {
        SmsOutcome::Refused { code: code.to_owned(), number_for_good }
    }

    #[test]
    fn only_a_message_with_an_id_is_sent() {
        let cases = [
            (201, r#"{"sid": "SM0123", "status": "queued", "error_code": null}"#, Some(SmsOutcome::Sent)),
            (201, r#"{"sid": "SM0123", "status": "failed", "error_code": 21614}"#, Some(refused("21614", true))),
            (201, r#"{"sid": "SM0123", "status": "failed", "error_code": null}"#, Some(refused("unknown", false))),
            (400, r#"{"code": 21211, "message": "Invalid 'To'", "status": 400}"#, Some(refused("21211", true))),
            (400, r#"{"code": 21217, "message": "Invalid phone", "status": 400}"#, Some(refused("21217", true))),
            (400, r#"{"code": 21635, "message": "a landline", "status": 400}"#, Some(refused("21635", true))),
            // These pass.
            (400, r#"{"code": 21214, "message": "not reachable", "status": 400}"#, Some(refused("21214", false))),
            (400, r#"{"code": 21610, "message": "unsubscribed", "status": 400}"#, Some(refused("21610", false))),
            (400, r#"{"code": 21608, "message": "unverified", "status": 400}"#, Some(refused("21608", false))),
            // Lies and accidents: nothing that can be believed.
            (200, "<html>Welcome</html>", None),
            (201, r#"{"sid": ""}"#, None),
            (201, "{}", None),
            (201, "", None),
            (400, "{}", None),
            (400, r#"{"code": "21211"}"#, None),
        ];
        for (status, body, expected) in cases {
            let outcome = outcome(status, body.as_bytes());
            match expected {
                Some(expected) => assert_eq!(outcome, expected, "{status} {body}"),
                None => assert!(matches!(outcome, SmsOutcome::Unanswered { .. }), "{status} {body}: {outcome:?}"),
            }
        }
        for status in [301, 401, 403, 429] {
            assert!(matches!(outcome(status, b"{}"), SmsOutcome::NotSent { .. }), "{status}");
        }
        for status in [408, 500, 503] {
            assert!(matches!(outcome(status, b"{}"), SmsOutcome::Unanswered { .. }), "{status}");
        }
    }

    #[test]
    fn a_messaging_service_is_told_from_a_sender() {
        let service = "MG0123456789abcdef0123456789abcdef";
        assert_eq!(form("+49151", service, "x")[1], ("MessagingServiceSid", service));
        assert_eq!(form("+49151", "Acme", "x")[1], ("From", "Acme"));
    }
}

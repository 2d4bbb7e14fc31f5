//! Any provider that takes a text message in one POST: the body is written by a template.

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::SmsOutcome;

/// How the body is written, and what the answer says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpTemplate {
    /// The body, with `{to}`, `{sender}` and `{text}`.
    pub body: String,
    pub body_type: BodyType,
    /// What an answer with a status of 400 to 499 holds when the number will never receive.
    pub number_refused: Vec<String>,
}

/// What the body is, and how values are written into it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BodyType {
    /// `application/json`.
    Json,
    /// `application/x-www-form-urlencoded`.
    Form,
}

impl BodyType {
    pub(super) const fn media_type(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Form => "application/x-www-form-urlencoded",
        }
    }

    /// A value as it stands inside the quotes, or behind the `=`, of the template.
    fn escaped(self, value: &str) -> String {
        match self {
            Self::Json => {
                let quoted = serde_json::to_string(value).expect("a text is always JSON");
                quoted[1..quoted.len() - 1].to_owned()
            }
            Self::Form => utf8_percent_encode(value, NON_ALPHANUMERIC).to_string(),
        }
    }
}

/// The places without which a message says nothing, or goes to nobody.
const PLACES_NEEDED: [&str; 2] = ["{to}", "{text}"];

impl HttpTemplate {
    /// A place that the body needs and does not hold.
    #[must_use]
    pub fn missing_place(&self) -> Option<&'static str> {
        PLACES_NEEDED.into_iter().find(|place| !self.body.contains(place))
    }

    /// Whether a message from this sender is what its type says. A number in place of a text, or a quote that is missing,
    /// shows only once the values are in it.
    #[must_use]
    pub fn is_well_formed(&self, sender: &str) -> bool {
        let filled = self.fill("+4915112345678", sender, "Acme: \"123456\"\n@portal.example #123456");
        match self.body_type {
            BodyType::Json => serde_json::from_str::<serde_json::Value>(&filled).is_ok(),
            BodyType::Form => true,
        }
    }

    /// The body of one message. Values are written once: what a text holds is never read as a place for another.
    pub(super) fn fill(&self, to: &str, sender: &str, text: &str) -> String {
        let places = [("{to}", to), ("{sender}", sender), ("{text}", text)];
        let (mut filled, mut rest) = (String::with_capacity(self.body.len() + text.len()), self.body.as_str());
        while let Some(at) = rest.find('{') {
            filled.push_str(&rest[..at]);
            rest = &rest[at..];
            if let Some((place, value)) = places.iter().find(|(place, _)| rest.starts_with(place)) {
                filled.push_str(&self.body_type.escaped(value));
                rest = &rest[place.len()..];
            } else {
                filled.push('{');
                rest = &rest[1..];
            }
        }
        filled.push_str(rest);
        filled
    }

    /// What an answer means.
    pub(super) fn outcome(&self, status: u16, body: &[u8]) -> SmsOutcome {
        if (200..300).contains(&status) {
            return SmsOutcome::Sent;
        }
        if let Some(fault) = SmsOutcome::of_status(status) {
            return fault;
        }
        let body = String::from_utf8_lossy(body);
        let number_for_good = self.number_refused.iter().any(|words| body.contains(words.as_str()));
        SmsOutcome::Refused { code: format!("HTTP {status}"), number_for_good }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn template(body: &str, body_type: BodyType) -> HttpTemplate {
        HttpTemplate { body: body.to_owned(), body_type, number_refused: vec!["invalid_number".to_owned()] }
    }

    #[test]
    fn values_cannot_leave_their_place() {
        let json = template(r#"{"to": "{to}", "from": "{sender}", "text": "{text}", "x": {}}"#, BodyType::Json);
        let filled = json.fill("+4915112345678", "Acme \"&\" {to}", "a\n\"},{text}\\");
        let read: serde_json::Value = serde_json::from_str(&filled).expect("JSON");
        assert_eq!(read["from"], "Acme \"&\" {to}");
        assert_eq!((&read["to"], &read["text"]), (&"+4915112345678".into(), &"a\n\"},{text}\\".into()));
        let form = template("to={to}&text={text}&from={sender}", BodyType::Form);
        assert_eq!(form.fill("+49151", "A&B", "1 = é"), "to=%2B49151&text=1%20%3D%20%C3%A9&from=A%26B");
    }

    #[test]
    fn what_cannot_be_a_message_is_known_before_one_is_sent() {
        let cases = [
            (r#"{"to": "{to}", "from": "{sender}", "text": "Hello. {text}"}"#, BodyType::Json, None, true),
            (r#"[{"{to}": {"text": "{text}"}}]"#, BodyType::Json, None, true),
            ("text={text}&to={to}", BodyType::Form, None, true),
            (r#"{"to": {to}, "text": "{text}"}"#, BodyType::Json, None, false),
            (r#"{"to": "{to}", "text": {text}}"#, BodyType::Json, None, false),
            (r#"{"to": "{to}", "text": "{text}""#, BodyType::Json, None, false),
            ("to={to}&text={text}", BodyType::Json, None, false),
            (r#"{"to": "{TO}", "text": "{text}"}"#, BodyType::Json, Some("{to}"), true),
            ("to={to}", BodyType::Form, Some("{text}"), true),
        ];
        for (body, body_type, missing, is_well_formed) in cases {
            let template = template(body, body_type);
            assert_eq!(template.missing_place(), missing, "{body}");
            assert_eq!(template.is_well_formed("Acme"), is_well_formed, "{body}");
        }
    }

    #[test]
    fn a_refusal_is_for_good_where_the_answer_says_so() {
        let template = template("", BodyType::Json);
        let refused = |number_for_good| SmsOutcome::Refused { code: "HTTP 400".to_owned(), number_for_good };
        assert_eq!(template.outcome(202, b"whatever"), SmsOutcome::Sent);
        assert_eq!(template.outcome(400, b"{\"error\": \"invalid_number\"}"), refused(true));
        assert_eq!(template.outcome(400, b"\xff"), refused(false));
        assert!(template.outcome(503, b"invalid_number").is_providers_fault());
        assert!(template.outcome(403, b"").is_providers_fault());
    }
}

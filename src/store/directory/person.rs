//! What names a customer in bytes and sentences that no column says are theirs. Pure.

use serde_json::Value as Json;

use crate::model::ids::{CustomerId, TenantId};
use crate::model::verification_key::calling_code_of;
use crate::store::db::value::Value;

/// A name or address of fewer characters stands in too many words that are not it.
const TEXT_CHARS_MIN: usize = 5;
/// Fewer digits of a mobile number, with its country's code or without it, stand in too many numbers that are not it.
const NUMBER_DIGITS_MIN: usize = 7;
/// Eight digits are a date as well.
const NATIONAL_DIGITS_MIN: usize = 9;

/// What people write between the digits of a number. [`names_person!`] has the same.
const SEPARATORS: [char; 10] = [' ', '\u{a0}', '\u{202f}', '-', '\u{2011}', '\u{2013}', '/', '(', ')', '.'];

/// The columns of a batch of [`Person::needles`].
pub(in crate::store) const NEEDLES: &str = "needle text, digits text";

/// The condition that a text names somebody whose [`Person::needles`] are the batch's rows.
macro_rules! names_person {
    ($text:literal) => {
        concat!(
            "EXISTS (SELECT 1 FROM rows WHERE {postgres: position(rows.needle in lower(",
            $text,
            "))}{sqlite: instr(lower(",
            $text,
            "), rows.needle)} > 0
                OR rows.digits IS NOT NULL AND {postgres: position(rows.digits in translate(",
            $text,
            ", ' \u{a0}\u{202f}-\u{2011}\u{2013}/().', ''))}{sqlite: instr(",
            "replace(replace(replace(replace(replace(replace(replace(replace(replace(replace(",
            $text,
            ", ' ', ''), '\u{a0}', ''), '\u{202f}', ''), '-', ''), '\u{2011}', ''), '\u{2013}', ''), '/', ''), '(', ''), ')', ''), '.', ''),
             rows.digits)} > 0)"
        )
    };
}
pub(in crate::store) use names_person;

/// A customer, as bodies that could not be read and notes may name them.
#[derive(Debug)]
pub(in crate::store) struct Person {
    tenant: TenantId,
    customer: CustomerId,
    /// Addresses and names, in lower case; of a text with letters beyond ASCII, as every database lowers it.
    texts: Vec<String>,
    /// The digits of the mobile number that every writing of it has.
    digits: Option<String>,
}

impl Person {
    /// A customer, with whatever addresses and names are known of them.
    pub(in crate::store) fn new(
        tenant: &TenantId,
        customer: &CustomerId,
        texts: impl IntoIterator<Item = String>,
    ) -> Self {
        let mut texts: Vec<String> = texts.into_iter().flat_map(|text| lowered(text.trim())).collect();
        texts.retain(|text| text.chars().count() >= TEXT_CHARS_MIN);
        texts.sort_unstable();
        texts.dedup();
        Self { tenant: tenant.clone(), customer: customer.clone(), texts, digits: None }
    }

    /// The same, whom this number reaches, too (E.164).
    pub(in crate::store) fn reached_at(self, mobile: Option<&str>) -> Self {
        Self { digits: mobile.and_then(searched_digits), ..self }
    }

    /// Whether nothing is known that would name them.
    pub(in crate::store) fn is_nameless(&self) -> bool {
        self.texts.is_empty() && self.digits.is_none()
    }

    /// The rows of [`NEEDLES`], by which a database finds what names them: a name or address that a text in lower case holds, or
    /// digits that it holds without what stands between them.
    pub(in crate::store) fn needles(&self) -> impl Iterator<Item = [Value<'_>; 2]> {
        let texts = self.texts.iter().map(|text| [Value::from(text.as_str()), Value::from(None::<&str>)]);
        texts.chain(self.digits.as_deref().map(|digits| [Value::from(None::<&str>), Value::from(digits)]))
    }

    /// Whether a sentence names them.
    pub(in crate::store) fn is_named_in(&self, sentence: &str) -> bool {
        let lower = sentence.to_lowercase();
        self.texts.iter().any(|text| lower.contains(text))
            || self.digits.as_deref().is_some_and(|digits| sentence.replace(SEPARATORS, "").contains(digits))
    }

    /// Whether a text of JSON names them, however its strings are escaped.
    pub(in crate::store) fn is_named_in_json(&self, json: &str) -> bool {
        match serde_json::from_str(json) {
            Ok(value) => self.is_named_in_value(&value),
            Err(_) => self.is_named_in(json),
        }
    }

    /// Whether the bytes of what should be an event name them. What plainly is another tenant's or another customer's
    /// is theirs to erase, whatever else it names.
    pub(in crate::store) fn is_named_in_event(&self, body: &[u8]) -> bool {
        let Ok(event) = serde_json::from_slice::<Json>(body) else {
            // Half an event, or none: the bytes as text, with what JSON escapes.
            let text = String::from_utf8_lossy(body);
            return self.is_named_in(&text) || self.is_named_in(&unescaped(&text)) || self.is_about_them(&text);
        };
        let id = |name: &str| event["data"][name].as_str();
        if id("tenant_id").is_some_and(|tenant| tenant != self.tenant.as_str()) {
            return false;
        }
        match id("customer_id") {
            Some(customer) if customer == self.customer.as_str() => {
                id("tenant_id").is_some() || self.is_named_in_value(&event)
            }
            Some(_) => false,
            None => self.is_named_in_value(&event),
        }
    }

    /// Whether text that is no JSON names both the tenant and the customer as an event would.
    fn is_about_them(&self, text: &str) -> bool {
        let quoted = |id: &str| text.contains(&Json::from(id).to_string());
        quoted(self.tenant.as_str()) && quoted(self.customer.as_str())
    }

    fn is_named_in_value(&self, value: &Json) -> bool {
        match value {
            Json::String(text) => self.is_named_in(text),
            Json::Array(items) => items.iter().any(|item| self.is_named_in_value(item)),
            Json::Object(fields) => {
                fields.iter().any(|(name, field)| self.is_named_in(name) || self.is_named_in_value(field))
            }
            Json::Null | Json::Bool(_) | Json::Number(_) => false,
        }
    }
}

/// What of a number is searched for: without its country's code, in whose place people write `0`, `00…`, or nothing.
fn searched_digits(mobile: &str) -> Option<String> {
    let digits: String = mobile.chars().filter(char::is_ascii_digit).collect();
    let code = calling_code_of(mobile).map(|code| code.0.to_string());
    let national = code.and_then(|code| digits.strip_prefix(&code).map(str::to_owned));
    let national = national.filter(|national| national.len() >= NATIONAL_DIGITS_MIN);
    national.or_else(|| (digits.len() >= NUMBER_DIGITS_MIN).then_some(digits))
}

/// A text in lower case, by Unicode's rules and as `lower` of a database does it that knows ASCII alone (SQLite; PostgreSQL
/// under the locale C): there letters beyond ASCII stay as somebody wrote them, as here, all small, or all capital.
fn lowered(text: &str) -> [String; 3] {
    [text.to_lowercase(), text.to_ascii_lowercase(), text.to_uppercase().to_ascii_lowercase()]
}

/// The text with JSON's `\uXXXX` of the basic plane read; whatever else stands as it is.
fn unescaped(text: &str) -> String {
    let mut read = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("\\u") {
        read.push_str(before);
        let code = after.get(..4).and_then(|digits| u32::from_str_radix(digits, 16).ok()).and_then(char::from_u32);
        if let Some(character) = code {
            read.push(character);
            rest = &after[4..];
        } else {
            read.push_str("\\u");
            rest = after;
        }
    }
    read.push_str(rest);
    read
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_quotes_is_found_in_json() {
        let name = "Erika \"Rike\" Muster".to_owned();
        let person = Person::new(&TenantId::from("acme"), &CustomerId::from("C-1"), [name]);
        assert!(person.is_named_in_json(r#"{"to":{"old":null,"new":["erika \"Rike\" muster"]}}"#));
        assert!(person.is_named_in_json("cut: ERIKA \"RIKE\" MUSTER"));
        assert!(!person.is_named_in_json(r#"{"to":"Erika Muster"}"#));
    }

    fn person() -> Person {
        let texts = ["Erika.Muster@customer.example", "Erika Müller", "Li"].map(str::to_owned);
        Person::new(&TenantId::from("acme"), &CustomerId::from("C-1"), texts)
    }

    #[test]
    fn a_name_is_known_as_each_database_lowers_it() {
        let person = Person::new(&TenantId::from("acme"), &CustomerId::from("C-1"), ["Özlem Müller".to_owned()]);
        for written in ["Özlem Müller", "özlem müller", "ÖZLEM MÜLLER"] {
            for lowered in [written.to_lowercase(), written.to_ascii_lowercase()] {
                assert!(person.texts.contains(&lowered), "{lowered}");
            }
        }
    }

    #[test]
    fn a_mobile_number_is_found_as_people_write_it() {
        let reached_at = |mobile: &str| person().reached_at(Some(mobile));
        let erika = reached_at("+4915155500099");
        for written in [
            "+4915155500099",
            "0049 151 555 000 99",
            "caller 0151-555/00099, 09955",
            "(0151) 555.00099",
            "+49 (0) 151 55500099",
            "+49\u{a0}151\u{a0}55500099",
        ] {
            assert!(erika.is_named_in(written), "{written}");
        }
        assert!(erika.is_named_in_json(r#"{"reason":"+49 151 555 00099"}"#));
        for anothers in ["+4915155500098", "0151 555", "09955", ""] {
            assert!(!erika.is_named_in(anothers), "{anothers}");
        }
        // Of a short one all digits are looked for, of a shorter one none.
        assert!(reached_at("+3541234567").is_named_in("+354 123 4567"));
        assert!(!reached_at("+3541234567").is_named_in("invoice 1234567"));
        assert!(!reached_at("+35412").is_named_in("+35412"));
        // A Danish one, without its code, is a date as well.
        let danish = reached_at("+4520261123");
        assert!(danish.is_named_in("+45 20\u{202f}26\u{2011}11\u{2013}23") && !danish.is_named_in("2026-11-23"));
        let nobody = |texts: [String; 0]| Person::new(&TenantId::from("acme"), &CustomerId::from("C-1"), texts);
        assert!(nobody([]).is_nameless() && !nobody([]).reached_at(Some("+4915155500099")).is_nameless());
    }

    #[test]
    fn what_names_a_person_is_found_and_what_is_anothers_is_not() {
        let named: [&[u8]; 9] = [
            br#"{"data":{"tenant_id":"acme","customer_id":"C-1","total":7}}"#,
            br#"{"data":{"tenant_id":"acme","recipients":[{"address":"erika.muster@CUSTOMER.example"}]}}"#,
            br#"{"data":{"recipients":[{"name":"Erika M\u00fcller"}]}}"#,
            br#"{"data":{"customer_id":"C-1","recipients":["Erika.Muster@customer.example"]}}"#,
            br#"{"erika.muster@customer.example":1}"#,
            b"To: <erika.muster@customer.example>",
            br#"{"data":{"tenant_id":"acme","customer_id":"C-1","invoice""#,
            br#"{"data":{"name":"Erika M\u00FCller","#,
            "{\"name\":\"Erika Müller\"".as_bytes(),
        ];
        for body in named {
            assert!(person().is_named_in_event(body), "{}", String::from_utf8_lossy(body));
        }
        let others: [&[u8]; 8] = [
            br#"{"data":{"tenant_id":"acme","customer_id":"C-2","recipients":["erika.muster@customer.example"]}}"#,
            br#"{"data":{"tenant_id":"other","customer_id":"C-1","recipients":["erika.muster@customer.example"]}}"#,
            br#"{"data":{"customer_id":"C-1"}}"#,
            br#"{"data":{"tenant_id":"acme","note":"Liechtenstein"}}"#,
            br#"{"data":{"tenant_id":"acme","customer_id":"C-10","#,
            b"",
            b"\\u12",
            b"\xff\xfe\\uzzzz",
        ];
        for body in others {
            assert!(!person().is_named_in_event(body), "{}", String::from_utf8_lossy(body));
        }
    }
}

//! What the relay's answer to EHLO offers.

use lettre::transport::smtp::authentication::Mechanism;

/// The extensions of one relay that we use ([RFC 5321 §4.1.1.1](https://www.rfc-editor.org/rfc/rfc5321#section-4.1.1.1)).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is an extension, offered or not")]
pub struct Capabilities {
    /// SIZE: the largest message in bytes, if the relay names one ([RFC 1870](https://www.rfc-editor.org/rfc/rfc1870)).
    pub size_bytes_max: Option<u64>,
    /// SIZE: whether MAIL may declare a size.
    pub size: bool,
    /// PIPELINING ([RFC 2920](https://www.rfc-editor.org/rfc/rfc2920)).
    pub pipelining: bool,
    /// 8BITMIME ([RFC 6152](https://www.rfc-editor.org/rfc/rfc6152)).
    pub eight_bit_mime: bool,
    /// SMTPUTF8 ([RFC 6531](https://www.rfc-editor.org/rfc/rfc6531)).
    pub smtp_utf8: bool,
    /// DSN ([RFC 3461](https://www.rfc-editor.org/rfc/rfc3461)).
    pub dsn: bool,
    /// ENHANCEDSTATUSCODES ([RFC 2034](https://www.rfc-editor.org/rfc/rfc2034)).
    pub enhanced_status_codes: bool,
    /// STARTTLS ([RFC 3207](https://www.rfc-editor.org/rfc/rfc3207)).
    pub starttls: bool,
    /// AUTH PLAIN ([RFC 4616](https://www.rfc-editor.org/rfc/rfc4616)).
    pub auth_plain: bool,
    /// AUTH LOGIN, which some relays offer instead.
    pub auth_login: bool,
    /// AUTH mechanisms that we do not speak (XOAUTH2), in capitals, as far as there is room for them.
    pub other_mechanisms: Vec<String>,
}

/// More mechanisms than a relay has; what it says beyond is not kept.
const MECHANISMS_MAX: usize = 20;

impl Capabilities {
    /// What the lines of an EHLO reply offer; the first line is the relay's name.
    #[must_use]
    pub fn parse<'a>(lines: impl IntoIterator<Item = &'a str>) -> Self {
        let mut offered = Self::default();
        for line in lines.into_iter().skip(1) {
            // Some relays of old wrote `AUTH=PLAIN`.
            let mut words = line.split([' ', '\t', '=']).filter(|word| !word.is_empty());
            let keyword = words.next().unwrap_or_default().to_ascii_uppercase();
            match keyword.as_str() {
                "SIZE" => {
                    offered.size = true;
                    // RFC 1870 §4: 0 and nothing mean that no fixed maximum is in force.
                    offered.size_bytes_max = words.next().and_then(|size| size.parse().ok()).filter(|size| *size > 0);
                }
                "PIPELINING" => offered.pipelining = true,
                "8BITMIME" => offered.eight_bit_mime = true,
                "SMTPUTF8" => offered.smtp_utf8 = true,
                "DSN" => offered.dsn = true,
                "ENHANCEDSTATUSCODES" => offered.enhanced_status_codes = true,
                "STARTTLS" => offered.starttls = true,
                "AUTH" => words.for_each(|word| offered.read_mechanism(word.to_ascii_uppercase())),
                _ => {}
            }
        }
        offered
    }

    /// Relays of old offer each mechanism twice, as `AUTH PLAIN` and `AUTH=PLAIN`.
    fn read_mechanism(&mut self, name: String) {
        match name.as_str() {
            "PLAIN" => self.auth_plain = true,
            "LOGIN" => self.auth_login = true,
            _ if self.other_mechanisms.len() < MECHANISMS_MAX && !self.other_mechanisms.contains(&name) => {
                self.other_mechanisms.push(name);
            }
            _ => {}
        }
    }

    /// The mechanism to log in with, the simpler first.
    #[must_use]
    pub(super) fn mechanism(&self) -> Option<Mechanism> {
        if self.auth_plain {
            Some(Mechanism::Plain)
        } else if self.auth_login {
            Some(Mechanism::Login)
        } else {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_relay_offers() {
        let lines = ["relay.example", "PIPELINING", "SIZE 52428800", "starttls", "AUTH PLAIN LOGIN", "8BITMIME", "DSN"];
        let offered = Capabilities::parse(lines);
        let expected = Capabilities {
            size: true,
            size_bytes_max: Some(52_428_800),
            pipelining: true,
            eight_bit_mime: true,
            starttls: true,
            dsn: true,
            auth_plain: true,
            auth_login: true,
            ..Capabilities::default()
        };
        assert_eq!(offered, expected);
    }

    #[test]
    fn odd_lines() {
        assert_eq!(Capabilities::parse(["PIPELINING"]), Capabilities::default(), "the first line is a name");
        assert_eq!(Capabilities::parse(["x", "", "XCLIENT NAME", "HELP"]), Capabilities::default());
        assert_eq!(Capabilities::parse(["x", "SIZE 0"]).size_bytes_max, None);
        assert_eq!(Capabilities::parse(["x", "SIZE"]), Capabilities { size: true, ..Capabilities::default() });
        assert_eq!(Capabilities::parse(["x", "AUTH=LOGIN"]).mechanism(), Some(Mechanism::Login));
        assert_eq!(Capabilities::parse(["x", "AUTH LOGIN PLAIN"]).mechanism(), Some(Mechanism::Plain));
        let others = Capabilities::parse(["x", "AUTH xoauth2 OAUTHBEARER", "AUTH=XOAUTH2"]);
        assert_eq!(others.mechanism(), None);
        assert_eq!(others.other_mechanisms, ["XOAUTH2", "OAUTHBEARER"]);
    }
}

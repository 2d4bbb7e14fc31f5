//! Codes of authenticator apps: TOTP ([RFC 6238]) by HMAC-SHA1, six digits, a new one each 30 seconds, as every app
//! makes them.
//!
//! [RFC 6238]: https://www.rfc-editor.org/rfc/rfc6238

use std::fmt;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use ring::hmac;
use secrecy::{ExposeSecret, SecretSlice};

use super::random_token::random_bytes;
use super::{OneTimeCode, base32};
use crate::clock::Timestamp;

/// RFC 4226 §4 recommends 160 bits.
const SECRET_BYTES: usize = 20;
const STEP_MS: i64 = 30_000;
/// How many steps a phone's clock may be off (RFC 6238 §5.2), either way.
const STEPS_OFF_MAX: i64 = 1;

/// The secret that an app and we share. Shows itself nowhere.
#[derive(Clone)]
pub struct TotpSecret(SecretSlice<u8>);

impl TotpSecret {
    /// A new one.
    #[must_use]
    pub fn random() -> Self {
        Self(SecretSlice::from(random_bytes::<SECRET_BYTES>().to_vec()))
    }

    /// The one that was sealed.
    #[must_use]
    pub const fn from_bytes(bytes: SecretSlice<u8>) -> Self {
        Self(bytes)
    }

    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        self.0.expose_secret()
    }

    /// For the one time that it is shown, to be typed.
    #[must_use]
    pub fn shown(&self) -> String {
        base32::encode(self.bytes())
    }

    /// What an app reads from a QR code, for the account `account` at `issuer`.
    #[must_use]
    pub fn uri(&self, issuer: &str, account: &str) -> String {
        let encoded = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
        let (issuer, account) = (encoded(issuer), encoded(account));
        // Apps take SHA1, 6 digits and 30 s where nothing is said; some refuse an address that says more.
        format!("otpauth://totp/{issuer}:{account}?secret={}&issuer={issuer}", base32::encode(self.bytes()))
    }

    /// The time step whose code was entered: the one of `now` or a neighbour of it, and later than `last`, the last one that
    /// was used. Every step is compared, each in constant time.
    #[must_use]
    pub fn entered_step(&self, code: &OneTimeCode, now: Timestamp, last: i64) -> Option<i64> {
        let current = now.0.div_euclid(STEP_MS);
        let mut entered = None;
        for step in current - STEPS_OFF_MAX..=current + STEPS_OFF_MAX {
            let is_right = is_equal(self.code(step).as_bytes(), code.digits().as_bytes());
            if is_right && step > last {
                entered = Some(step);
            }
        }
        entered
    }

    /// The code of a time step (RFC 4226 §5.3), for programs that enter it: tests, and `demo`.
    #[must_use]
    pub fn code_at(&self, now: Timestamp) -> String {
        self.code(now.0.div_euclid(STEP_MS))
    }

    fn code(&self, step: i64) -> String {
        format!("{:06}", self.number(step) % 1_000_000)
    }

    /// Dynamic truncation (RFC 4226 §5.3): 31 bits, from the place that the last four bits name.
    fn number(&self, step: i64) -> u32 {
        let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, self.bytes());
        let tag = hmac::sign(&key, &step.to_be_bytes());
        let place = usize::from(tag.as_ref()[19] & 15);
        let four = tag.as_ref()[place..].first_chunk().expect("an HMAC-SHA1 has 20 bytes, and 15 + 4 are fewer");
        u32::from_be_bytes(*four) & 0x7fff_ffff
    }
}

/// Takes the same time wherever they differ.
fn is_equal(one: &[u8], other: &[u8]) -> bool {
    one.len() == other.len() && one.iter().zip(other).fold(0, |different, (one, other)| different | (one ^ other)) == 0
}

impl fmt::Debug for TotpSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TotpSecret(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_the_rfc() -> TotpSecret {
        TotpSecret::from_bytes(SecretSlice::from(b"12345678901234567890".to_vec()))
    }

    fn second(second: i64) -> Timestamp {
        Timestamp(second * 1_000)
    }

    #[test]
    fn the_vectors_of_the_rfc_are_met() {
        // RFC 6238 Appendix B, SHA1: eight digits; six are their end.
        for (at, eight) in [
            (59, 94_287_082),
            (1_111_111_109, 7_081_804),
            (1_111_111_111, 14_050_471),
            (1_234_567_890, 89_005_924),
            (2_000_000_000, 69_279_037),
            (20_000_000_000, 65_353_130),
        ] {
            assert_eq!(of_the_rfc().number(at / 30) % 100_000_000, eight, "{at}");
            assert_eq!(of_the_rfc().code_at(second(at)), format!("{:06}", eight % 1_000_000), "{at}");
        }
    }

    #[test]
    fn the_steps_around_now_are_taken_each_once() {
        let secret = of_the_rfc();
        let entered = |made_at, now, last| {
            let code = OneTimeCode::parse(&secret.code_at(second(made_at))).expect("six digits");
            secret.entered_step(&code, second(now), last)
        };
        let now = 3_000;
        assert_eq!(entered(now, now, 0), Some(100));
        assert_eq!(entered(now, now + 29, 0), Some(100));
        assert_eq!(entered(now, now + 59, 0), Some(100), "a phone that is late, or a slow hand");
        assert_eq!(entered(now, now - 1, 0), Some(100), "a phone that is ahead");
        assert_eq!(entered(now, now + 60, 0), None);
        assert_eq!(entered(now, now - 31, 0), None);
        assert_eq!(entered(now, now, 100), None, "a second time");
        assert_eq!(entered(now, now, 99), Some(100));
        assert_eq!(entered(now, now, 101), None, "earlier than the last one");
        let wrong = OneTimeCode::parse("000000").expect("six digits");
        assert_eq!(secret.entered_step(&wrong, second(now), 0), None);
    }

    #[test]
    fn an_app_is_told_everything_by_its_address() {
        assert_eq!(
            of_the_rfc().uri("Rechnung & Co", "ap+x@acme.example"),
            "otpauth://totp/Rechnung%20%26%20Co:ap%2Bx%40acme%2Eexample?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ\
             &issuer=Rechnung%20%26%20Co"
        );
        assert_eq!(of_the_rfc().shown(), "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ");
        assert_eq!(format!("{:?}", of_the_rfc()), "TotpSecret(…)");
        assert_ne!(TotpSecret::random().bytes(), TotpSecret::random().bytes());
    }
}

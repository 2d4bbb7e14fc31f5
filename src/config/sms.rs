//! `[sms]`: who sends one-time codes, to which countries, and how many.

use percent_encoding::percent_decode_str;
use secrecy::SecretString;
use url::Url;

use super::address::{SecretUrl, provider_url};
use super::fault::Wrong;
use super::reader::{ConfigReader, Key, key};
use super::source::Raw;
use super::value;
use crate::model::verification::VerificationConfig;
use crate::model::verification_key::{CallingCode, calling_code_of};
use crate::sms::{BodyType, HttpTemplate, SmsCredentials, SmsInterface, SmsProvider};

/// Who sends one-time codes.
#[derive(Debug, Clone)]
pub struct Sms {
    /// The provider, with credentials. Without one, no customer can be verified by SMS.
    pub url: Option<SecretUrl>,
    interface: Interface,
    /// Whom messages are from.
    pub sender: Option<String>,
    token: Option<SecretString>,
    template: HttpTemplate,
    /// The countries to which text messages are sent.
    pub calling_codes: Vec<CallingCode>,
    /// Messages of one tenant within 24 hours.
    pub daily_budget: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Interface {
    Twilio,
    Http,
}

/// Where Twilio's API is.
const TWILIO_HOST: &str = "api.twilio.com";

/// Europe's Economic Area, Switzerland and the United Kingdom.
const CALLING_CODES: &str = "30,31,32,33,34,36,39,40,41,43,44,45,46,47,48,49,351,352,353,354,356,357,358,359,370,371,372,\
                             385,386,420,421,423";

/// The key of the provider's URL.
const SMS_URL: Key<'static> = key("sms.url").variable("SMS_URL");
const SENDER: Key<'static> = key("sms.sender");
const BODY: Key<'static> = key("sms.body");

impl Sms {
    pub(super) fn read(reader: &mut ConfigReader<'_>) -> Self {
        let url = reader.optional(SMS_URL, provider_url);
        let interface = reader
            .optional(key("sms.interface"), value::choice(&[("twilio", Interface::Twilio), ("http", Interface::Http)]));
        let by_host = || match url.as_ref().and_then(|url| Url::parse(url.expose()).ok()) {
            Some(url) if url.host_str() == Some(TWILIO_HOST) => Interface::Twilio,
            _ => Interface::Http,
        };
        let sms = Self {
            interface: interface.unwrap_or_else(by_host),
            sender: reader.optional(SENDER, sender),
            token: reader.optional(key("sms.token").variable("SMS_TOKEN"), value::secret),
            template: HttpTemplate {
                body: reader.value(BODY, r#"{"to": "{to}", "from": "{sender}", "text": "{text}"}"#, value::text),
                body_type: reader.value(
                    key("sms.body_type"),
                    "json",
                    value::choice(&[("json", BodyType::Json), ("form", BodyType::Form)]),
                ),
                number_refused: reader.value(key("sms.number_refused"), "", value::list(value::text)),
            },
            calling_codes: reader.value(key("sms.calling_codes"), CALLING_CODES, value::list(calling_code)),
            daily_budget: reader.value(key("sms.daily_budget"), "500", value::whole(1, 1_000_000)),
            url,
        };
        sms.check(reader);
        sms
    }

    fn check(&self, reader: &mut ConfigReader<'_>) {
        match self.interface {
            Interface::Twilio => self.check_twilio(reader),
            Interface::Http => self.check_template(reader),
        }
    }

    /// The body itself is not shown: it may hold a key of the provider's.
    fn check_template(&self, reader: &mut ConfigReader<'_>) {
        if let Some(place) = self.template.missing_place() {
            let remedy = "write {to} where the number belongs, and {text} where the message belongs";
            reader.fault(BODY, Wrong::new(format!("does not hold {place}"), remedy));
        } else if !self.template.is_well_formed(self.sender.as_deref().unwrap_or_default()) {
            let remedy = "write {to}, {sender} and {text} within double quotes, or set sms.body_type to \"form\"";
            reader.fault(BODY, Wrong::new("is not JSON once a message stands in it", remedy));
        }
    }

    fn check_twilio(&self, reader: &mut ConfigReader<'_>) {
        let Some(provider) = self.provider() else { return };
        if !matches!(provider.credentials, Some(SmsCredentials::Basic { .. })) {
            let remedy = "write https://ACCOUNT_SID:AUTH_TOKEN@api.twilio.com";
            reader.fault(SMS_URL, Wrong::new("has no account and token of Twilio's", remedy));
        }
        if !reader.is_set(SENDER) {
            let remedy =
                "set sms.sender to a number of yours (+49…), a name of up to 11 letters, or a messaging service (MG…)";
            reader.fault(SENDER, Wrong::new("is missing: Twilio wants to know whom messages are from", remedy));
        }
    }

    /// What customers can be verified by.
    #[must_use]
    pub fn verification(&self) -> VerificationConfig {
        match &self.url {
            Some(_) => VerificationConfig::with_sms_to(self.calling_codes.iter().copied()),
            None => VerificationConfig::without_sms(),
        }
    }

    /// The provider, if there is one.
    #[must_use]
    pub fn provider(&self) -> Option<SmsProvider> {
        let mut url = Url::parse(self.url.as_ref()?.expose()).ok()?;
        let decoded = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
        let (user, password) = (decoded(url.username()), url.password().map(decoded));
        // Credentials travel in a header of their own.
        url.set_username("").and_then(|()| url.set_password(None)).ok()?;
        let credentials = match (&self.token, password) {
            (Some(token), _) => Some(SmsCredentials::Bearer(token.clone())),
            (None, Some(password)) => Some(SmsCredentials::Basic { user: user.clone(), password: password.into() }),
            (None, None) => None,
        };
        let interface = match self.interface {
            Interface::Twilio => SmsInterface::Twilio,
            Interface::Http => SmsInterface::Http(self.template.clone()),
        };
        if self.interface == Interface::Twilio && matches!(url.path(), "" | "/") {
            url.set_path(&format!("/2010-04-01/Accounts/{user}/Messages.json"));
        }
        Some(SmsProvider { url, credentials, sender: self.sender.clone(), interface })
    }

    /// The provider that a demonstration has: whatever takes JSON at this address.
    #[must_use]
    pub fn of_catcher(self, url: &str) -> Self {
        let url = provider_url(&Raw::Text(url.to_owned())).expect("the catcher listens on this machine");
        Self { url: Some(url), interface: Interface::Http, ..self }
    }
}

/// A number, or a name; no character that would need to be written otherwise.
fn sender(raw: &Raw) -> Result<String, Wrong> {
    let written = value::text(raw)?;
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | ' ' | '-' | '.' | '_' | '&');
    if written.len() <= 34 && written.chars().all(is_plain) {
        Ok(written)
    } else {
        let remedy = "write a number as +4915112345678, or a name of up to 11 letters and digits";
        Err(Wrong::new(format!("is {written:?}, not a sender"), remedy))
    }
}

/// A country's calling code, with or without `+`.
fn calling_code(raw: &Raw) -> Result<CallingCode, Wrong> {
    let written = match raw {
        Raw::Integer(number) => number.to_string(),
        other => value::text(other)?,
    };
    let digits = written.strip_prefix('+').unwrap_or(&written);
    // A code alone is the beginning of a number.
    calling_code_of(&format!("+{digits}00")).filter(|code| code.0.to_string() == digits).ok_or_else(|| {
        Wrong::new(format!("holds {written:?}, not a calling code"), "write the codes of countries, as 49")
    })
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret as _;

    use super::*;
    use crate::config::{Config, ConfigSources};

    fn read(environment: &[(&str, &str)]) -> Result<Sms, Vec<String>> {
        let owned = environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let sources = ConfigSources { environment: owned.collect(), ..ConfigSources::none() };
        let told = |faults: crate::config::Faults| faults.0.into_iter().map(|fault| fault.place).collect();
        Config::read(&sources).map(|config| config.sms).map_err(told)
    }

    #[test]
    fn twilio_is_known_by_its_host_and_wants_account_and_sender() {
        let url = ("SMS_URL", "https://AC123:pw%40@api.twilio.com");
        let sms = read(&[url, ("SMS_SENDER", "Acme")]).expect("it is right");
        let provider = sms.provider().expect("a provider");
        assert_eq!(provider.url.as_str(), "https://api.twilio.com/2010-04-01/Accounts/AC123/Messages.json");
        let Some(SmsCredentials::Basic { user, password }) = provider.credentials else { panic!("credentials") };
        assert_eq!((user.as_str(), password.expose_secret()), ("AC123", "pw@"));
        assert_eq!(read(&[url]).expect_err("no sender"), ["sms.sender"]);
        let nobody = ("SMS_URL", "https://api.twilio.com");
        assert_eq!(read(&[nobody, ("SMS_SENDER", "Acme")]).expect_err("no account"), ["SMS_URL"]);
        assert_eq!(read(&[url, ("SMS_SENDER", "Ac\"me")]).expect_err("a quote"), ["SMS_SENDER"]);
    }

    #[test]
    fn a_body_that_can_be_no_message_is_refused() {
        let url = ("SMS_URL", "https://sms.example/send");
        let form = ("SMS_BODY_TYPE", "form");
        for body in [r#"{"to": "{to}"}"#, r#"{"text": "{text}"}"#, r#"{"to": {to}, "text": "{text}"}"#, "{to} {text}"] {
            assert_eq!(read(&[url, ("SMS_BODY", body)]).expect_err(body), ["SMS_BODY"]);
        }
        assert_eq!(read(&[url, form, ("SMS_BODY", "text={text}")]).expect_err("no number"), ["SMS_BODY"]);
        read(&[url, form, ("SMS_BODY", "key=7&to={to}&text={text}")]).expect("it is right");
        read(&[url, ("SMS_BODY", r#"{"to": ["{to}"], "text": "{text}"}"#)]).expect("it is right");
    }

    #[test]
    fn any_other_provider_is_posted_to_as_it_stands() {
        let sms = read(&[("SMS_URL", "https://sms.example/send?account=7"), ("SMS_TOKEN", "hunter2")]);
        let provider = sms.expect("it is right").provider().expect("a provider");
        assert_eq!(provider.url.as_str(), "https://sms.example/send?account=7");
        assert!(matches!(provider.interface, SmsInterface::Http(_)) && !format!("{provider:?}").contains("hunter2"));
        assert!(matches!(provider.credentials, Some(SmsCredentials::Bearer(_))));
        assert!(read(&[]).expect("nothing is set").provider().is_none());
    }
}

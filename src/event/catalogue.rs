//! Tenants and customers, as imported from the billing system: bodies and lines of an import in, checked values out.
//!
//! Faults name the JSON path and never repeat a value, since a value may be a phone number. Unknown fields
//! are ignored. An optional text that is blank counts as absent: a customer without a postcode must never pass for
//! one who can be verified by it.

mod samples;
mod warnings;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use jiff::tz::TimeZone;
use serde::Deserialize;
use serde_json::{Map, Value};
use url::Url;

use crate::event::bounds::{ADDRESS_MAX, KEY_MAX, NAME_MAX, identifier, line, locale, loose_text, object_key, text};
use crate::event::{Malformed, json, more_faults};
use crate::model::customer::{Customer, Postal};
use crate::model::ids::{CustomerId, RelayName, TenantId};
use crate::model::incoming::BODY_BYTES_MAX;
use crate::model::logo::Logo;
use crate::model::mail_address::MailAddress;
use crate::model::settings::{InvalidSettings, Settings};
use crate::model::tenant::{Sender, Tenant, TenantProfile};
pub use warnings::{warnings_of_customer, warnings_of_import_line, warnings_of_settings, warnings_of_tenant};

/// What one line of an import is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ImportEntry {
    Tenant(Box<Tenant>),
    Customer(Box<Customer>),
    Logo(Box<TenantLogo>),
}

/// The logo of a tenant that an earlier line, or an earlier import, told of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TenantLogo {
    pub tenant_id: TenantId,
    pub logo: Logo,
}

/// Reads the body of a tenant. The address that it was put to, if any, names the tenant: then `id` may be
/// absent, and must not differ.
///
/// # Errors
/// [`Malformed`] with its faults.
pub fn parse_tenant(body: &[u8], id: Option<&TenantId>) -> Result<Tenant, Malformed> {
    let mut value = parse_object(body)?;
    if let Some(id) = id {
        same_or_absent(&mut value, "id", id.as_str())?;
    }
    with_every_fault(Value::Object(value), samples::of_tenant, read_tenant)
}

/// Reads the body of a customer; `address` as for [`parse_tenant`].
///
/// # Errors
/// [`Malformed`] with its faults.
pub fn parse_customer(body: &[u8], address: Option<(&TenantId, &CustomerId)>) -> Result<Customer, Malformed> {
    let mut value = parse_object(body)?;
    if let Some((tenant_id, id)) = address {
        same_or_absent(&mut value, "tenant_id", tenant_id.as_str())?;
        same_or_absent(&mut value, "id", id.as_str())?;
    }
    with_every_fault(Value::Object(value), samples::of_customer, read_customer)
}

/// Reads the body that holds a tenant's settings.
///
/// # Errors
/// [`Malformed`] with its faults.
pub fn parse_settings(body: &[u8]) -> Result<Settings, Malformed> {
    with_every_fault(Value::Object(parse_object(body)?), samples::of_settings, read_settings)
}

/// Why the settings of such a body were chosen, without the blanks around it; none if the body does not say.
///
/// # Errors
/// [`Malformed`] if it is no text of one line and at most `chars_max` characters.
pub fn reason_of_settings(body: &[u8], chars_max: usize) -> Result<Option<String>, Malformed> {
    let reason = match parse_object(body)?.remove("reason") {
        None | Some(Value::Null) => return Ok(None),
        Some(Value::String(reason)) => reason.trim().to_owned(),
        Some(_) => return Err(Malformed::at("reason", "must be text")),
    };
    line("reason", &reason, chars_max)?;
    Ok(Some(reason).filter(|reason| !reason.is_empty()))
}

fn read_settings(value: &Value) -> Result<Settings, Malformed> {
    no_arrays(value, &["portal_authentication"])?;
    let settings: Settings = json::read(value, "$")?;
    check_settings("", settings)?;
    Ok(settings)
}

/// Reads one line of an import: `{"tenant": {…}}`, `{"customer": {…}}` or `{"logo": {…}}`.
///
/// # Errors
/// [`Malformed`] with its faults.
pub fn parse_import_line(line: &[u8]) -> Result<ImportEntry, Malformed> {
    let mut value = parse_object(line)?;
    match (value.remove("tenant"), value.remove("customer"), value.remove("logo")) {
        (Some(tenant), None, None) => {
            let read = with_every_fault(tenant, samples::of_tenant, read_tenant);
            let tenant = read.map_err(|fault| fault.inside("tenant"))?;
            Ok(ImportEntry::Tenant(Box::new(tenant)))
        }
        (None, Some(customer), None) => {
            let read = with_every_fault(customer, samples::of_customer, read_customer);
            let customer = read.map_err(|fault| fault.inside("customer"))?;
            Ok(ImportEntry::Customer(Box::new(customer)))
        }
        (None, None, Some(logo)) => {
            let read = with_every_fault(logo, samples::of_logo, read_logo);
            let logo = read.map_err(|fault| fault.inside("logo"))?;
            Ok(ImportEntry::Logo(Box::new(logo)))
        }
        (None, None, None) => Err(Malformed::at("$", "has neither tenant, customer nor logo")),
        _ => Err(Malformed::at("$", "has more than one of tenant, customer and logo; write a line for each")),
    }
}

/// Reads a value; what `read` refuses is read again without its first fault, so that its author mends all in one go.
fn with_every_fault<T>(
    value: Value,
    sample: impl Fn(&str) -> Option<Value>,
    read: impl Fn(&Value) -> Result<T, Malformed>,
) -> Result<T, Malformed> {
    read(&value).map_err(|fault| {
        let more = more_faults::behind(&fault, value, sample, read);
        fault.with_more(more)
    })
}

fn parse_object(body: &[u8]) -> Result<Map<String, Value>, Malformed> {
    if body.len() > BODY_BYTES_MAX {
        return Err(Malformed::at("$", format!("has {} bytes, more than {BODY_BYTES_MAX}", body.len())));
    }
    object(json::parse(json::without_mark(body))?)
}

fn object(value: Value) -> Result<Map<String, Value>, Malformed> {
    match value {
        Value::Object(members) => Ok(members),
        other => Err(json::expect_object(&other, "$").expect_err("it is no object")),
    }
}

/// An object whose members that are null are absent, as many systems write them.
fn without_nulls(value: &Value) -> Result<Value, Malformed> {
    let members = json::expect_object(value, "$")?.iter().filter(|(_, member)| !member.is_null());
    Ok(members.map(|(name, member)| (name.clone(), member.clone())).collect())
}

fn same_or_absent(value: &mut Map<String, Value>, name: &str, expected: &str) -> Result<(), Malformed> {
    match value.get(name) {
        None => {
            value.insert(name.to_owned(), expected.into());
            Ok(())
        }
        Some(Value::String(found)) if found != expected => {
            Err(Malformed::at(name, "is not the one in the address that this was put to"))
        }
        Some(_) => Ok(()),
    }
}

fn no_arrays(value: &Value, names: &[&str]) -> Result<(), Malformed> {
    names.iter().try_for_each(|name| json::no_array(value.get(name), name))
}

fn read_tenant(value: &Value) -> Result<Tenant, Malformed> {
    let value = &without_nulls(value)?;
    no_arrays(value, &["sender", "contact", "branding", "settings"])?;
    no_arrays(&value["settings"], &["portal_authentication"]).map_err(|fault| fault.inside("settings"))?;
    let mut tenant = Tenant::deserialize(value).map_err(|error| locate_in_tenant(value, &error))?;
    check_tenant(&mut tenant)?;
    Ok(tenant)
}

/// Where the fault is. A flattened struct hides its paths, so the parts are read one by one.
fn locate_in_tenant(value: &Value, error: &serde_json::Error) -> Malformed {
    #[derive(Deserialize)]
    #[expect(dead_code, reason = "read for its faults")]
    struct Head {
        id: TenantId,
        relay: Option<RelayName>,
        object_prefix: Option<String>,
        settings: Settings,
    }
    let head = json::read::<Head>(value, "$").err();
    let profile = json::read::<TenantProfile>(value, "$").err();
    head.or(profile).unwrap_or_else(|| Malformed::at("$", error.to_string()))
}

fn read_customer(value: &Value) -> Result<Customer, Malformed> {
    let value = &without_nulls(value)?;
    no_arrays(value, &["postal"])?;
    let mut customer: Customer = json::read(value, "$")?;
    check_customer(&mut customer)?;
    Ok(customer)
}

/// `image` is the file in base64.
fn read_logo(value: &Value) -> Result<TenantLogo, Malformed> {
    #[derive(Deserialize)]
    struct LogoLine {
        tenant_id: TenantId,
        image: String,
    }
    let LogoLine { tenant_id, image } = json::read(&without_nulls(value)?, "$")?;
    identifier("tenant_id", tenant_id.as_str(), KEY_MAX)?;
    let bytes = BASE64.decode(image).map_err(|_| Malformed::at("image", "is not base64"))?;
    let logo = Logo::read(bytes.into()).map_err(|invalid| Malformed::at("image", invalid.to_string()))?;
    Ok(TenantLogo { tenant_id, logo })
}

fn check_tenant(tenant: &mut Tenant) -> Result<(), Malformed> {
    identifier("id", tenant.id.as_str(), 128)?;
    // It names folders: of documents, unless `object_prefix` does, and of templates.
    if tenant.id.as_str().contains(['/', '\\']) || matches!(tenant.id.as_str(), "." | "..") {
        return Err(Malformed::at("id", "must not be . or .. or contain a slash or a backslash"));
    }
    let relay = tenant.relay.as_str();
    let relay_shape = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if relay.is_empty() || relay.len() > 64 || !relay.chars().all(relay_shape) {
        return Err(Malformed::at("relay", "is not a name of at most 64 letters, digits, dots, - and _"));
    }
    drop_blank([&mut tenant.object_prefix]);
    if let Some(prefix) = &tenant.object_prefix {
        let folder = prefix.strip_suffix('/').ok_or_else(|| Malformed::at("object_prefix", "does not end with /"))?;
        object_key("object_prefix", folder)?;
    }
    check_profile(&mut tenant.profile)?;
    check_settings("settings.", tenant.settings)
}

fn check_profile(profile: &mut TenantProfile) -> Result<(), Malformed> {
    text("name", &profile.name, NAME_MAX)?;
    check_sender(&mut profile.sender)?;
    locale("locale", &mut profile.locale)?;
    let contact = &mut profile.contact;
    drop_blank([
        &mut profile.time_zone,
        &mut profile.legal_footer,
        &mut profile.imprint_url,
        &mut profile.privacy_url,
        &mut profile.branding.colour,
        &mut contact.email,
        &mut contact.phone,
        &mut contact.url,
    ]);
    let unknown_zone = |name: &String| name.len() > 64 || TimeZone::get(name).is_err();
    if profile.time_zone.as_ref().is_some_and(unknown_zone) {
        return Err(Malformed::at("time_zone", "is not a time zone (IANA) like Europe/Berlin"));
    }
    if let Some(email) = &mut contact.email {
        address("contact.email", email)?;
    }
    if_some(contact.phone.as_ref(), |phone| loose_text("contact.phone", phone, 50))?;
    if_some(contact.url.as_ref(), |url| https_url("contact.url", url))?;
    if_some(profile.legal_footer.as_ref(), |footer| loose_text("legal_footer", footer, 2000))?;
    if_some(profile.imprint_url.as_ref(), |url| https_url("imprint_url", url))?;
    if_some(profile.privacy_url.as_ref(), |url| https_url("privacy_url", url))?;
    if_some(profile.branding.colour.as_ref(), check_colour)
}

fn check_sender(sender: &mut Sender) -> Result<(), Malformed> {
    text("sender.name", &sender.name, NAME_MAX)?;
    address("sender.address", &mut sender.address)?;
    drop_blank([&mut sender.reply_to, &mut sender.bounce_address]);
    if let Some(reply_to) = &mut sender.reply_to {
        address("sender.reply_to", reply_to)?;
    }
    if let Some(bounce_address) = &mut sender.bounce_address {
        address("sender.bounce_address", bounce_address)?;
    }
    Ok(())
}

fn check_customer(customer: &mut Customer) -> Result<(), Malformed> {
    identifier("tenant_id", customer.tenant_id.as_str(), KEY_MAX)?;
    identifier("id", customer.id.as_str(), KEY_MAX)?;
    text("name", &customer.name, NAME_MAX)?;
    address("address", &mut customer.address)?;
    let Customer { locale: tag, postal: Postal { country, postcode, house_number }, mobile, .. } = customer;
    drop_blank([tag, country, postcode, house_number, mobile]);
    if let Some(tag) = &mut customer.locale {
        locale("locale", tag)?;
    }
    let postal = &customer.postal;
    if postal.country.as_ref().is_some_and(|code| code.len() != 2 || !code.bytes().all(|c| c.is_ascii_uppercase())) {
        return Err(Malformed::at("postal.country", "is not a country code (ISO 3166-1) like DE"));
    }
    if_some(postal.postcode.as_ref(), |postcode| identifier("postal.postcode", postcode, 16))?;
    if_some(postal.house_number.as_ref(), |number| identifier("postal.house_number", number, 16))?;
    if customer.mobile.as_ref().is_some_and(|number| !is_e164(number)) {
        return Err(Malformed::at("mobile", "is not a number in international form (E.164): + and 7 to 15 digits"));
    }
    Ok(())
}

fn check_settings(outer: &str, settings: Settings) -> Result<(), Malformed> {
    settings.validate().map_err(|invalid| {
        let (field, problem) = match invalid {
            InvalidSettings::PrimaryMissing => {
                ("primary", "is missing; every level but inaccessible and not_required needs a method")
            }
            InvalidSettings::SameMethods => ("secondary", "is the same as primary; choose another or leave it out"),
            InvalidSettings::SecondaryAlone => ("secondary", "stands without a primary; set primary instead"),
        };
        Malformed::at(format_args!("{outer}portal_authentication.{field}"), problem)
    })
}

fn if_some(value: Option<&String>, check: impl Fn(&str) -> Result<(), Malformed>) -> Result<(), Malformed> {
    value.map_or(Ok(()), |value| check(value))
}

fn drop_blank<const N: usize>(values: [&mut Option<String>; N]) {
    for value in values {
        if value.as_ref().is_some_and(|text| text.trim().is_empty()) {
            *value = None;
        }
    }
}

/// One email address, without a name, by the rule that sending goes by; kept as it is written, without white space
/// around it. An international domain is as good as its A-labels.
fn address(path: &str, value: &mut String) -> Result<(), Malformed> {
    let trimmed = value.trim();
    if trimmed.len() != value.len() {
        *value = trimmed.to_owned();
    }
    text(path, value, ADDRESS_MAX)?;
    MailAddress::parse(value)
        .map(drop)
        .map_err(|fault| Malformed::at(path, format!("cannot be used as an email address: {fault}")))
}

fn https_url(path: &str, value: &str) -> Result<(), Malformed> {
    identifier(path, value, 2048)?;
    let usable =
        |url: &Url| url.scheme() == "https" && url.has_host() && url.username().is_empty() && url.password().is_none();
    if Url::parse(value).ok().as_ref().is_some_and(usable) {
        Ok(())
    } else {
        Err(Malformed::at(path, "is not an https: address, or has a user name in it"))
    }
}

fn check_colour(colour: &str) -> Result<(), Malformed> {
    let digits = colour.strip_prefix('#').unwrap_or("");
    if hex::decode_to_slice(digits, &mut [0; 3]).is_ok() {
        Ok(())
    } else {
        Err(Malformed::at("branding.colour", "is not a colour like #0a6b4f"))
    }
}

/// ITU-T E.164: at most 15 digits, the first of a country code is not 0. Nothing is guessed: a one-time password
/// sent to a wrong number is given to a stranger.
fn is_e164(number: &str) -> bool {
    let digits = number.strip_prefix('+').unwrap_or("");
    (7..=15).contains(&digits.len()) && digits.bytes().all(|digit| digit.is_ascii_digit()) && !digits.starts_with('0')
}

#[cfg(test)]
mod tests;

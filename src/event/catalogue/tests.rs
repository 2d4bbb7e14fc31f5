//! What is read, what is refused, and with which words.

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::model::customer::CustomerType;

fn tenant() -> Value {
    json!({
        "id": "acme", "name": "Acme GmbH",
        "sender": { "name": "Acme Buchhaltung", "address": "rechnung@acme.example",
                    "reply_to": "buchhaltung@acme.example", "bounce_address": "bounces@acme.example" },
        "locale": "de-DE", "time_zone": "Europe/Berlin", "relay": "default",
        "contact": { "email": "buchhaltung@acme.example", "phone": "+49 351 123456", "url": "https://acme.example/kontakt" },
        "legal_footer": "Acme GmbH · Hauptstr. 1 · 01067 Dresden · HRB 12345",
        "imprint_url": "https://acme.example/impressum", "privacy_url": "https://acme.example/datenschutz",
        "branding": { "colour": "#0a6b4f" },
        "settings": { "sensitive_attachments": "exclude_for_private",
                      "portal_authentication": { "level": "sensitive_for_private", "primary": "sms_otp",
                                                 "secondary": "postcode_house_number" } }
    })
}

fn customer() -> Value {
    json!({
        "tenant_id": "acme", "id": "C-1042", "type": "business", "name": "Käufer & Söhne OHG",
        "address": "ap@customer.example", "locale": "de-DE",
        "postal": { "country": "DE", "postcode": "01067", "house_number": "12a" }, "mobile": "+4915112345678"
    })
}

fn with(mut body: Value, pointer: &str, value: Option<Value>) -> Vec<u8> {
    let (parent, name) = pointer.rsplit_once('/').expect("a pointer");
    let object = body.pointer_mut(parent).and_then(Value::as_object_mut).expect("the parent is an object");
    match value {
        Some(value) => object.insert(name.to_owned(), value),
        None => object.remove(name),
    };
    body.to_string().into_bytes()
}

#[test]
fn the_lines_of_the_design_are_read() {
    let line = json!({ "tenant": tenant() }).to_string();
    let Ok(ImportEntry::Tenant(read)) = parse_import_line(line.as_bytes()) else { panic!("a good tenant") };
    assert_eq!(serde_json::to_value(&read).expect("JSON"), tenant());
    assert_eq!(read.object_prefix(), "acme/");

    let line = json!({ "customer": customer() }).to_string();
    let Ok(ImportEntry::Customer(read)) = parse_import_line(line.as_bytes()) else { panic!("a good customer") };
    assert_eq!(serde_json::to_value(&read).expect("JSON"), customer());
}

#[test]
fn a_locale_is_kept_in_its_canonical_form() {
    for (text, expected) in [("de_DE", "de-DE"), ("fre_BE", "fr-BE"), ("nl", "nl")] {
        let read = parse_tenant(&with(tenant(), "/locale", Some(json!(text))), None).expect("a good tenant");
        assert_eq!(read.profile.locale, expected);
        let read = parse_customer(&with(customer(), "/locale", Some(json!(text))), None).expect("a good customer");
        assert_eq!(read.locale.as_deref(), Some(expected));
    }
}

#[test]
fn what_is_required_is_missed_by_its_path() {
    for pointer in [
        "/id",
        "/name",
        "/sender",
        "/sender/name",
        "/sender/address",
        "/locale",
        "/settings",
        "/settings/sensitive_attachments",
        "/settings/portal_authentication",
        "/settings/portal_authentication/level",
    ] {
        let fault = parse_tenant(&with(tenant(), pointer, None), None).expect_err(pointer);
        assert_eq!(fault.to_string(), format!("{}: is missing", pointer[1..].replace('/', ".")));
    }
    for pointer in ["/tenant_id", "/id", "/name", "/address"] {
        let fault = parse_customer(&with(customer(), pointer, None), None).expect_err(pointer);
        assert_eq!(fault.to_string(), format!("{}: is missing", &pointer[1..]));
    }
    let least = json!({ "id": "a", "name": "A", "sender": { "name": "A", "address": "a@a.example" }, "locale": "en",
        "settings": { "sensitive_attachments": "exclude", "portal_authentication": { "level": "inaccessible" } } });
    let least = parse_tenant(least.to_string().as_bytes(), None).expect("a tenant of what is required");
    assert_eq!(least.relay.as_str(), "default");
}

#[test]
fn addresses_go_by_the_rule_of_sending() {
    let local = "the part before the @ may only hold letters, digits, single dots and !#$%&'*+-/=?^_`{|}~";
    let domain = "the part after the @ is not a domain name";
    let named = "it holds more than the address; write the address alone, and a name in a field of its own";
    let several = "it holds more than one address; write a recipient for each";
    let cases = [
        ("Acme <a@a.example>", named),
        ("\"a b\"@x", local),
        ("a@x_y.example", domain),
        ("a@[127.0.0.1]", domain),
        ("a@a.example\r\nBcc: x@y.example", several),
        ("nobody", "it has no @"),
        ("@", local),
    ];
    for (address, fault) in cases {
        for field in ["sender/address", "sender/reply_to", "sender/bounce_address", "contact/email"] {
            let reported =
                parse_tenant(&with(tenant(), &format!("/{field}"), Some(json!(address))), None).expect_err(field);
            let expected = format!("{}: cannot be used as an email address: {fault}", field.replace('/', "."));
            assert_eq!(reported.to_string(), expected);
        }
        let reported = parse_customer(&with(customer(), "/address", Some(json!(address))), None).expect_err(address);
        assert_eq!(reported.to_string(), format!("address: cannot be used as an email address: {fault}"));
    }
    let spaced = with(tenant(), "/sender/address", Some(json!(" a@a.example\n")));
    assert_eq!(
        parse_tenant(&spaced, None).expect("white space around it is nobody's").profile.sender.address,
        "a@a.example"
    );
}

#[test]
fn faults_of_a_tenant_say_where_and_what() {
    let cases = [
        ("/id", json!("a/b"), "id: must not be . or .. or contain a slash or a backslash"),
        ("/id", json!(".."), "id: must not be . or .. or contain a slash or a backslash"),
        ("/id", json!(7), "id: must be text, not a number"),
        ("/name", json!("  "), "name: is empty"),
        ("/name", json!("A\u{0}"), "name: contains the character NUL"),
        ("/sender", json!(["A", "a@a.example"]), "sender: must be an object, not an array"),
        ("/sender/name", json!(true), "sender.name: must be text, not true or false"),
        ("/locale", json!("deutsch!"), "locale: is not a language tag (BCP 47) like de-DE"),
        ("/time_zone", json!("Europe/Dresden"), "time_zone: is not a time zone (IANA) like Europe/Berlin"),
        ("/relay", json!("my relay"), "relay: is not a name of at most 64 letters, digits, dots, - and _"),
        ("/relay", json!(1), "relay: must be text, not a number"),
        ("/name", Value::Null, "name: is missing"),
        ("/contact", json!([]), "contact: must be an object, not an array"),
        ("/contact/phone", json!("1".repeat(51)), "contact.phone: is longer than 50 characters"),
        (
            "/contact/url",
            json!("http://acme.example"),
            "contact.url: is not an https: address, or has a user name in it",
        ),
        (
            "/imprint_url",
            json!("javascript:alert(1)"),
            "imprint_url: is not an https: address, or has a user name in it",
        ),
        (
            "/privacy_url",
            json!("https://acme.example@evil.example/"),
            "privacy_url: is not an https: address, or has a user name in it",
        ),
        ("/legal_footer", json!("x".repeat(2001)), "legal_footer: is longer than 2000 characters"),
        ("/branding/colour", json!("red"), "branding.colour: is not a colour like #0a6b4f"),
        ("/branding/colour", json!("#0a6b4f;x"), "branding.colour: is not a colour like #0a6b4f"),
        ("/object_prefix", json!("acme"), "object_prefix: does not end with /"),
        ("/object_prefix", json!("/"), "object_prefix: is empty"),
        ("/object_prefix", json!("../"), "object_prefix: has a segment . or .., which could leave the tenant's folder"),
        ("/settings", json!("strict"), "settings: must be an object, not text"),
        (
            "/settings/sensitive_attachments",
            json!("maybe"),
            "settings.sensitive_attachments: must be one of include, exclude, exclude_for_private",
        ),
        (
            "/settings/portal_authentication",
            json!([]),
            "settings.portal_authentication: must be an object, not an array",
        ),
        (
            "/settings/portal_authentication/primary",
            Value::Null,
            "settings.portal_authentication.secondary: stands without a primary; set primary instead",
        ),
        (
            "/settings/portal_authentication/secondary",
            json!("sms_otp"),
            "settings.portal_authentication.secondary: is the same as primary; choose another or leave it out",
        ),
        (
            "/settings/portal_authentication",
            json!({"level": "sensitive"}),
            "settings.portal_authentication.primary: is missing; every level but inaccessible and not_required needs a method",
        ),
    ];
    for (pointer, value, expected) in cases {
        let body = with(tenant(), pointer, Some(value));
        assert_eq!(parse_tenant(&body, None).expect_err(expected).to_string(), expected);
        let line = format!("{{\"tenant\":{}}}", String::from_utf8(body).expect("UTF-8"));
        assert_eq!(parse_import_line(line.as_bytes()).expect_err(expected).to_string(), format!("tenant.{expected}"));
    }
}

#[test]
fn faults_of_a_customer_say_where_and_what_and_never_the_value() {
    let cases = [
        ("/id", json!("C\t1"), "id: contains a control character"),
        ("/tenant_id", json!("x".repeat(256)), "tenant_id: is longer than 255 characters"),
        ("/type", json!(5), "type: must be text, not a number"),
        (
            "/address",
            json!("a@b@"),
            "address: cannot be used as an email address: the part before the @ may only hold letters, digits, single dots and !#$%&'*+-/=?^_`{|}~",
        ),
        ("/address", json!(""), "address: is empty"),
        ("/locale", json!("x"), "locale: is not a language tag (BCP 47) like de-DE"),
        ("/postal", json!("01067"), "postal: must be an object, not text"),
        ("/postal", json!(["DE"]), "postal: must be an object, not an array"),
        ("/postal/country", json!("Germany"), "postal.country: is not a country code (ISO 3166-1) like DE"),
        ("/postal/postcode", json!(1067), "postal.postcode: must be text, not a number"),
        ("/postal/house_number", json!("1".repeat(17)), "postal.house_number: is longer than 16 characters"),
        (
            "/mobile",
            json!("0151 12345678"),
            "mobile: is not a number in international form (E.164): + and 7 to 15 digits",
        ),
        (
            "/mobile",
            json!("+49 (0)151 12345678"),
            "mobile: is not a number in international form (E.164): + and 7 to 15 digits",
        ),
    ];
    for (pointer, value, expected) in cases {
        let body = with(customer(), pointer, Some(value));
        assert_eq!(parse_customer(&body, None).expect_err(expected).to_string(), expected);
    }
}

#[test]
fn an_unknown_type_is_none_and_a_blank_postcode_is_no_postcode() {
    let read =
        |pointer: &str, value| parse_customer(&with(customer(), pointer, Some(value)), None).expect("a customer");
    assert_eq!(read("/type", json!("charity")).kind, None);
    assert_eq!(read("/type", Value::Null).kind, None);
    assert_eq!(read("/postal", Value::Null).postal, Postal::default());
    assert_eq!(read("/type", json!("private")).kind, Some(CustomerType::Private));
    assert!(!read("/postal/postcode", json!(" ")).verification_record().postcode_house_number);
    assert!(!read("/mobile", json!("")).verification_record().mobile);
}

#[test]
fn international_addresses_are_taken() {
    for address in
        ["rechnung@käufer.example", "ap@xn--kufer-gra.example", "büro@example.com", "o'neil+bills@example.co.uk"]
    {
        assert!(parse_customer(&with(customer(), "/address", Some(json!(address))), None).is_ok(), "{address}");
    }
}

#[test]
fn the_address_of_the_request_names_what_the_body_leaves_out() {
    let (acme, customer_id) = (TenantId::from("acme"), CustomerId::from("C-1042"));
    let read = parse_tenant(&with(tenant(), "/id", None), Some(&acme)).expect("the address names it");
    assert_eq!(read.id, acme);
    let fault = parse_tenant(&with(tenant(), "/id", Some(json!("globex"))), Some(&acme)).expect_err("two names");
    assert_eq!(fault.to_string(), "id: is not the one in the address that this was put to");
    let body = with(customer(), "/tenant_id", None);
    assert_eq!(parse_customer(&body, Some((&acme, &customer_id))).expect("the address names it").tenant_id, acme);
    let fault = parse_customer(&body, Some((&acme, &"C-1".into()))).expect_err("two names");
    assert_eq!(fault.path, "id");
}

#[test]
fn a_line_tells_of_one_thing() {
    for (line, expected) in [
        ("{}", "$: has neither tenant, customer nor logo"),
        (r#"{"tenant":{},"customer":{}}"#, "$: has more than one of tenant, customer and logo; write a line for each"),
        (r#"{"logo":{},"customer":{}}"#, "$: has more than one of tenant, customer and logo; write a line for each"),
        (r#"{"logo":{"tenant_id":"acme"}}"#, "logo.image: is missing"),
        (r#"{"logo":{"tenant_id":"acme","image":"a b"}}"#, "logo.image: is not base64"),
        (r#"{"logo":{"tenant_id":"acme","image":""}}"#, "logo.image: is neither a PNG nor a JPEG image"),
        (r#"{"tenant":[]}"#, "tenant: must be an object, not an array"),
        ("[]", "$: must be an object, not an array"),
        ("tenant", "$: is not JSON: expected ident at line 1 column 2"),
        (r#"{"customer":{"id":"1","id":"2"}}"#, "customer.id: stands twice in the same object"),
    ] {
        assert_eq!(parse_import_line(line.as_bytes()).expect_err(line).to_string(), expected);
    }
}

#[test]
fn settings_are_read_alone_too() {
    let settings = tenant()["settings"].clone();
    assert!(parse_settings(settings.to_string().as_bytes()).is_ok());
    let fault = parse_settings(&with(settings, "/portal_authentication/primary", None)).expect_err("secondary alone");
    assert_eq!(fault.path, "portal_authentication.secondary");
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..256)) {
        let _ = (parse_import_line(&bytes), parse_settings(&bytes));
        let _ = (parse_tenant(&bytes, None), parse_customer(&bytes, None));
    }

    #[test]
    fn any_text_in_any_field_is_read_without_nul_or_refused(
        pointer in prop::sample::select(vec![
            "/id", "/name", "/sender/name", "/sender/address", "/locale", "/time_zone", "/relay", "/contact/phone",
            "/contact/url", "/legal_footer", "/branding/colour", "/object_prefix",
        ]),
        text in any::<String>(),
    ) {
        if let Ok(read) = parse_tenant(&with(tenant(), pointer, Some(json!(text))), None) {
            prop_assert!(!serde_json::to_string(&read).expect("JSON").contains("\\u0000"));
            let again = parse_tenant(&serde_json::to_vec(&read).expect("JSON"), None);
            prop_assert_eq!(again, Ok(read));
        }
    }
}

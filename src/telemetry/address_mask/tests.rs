//! No reply, however it is built around a recipient's address, shows it.

use proptest::prelude::*;

use super::*;

#[test]
fn an_address_is_found_in_every_spelling() {
    let mask = AddressMask::of(["Ap.Invoices@customer.example"]);
    for (words, shown) in [
        ("<ap.invoices@customer.example>: no such user", "<A***@customer.example>: no such user"),
        ("AP.INVOICES@CUSTOMER.EXAMPLE unknown", "A***@customer.example unknown"),
        ("\"ap.invoices\"@customer.example unknown", "\"A***@customer.example unknown"),
        ("ap.invoices@customer. example unknown", "A***@customer.example unknown"),
        ("ap.inv oices @ customer.example unknown", "A***@customer.example unknown"),
        ("ap.invoices%40customer.example unknown", "A***@customer.example unknown"),
        ("%61p.invoices%40customer%2Eexample unknown", "A***@customer.example unknown"),
        ("x?rcpt=ap.invoices%2540customer.example", "x?rcpt=A***@customer.example"),
        ("bounce+ap.invoices=customer.example@relay.example", "bounce+A***@c***@relay.example"),
        ("<SRS0=AbC=TT=customer.example=ap.invoices@relay.example>", "<SRS0=AbC=TT=A***@c***@relay.example>"),
        ("customer.example!ap.invoices unknown", "A***@customer.example unknown"),
        ("ap.invoices (at) customer.example unknown", "A***@customer.example unknown"),
        ("Unknown user: ap.invoices.", "Unknown user: A***."),
        ("<ap.invoices>... User unknown", "<A***>... User unknown"),
        ("user 'Ap.Invoices' unknown", "user 'A***' unknown"),
        ("x.ap.invoices@customer.example unknown", "x.A***@customer.example unknown"),
    ] {
        assert_eq!(mask.reply(words), shown, "{words}");
    }
}

#[test]
fn an_international_address_is_found_as_relays_write_it() {
    let mask = AddressMask::of(["käufer@söhne.example"]);
    for words in [
        "käufer@söhne.example unknown",
        "KÄUFER@xn--shne-5qa.example unknown",
        "k??ufer@xn--shne-5qa.example unknown",
        "k??ufer@s??hne.example unknown",
        "k%C3%A4ufer%40s%c3%b6hne.example unknown",
        "no user k??ufer here",
    ] {
        let shown = mask.reply(words);
        let plain = shown.to_lowercase();
        assert!(!plain.contains("ufer"), "{words}: {shown}");
    }
}

#[test]
fn whoever_else_is_named_is_masked_too_and_nothing_but_addresses() {
    let mask = AddressMask::of(["ap@customer.example"]);
    for (words, shown) in [
        ("forward to j.smith@home.example failed", "forward to j***@home.example failed"),
        ("\"john doe\"@home.example failed", "j***@home.example failed"),
        ("user%40home.example failed", "u***%40home.example failed"),
        (
            "5.7.1 blocked, see https://relay.example/?ip=192.0.2.1",
            "5.7.1 blocked, see https://relay.example/?ip=192.0.2.1",
        ),
        ("cap exceeded, apt mailbox map ap-2 full", "cap exceeded, apt mailbox map ap-2 full"),
        ("<j.smith @ home.example> unknown", "<j*** @ home.example> unknown"),
        ("<j.smith @ home> unknown", "<j*** @ home> unknown"),
        ("J.SMITH@HOME.EXAMPLE unknown", "J***@HOME.EXAMPLE unknown"),
        ("user j.smith @home.example unknown", "user j*** @home.example unknown"),
        ("user j.smith@ home.example unknown", "user j***@ home.example unknown"),
        ("j o h n @ home . example unknown", "j*** @ home . example unknown"),
        ("j.smith (at) home.example unknown", "j*** (at) home.example unknown"),
        ("j.smith[AT]home.example unknown", "j***[AT]home.example unknown"),
        ("a problem @ night", "a problem @ night"),
        ("a problem @ night. Try later", "a problem @ night. Try later"),
        ("a***@customer.example unknown", "a***@customer.example unknown"),
    ] {
        assert_eq!(mask.reply(words), shown, "{words}");
        assert_eq!(mask.reply(shown), shown, "once more changes nothing");
    }
}

#[test]
fn a_text_of_others_loses_the_known_addresses_only() {
    let mask = AddressMask::of(["ap@customer.example"]);
    let text = "Message-ID <1@acme.example>, ap asked, to AP@customer.example";
    assert_eq!(mask.text(text), "Message-ID <1@acme.example>, ap asked, to a***@customer.example");
}

#[test]
fn an_address_that_looks_like_its_mask_is_not_shown() {
    for address in
        ["a***@customer.example", "***@customer.example", "*@customer.example", "a@b", "\" \"@customer.example"]
    {
        let shown = AddressMask::of([address]).reply(&format!("550 <{address}> unknown"));
        assert!(!shown.contains(address), "{address}: {shown}");
    }
}

/// A local part of a kind that our own parser takes, or stranger.
fn local() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => "[a-zA-Z0-9!#$%&'*+/=?^_`{|}~-]{1,8}(\\.[a-zA-Z0-9*%=+-]{1,8})?",
        1 => "[a-zäöüßé文]{1,8}",
        1 => "\"[a-z @.\\\\]{1,6}\"",
    ]
}

fn domain() -> impl Strategy<Value = String> {
    prop_oneof!["[a-z0-9]{1,8}(-[a-z0-9]{1,5})?\\.(example|test|com)", "[a-zäöü]{2,8}\\.example"]
}

/// The address as some relay might write it.
fn spelled(address: &str, spelling: u8) -> String {
    let (local, domain) = address.rsplit_once('@').expect("an address");
    match spelling {
        0 => address.to_owned(),
        1 => format!("<{}>", address.to_uppercase()),
        2 => address.bytes().map(|byte| format!("%{byte:02X}")).collect::<Vec<_>>().concat(),
        3 => format!("{local}={domain}@srs.example"),
        4 => format!("SRS0=x=y={domain}={local}@srs.example"),
        5 => address.chars().map(|c| format!("{c} ")).collect::<Vec<_>>().concat(),
        6 => format!("{local}%40{domain}"),
        7 => format!("{local}@{}", idna::domain_to_ascii(domain).unwrap_or_default()),
        8 => question_marks(address),
        _ => format!("\"{local}\"@{domain}"),
    }
}

proptest! {
    #[test]
    fn no_reply_shows_the_recipient_it_is_built_around(
        local in local(), domain in domain(), before in ".{0,12}", behind in ".{0,12}", spelling in 0_u8..10, twice in any::<bool>(),
    ) {
        let address = format!("{local}@{domain}");
        let spelled = spelled(&address, spelling);
        let words = if twice { format!("{before}{spelled}{spelled}{behind}") } else { format!("{before}{spelled}{behind}") };
        let mask = AddressMask::of([address.as_str()]);
        for shown in [mask.reply(&words), mask.text(&words)] {
            let plain = shown.to_lowercase();
            prop_assert!(!plain.contains(&address.to_lowercase()), "{words:?} -> {shown:?}");
            prop_assert!(!plain.contains(&spelled.to_lowercase()) , "{words:?} -> {shown:?}");
            let squeezed: String = plain.chars().filter(|c| !c.is_whitespace()).collect();
            prop_assert!(local.contains(char::is_whitespace) || !squeezed.contains(&address.to_lowercase()), "{words:?} -> {shown:?}");
        }
    }

    #[test]
    fn no_reply_shows_a_local_part_that_stands_alone(
        local in "[a-z]{3,10}([.+_-][a-z0-9]{3,8})?",
        around in prop::sample::select(vec![("<", ">"), ("'", "'"), ("\"", "\""), ("(", ")"), ("", "."), ("user=", ":"), ("", "...")]),
    ) {
        let named = format!("{}{local}{}", around.0, around.1);
        let shown = AddressMask::of([format!("{local}@customer.example").as_str()]).reply(&format!("no {named} here"));
        prop_assert!(!shown.contains(&named), "{shown}");
    }

    #[test]
    fn any_text_is_taken(words in ".{0,80}", address in ".{0,12}") {
        let mask = AddressMask::of([address.as_str()]);
        let _ = (mask.reply(&words), mask.text(&words));
    }

    #[test]
    fn what_names_nobody_stays_as_it_is(words in "[a-z ,.:;()/0-9]{0,60}") {
        let mask = AddressMask::of(["Zz.Invoices@customer.example"]);
        prop_assert_eq!(mask.reply(&words), words);
    }
}

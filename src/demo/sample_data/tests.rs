use std::collections::{HashMap, HashSet};

use serde_json::Value;
use strum::VariantArray as _;

use super::*;
use crate::event::InvoiceData;
use crate::model::customer::Customer;
use crate::model::invoice_kind::InvoiceKind;
use crate::model::settings::SensitiveAttachments;
use crate::model::state::Decision;
use crate::model::tenant::Tenant;
use crate::policy::decision::{Inputs, PortalAccess, Reason, decide};

fn world() -> SampleData {
    SampleData::new(Timestamp::parse("2026-11-23T09:30:00Z").expect("a time"))
}

/// The tenants and customers, read back as `import` does.
fn catalogue() -> (HashMap<String, Tenant>, HashMap<String, Customer>) {
    let (mut tenants, mut customers) = (HashMap::new(), HashMap::new());
    for line in world().catalogue() {
        let line: Value = serde_json::from_str(line).expect("a line is JSON");
        if let Some(tenant) = line.get("tenant") {
            let tenant: Tenant = serde_json::from_value(tenant.clone()).expect("a tenant");
            tenant.settings.validate().expect("settings that can be saved");
            tenants.insert(tenant.id.to_string(), tenant);
        } else if let Some(logo) = line.get("logo") {
            assert!(tenants.contains_key(logo["tenant_id"].as_str().expect("a tenant")), "a logo follows the tenant");
        } else {
            let customer: Customer = serde_json::from_value(line["customer"].clone()).expect("a customer");
            assert!(tenants.contains_key(customer.tenant_id.as_str()), "a customer follows the tenant");
            customers.insert(customer.id.to_string(), customer);
        }
    }
    (tenants, customers)
}

fn event(label: &str) -> Value {
    let world = world();
    let event = world.events().iter().find(|event| event.label == label).expect(label);
    serde_json::from_slice(&event.bytes).expect("JSON")
}

#[test]
fn the_same_moment_gives_the_same_world_and_another_moment_another() {
    let (world, again, later) =
        (world(), world(), SampleData::new(Timestamp::parse("2026-11-23T09:31:00Z").expect("a time")));
    let bytes = |world: &SampleData| world.events().iter().map(|event| event.bytes.clone()).collect::<Vec<_>>();
    assert_eq!(bytes(&world), bytes(&again));
    let keys =
        |world: &SampleData| world.documents().iter().map(|document| document.object.clone()).collect::<HashSet<_>>();
    assert_eq!(keys(&world).len(), world.documents().len(), "every key is used once");
    assert!(keys(&world).is_disjoint(&keys(&later)));
    let ids = |world: &SampleData| {
        let read = |event: &DemoEvent| serde_json::from_slice::<Value>(&event.bytes).ok();
        let both = |event: Value| [event["id"].to_string(), event["data"]["invoice"]["id"].to_string()];
        world.events().iter().filter_map(read).flat_map(both).collect::<HashSet<_>>()
    };
    assert!(ids(&world).is_disjoint(&ids(&later)));
}

#[test]
fn every_policy_language_and_kind_is_met() {
    let (tenants, customers) = catalogue();
    let policies: HashSet<_> = tenants.values().map(|tenant| tenant.settings.sensitive_attachments).collect();
    assert_eq!(policies.len(), SensitiveAttachments::VARIANTS.len());
    let levels: HashSet<_> = tenants.values().map(|tenant| tenant.settings.portal_authentication.level).collect();
    assert_eq!(levels.len(), 3);
    let languages: HashSet<_> =
        customers.values().filter_map(|customer| Some(customer.locale.as_ref()?[..2].to_owned())).collect();
    assert_eq!(languages.len(), 4);
    let events = world().events().len();
    assert!(events >= 16, "{events}");
    let read = |event: &DemoEvent| serde_json::from_slice::<Value>(&event.bytes).ok();
    let kinds: HashSet<String> =
        world().events().iter().filter_map(read).map(|event| event["data"]["invoice"]["kind"].to_string()).collect();
    assert_eq!(kinds.len(), InvoiceKind::VARIANTS.len());
}

#[test]
fn what_an_event_says_of_its_documents_is_true_but_for_one() {
    let world = world();
    let stored: HashMap<_, _> = world.documents().iter().map(|d| (d.object.as_str(), &d.bytes)).collect();
    let mut different = Vec::new();
    for event in world.events() {
        let Ok(read) = serde_json::from_slice::<Value>(&event.bytes) else { continue };
        let Ok(data) = serde_json::from_value::<InvoiceData>(read["data"].clone()) else { panic!("{}", event.label) };
        for document in &data.documents {
            let Some(bytes) = stored.get(document.object.as_str()) else {
                assert!(["unknown tenant", "a key that leaves its folder"].contains(&event.label), "{}", event.label);
                continue;
            };
            assert_eq!(document.size, bytes.len() as u64, "{}", event.label);
            if document.sha256 != Sha256::of(bytes) {
                different.push(event.label);
            }
        }
    }
    assert_eq!(different, ["another document under the key"]);
}

#[test]
fn the_decisions_are_those_that_are_to_be_shown() {
    let (tenants, customers) = catalogue();
    let expected = [
        ("business, documents for businesses", Ok((Decision::Attach, Reason::BusinessCustomer, None))),
        (
            "private, documents for businesses",
            Ok((Decision::Link, Reason::PrivateCustomer, Some(PortalAccess::Verified))),
        ),
        ("customer of unknown type", Ok((Decision::Link, Reason::UnknownCustomerType, Some(PortalAccess::Verified)))),
        ("private, documents for everybody", Ok((Decision::Attach, Reason::PolicyInclude, None))),
        (
            "documents for nobody, portal closed",
            Ok((Decision::Link, Reason::PolicyExclude, Some(PortalAccess::Closed))),
        ),
        ("too large for the relay", Ok((Decision::Link, Reason::TooLarge, Some(PortalAccess::EveryPageVerified)))),
        ("nothing to verify by", Err(crate::model::reason::ReasonCode::NoVerificationMethod)),
    ];
    for (label, expected) in expected {
        let data: InvoiceData = serde_json::from_value(event(label)["data"].clone()).expect("invoice data");
        let (tenant, customer) = (&tenants[data.tenant_id.as_str()], &customers[data.customer_id.as_str()]);
        let size: u64 = data.documents.iter().map(|document| document.size).sum();
        let inputs = Inputs {
            settings: tenant.settings,
            settings_version: 1,
            customer_type: customer.kind,
            verification: customer.verification_record(),
            sms_available: true,
            encoded_bytes: size / 3 * 4,
            message_bytes_max: MESSAGE_BYTES_MAX,
            refused_for_size: false,
            link_only: false,
            earlier: None,
        };
        let decided = decide(&inputs).map(|(plan, reason)| match plan {
            crate::policy::decision::Plan::Attach => (Decision::Attach, reason, None),
            crate::policy::decision::Plan::Link { access } => (Decision::Link, reason, Some(access)),
        });
        assert_eq!(decided.map_err(crate::policy::decision::DecisionRefusal::class), expected, "{label}");
    }
}

#[test]
fn every_date_moves_with_the_day_in_the_way_in_which_it_is_written() {
    let text = b"issued 2026-11-22, (22.11.2026), 22/11/2026 22-11-2026T; not 2026-13-22, 12345-1.2026 or +49 351 0000";
    let later = "issued 2027-01-01, (01.01.2027), 01/01/2027 01-01-2027T; not 2026-13-22, 12345-1.2026 or +49 351 0000";
    assert_eq!(String::from_utf8(moved(text, Span::new().days(40))).expect("UTF-8"), later);
}

#[test]
fn on_their_own_day_the_files_are_as_they_stand_and_name_what_lies_beside_them() {
    let world = world();
    for (file, bytes) in DOCUMENTS {
        let stored = world.documents().iter().find(|document| document.file == *file).expect(file);
        assert_eq!(stored.bytes, *bytes, "{file}");
    }
    let mut named = HashSet::new();
    for publication in NIGHT {
        let event: Value = serde_json::from_str(publication.json).expect("JSON");
        for document in event["data"]["documents"].as_array().expect("documents") {
            let Some(stored) = world.documents().iter().find(|stored| document["object"] == stored.file) else {
                assert!(["unknown tenant", "a key that leaves its folder"].contains(&publication.label));
                continue;
            };
            named.insert(stored.file);
            assert_eq!(document["size"], stored.bytes.len(), "{}", stored.file);
            assert_eq!(document["sha256"], Sha256::of(&stored.bytes).to_string(), "{}", stored.file);
        }
    }
    assert_eq!(named.len(), world.documents().len(), "every document is an event's");
}

#[test]
fn on_another_day_events_and_documents_say_the_same_dates() {
    let world = SampleData::new(Timestamp::parse("2031-03-01T10:00:00Z").expect("a time"));
    let event: Value = serde_json::from_slice(&world.events()[0].bytes).expect("JSON");
    assert_eq!(event["data"]["invoice"]["due_date"], "2031-03-14");
    for (name, date) in [("NE-1041.xml", "<cbc:DueDate>2031-03-14</"), ("NE-1041.pdf", "(14.03.2031)")] {
        let document = world.documents().iter().find(|document| document.object.ends_with(name)).expect(name);
        assert!(String::from_utf8_lossy(&document.bytes).contains(date), "{name}");
    }
}

#[test]
fn documents_are_written_under_their_keys_and_written_once() {
    let (world, folder) = (world(), tempfile::tempdir().expect("a folder"));
    world.write_documents(folder.path()).expect("written");
    for document in world.documents() {
        assert_eq!(std::fs::read(folder.path().join(&document.object)).expect("is there"), document.bytes);
    }
    let first = folder.path().join(&world.documents()[0].object);
    let written = first.metadata().and_then(|m| m.modified()).expect("a time");
    world.write_documents(folder.path()).expect("written again");
    assert_eq!(first.metadata().and_then(|m| m.modified()).expect("a time"), written);
}

#[test]
fn events_and_catalogue_are_read_but_for_what_is_meant_to_be_broken() {
    let refused: Vec<_> = world()
        .events()
        .iter()
        .filter_map(|event| crate::event::parse(&event.bytes).err().map(|fault| (event.label, fault.path)))
        .collect();
    let refused: Vec<_> = refused.iter().map(|(label, path)| (*label, path.as_str())).collect();
    assert_eq!(refused, [("broken JSON", "$"), ("a key that leaves its folder", "data.documents[0].object")]);
    for line in world().catalogue() {
        crate::event::catalogue::parse_import_line(line.as_bytes()).unwrap_or_else(|fault| panic!("{fault}: {line}"));
    }
}

//! What is wrong with an event besides its first fault, so that their author mends all in one go.
//!
//! The rules know the first fault only. So what is at fault is replaced by a value that no rule minds, and the event is
//! read again: each fault that then comes is the event's own, since only what was named was replaced. What a rule says
//! of two members, of which one was replaced, is left out.

use serde_json::{Value, json};

use super::malformed::MoreFaults;
use super::{EventFault, Malformed};

/// More faults than these are not looked for: each costs a reading of the event.
const FAULTS_MAX: usize = 10;

/// Whose kind is at fault is neither a reminder nor an invoice: what only one of them may say is not judged.
const KIND: &str = "data.invoice.kind";
const OF_A_KIND: [&str; 5] = [
    "data.invoice.reminder_level",
    "data.reminder.deadline",
    "data.documents",
    "data.invoice.amount_due",
    "data.invoice.total",
];

/// The faults behind the first one, of an event that `read` judges.
pub(super) fn of_event<T>(
    first: &Malformed,
    event: Value,
    read: impl Fn(&Value) -> Result<T, Malformed>,
) -> MoreFaults {
    behind(first, event, sample, read)
}

/// The faults behind the first one, of a body that `read` judges; `sample` has what may stand at each path that must
/// not be missing.
pub(super) fn behind<T>(
    first: &Malformed,
    mut body: Value,
    sample: impl Fn(&str) -> Option<Value>,
    read: impl Fn(&Value) -> Result<T, Malformed>,
) -> MoreFaults {
    let mut met = vec![first.path.clone()];
    let mut more = MoreFaults::default();
    while mend(&mut body, met.last().expect("the first one at least"), &sample) {
        let Err(Malformed { path, problem, .. }) = read(&body) else { break };
        if met.contains(&path) {
            break;
        }
        let depends = depends(&met, &path, &problem);
        if met.len() >= FAULTS_MAX {
            more.others = !depends;
            break;
        }
        if !depends {
            more.named.push(EventFault { path: path.clone(), problem });
        }
        met.push(path);
    }
    more
}

/// Whether a rule speaks of two members of which one was replaced.
fn depends(met: &[String], path: &str, problem: &str) -> bool {
    let replaced = |member: &str| met.iter().any(|path| path == member);
    let methods = path.strip_suffix("secondary").is_some_and(|outer| replaced(&format!("{outer}primary")));
    (replaced(KIND) && OF_A_KIND.contains(&path) && is_of_kind(problem))
        || (methods && problem.starts_with("is the same as"))
}

/// Whether a rule of one kind of invoice speaks, and not one of the member alone.
fn is_of_kind(problem: &str) -> bool {
    ["stands at something else than", "is empty; only", "is not more than 0"]
        .iter()
        .any(|words| problem.starts_with(words))
}

/// Puts a value there that no rule minds; `false` if that cannot be done.
fn mend(body: &mut Value, path: &str, sample: impl Fn(&str) -> Option<Value>) -> bool {
    let Some((parent, last)) = split(path) else { return false };
    let Some(place) = parent.iter().try_fold(body, |value, step| step.enter(value)) else { return false };
    let shape: String = path.chars().filter(|c| !c.is_ascii_digit()).collect();
    match (last, place, sample(&shape)) {
        (Step::Name(name), Value::Object(members), Some(sample)) => {
            let sample = if shape == KIND { kind(members) } else { sample };
            members.insert(name.to_owned(), sample);
            true
        }
        // What may be missing is taken away.
        (Step::Name(name), Value::Object(members), None) => members.remove(name).is_some(),
        (Step::Index(index), Value::Array(items), Some(sample)) => match items.get_mut(index) {
            Some(item) => {
                *item = sample;
                true
            }
            None => false,
        },
        _ => false,
    }
}

/// What the other members look like.
fn kind(invoice: &serde_json::Map<String, Value>) -> Value {
    if invoice.contains_key("reminder_level") { json!("reminder") } else { json!("invoice") }
}

/// Something that may stand there; `None` of what may be missing. Lists are known without their numbers.
fn sample(path: &str) -> Option<Value> {
    Some(match path {
        "specversion" => json!("1.0"),
        "id" | "source" | "data.tenant_id" | "data.customer_id" | "data.invoice.id" | "data.invoice.number" => {
            json!("x")
        }
        KIND => json!("invoice"),
        "data.invoice.issue_date" => json!("2026-01-02"),
        "data.invoice.currency" => json!("EUR"),
        "data.invoice.total" => json!("1.00"),
        "data.invoice" => json!({
            "id": "x", "number": "x", "kind": "invoice", "issue_date": "2026-01-02", "currency": "EUR", "total": "1.00",
        }),
        "data.documents" => json!([document()]),
        "data.documents[]" => document(),
        "data.documents[].id" => unique(),
        "data.documents[].role" => json!("attachment"),
        "data.documents[].media_type" => json!("application/pdf"),
        "data.documents[].size" => json!(1),
        // The digits of this name are gone.
        "data.documents[].sha" => json!("0".repeat(64)),
        "data.documents[].object" => json!("x/x"),
        "data.recipients[]" => json!({ "role": "to", "address": "x@x.example" }),
        "data.recipients[].role" => json!("to"),
        "data.recipients[].address" => json!("x@x.example"),
        _ => return None,
    })
}

fn document() -> Value {
    json!({
        "id": unique(), "role": "attachment", "media_type": "application/pdf", "size": 1, "sha256": "0".repeat(64),
        "object": "x/x",
    })
}

/// An id that no other document of the event has.
fn unique() -> Value {
    use std::sync::atomic::{AtomicU64, Ordering};
    static LAST: AtomicU64 = AtomicU64::new(0);
    json!(format!("\u{f8ff}{}", LAST.fetch_add(1, Ordering::Relaxed)))
}

/// One step into a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step<'a> {
    Name(&'a str),
    Index(usize),
}

impl<'a> Step<'a> {
    fn enter<'v>(&self, value: &'v mut Value) -> Option<&'v mut Value> {
        match self {
            Self::Name(name) => value.get_mut(*name),
            Self::Index(index) => value.get_mut(*index),
        }
    }

    fn of_part(part: &'a str) -> Option<Vec<Self>> {
        let (name, indexes) = part.split_at(part.find('[').unwrap_or(part.len()));
        let mut steps = vec![Self::Name(name)];
        for index in indexes.split('[').skip(1) {
            steps.push(Self::Index(index.strip_suffix(']')?.parse().ok()?));
        }
        Some(steps)
    }
}

/// The steps to a place; none of the whole event. Names of ours have neither dots nor brackets.
fn split(path: &str) -> Option<(Vec<Step<'_>>, Step<'_>)> {
    if path == "$" || path == "data" || path == "type" {
        return None;
    }
    let parts: Option<Vec<Vec<Step<'_>>>> = path.split('.').map(Step::of_part).collect();
    let mut steps = parts?.concat();
    let last = steps.pop()?;
    Some((steps, last))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::event::parse;

    fn event() -> Value {
        json!({
            "specversion": "1.0", "id": "1", "source": "s", "type": "invoice.sent.v1",
            "data": {
                "tenant_id": "acme", "customer_id": "C-1",
                "invoice": { "id": "i", "number": "R-1", "kind": "invoice", "issue_date": "2026-11-20",
                             "currency": "EUR", "total": "1.00" },
                "recipients": [{ "role": "to", "address": "a@x.example" }],
                "documents": [{ "id": "d1", "role": "invoice_pdf", "media_type": "application/pdf", "size": 1,
                                "sha256": "0".repeat(64), "object": "acme/1.pdf" }],
            },
        })
    }

    fn paths(event: &Value) -> Vec<String> {
        let fault = parse(event.to_string().as_bytes()).expect_err("it has a fault");
        let mut paths: Vec<String> = fault.faults().into_iter().map(|fault| fault.path).collect();
        assert_eq!(paths.first(), Some(&fault.path));
        paths.sort();
        paths
    }

    #[test]
    fn every_fault_is_reported_at_once() {
        let mut several = event();
        several["specversion"] = json!("0.3");
        several["id"] = json!("");
        several["data"]["tenant_id"] = json!(7);
        several["data"]["invoice"]["total"] = json!(1.0);
        several["data"]["invoice"]["currency"] = json!("euro");
        several["data"]["documents"][0]["sha256"] = json!("beef");
        several["data"]["documents"].as_array_mut().expect("a list").push(json!("d2"));
        several["data"]["recipients"][0]["role"] = json!("from");
        several["data"].as_object_mut().expect("an object").remove("customer_id");
        assert_eq!(
            paths(&several),
            [
                "data.customer_id",
                "data.documents[0].sha256",
                "data.documents[1]",
                "data.invoice.currency",
                "data.invoice.total",
                "data.recipients[0].role",
                "data.tenant_id",
                "id",
                "specversion",
            ]
        );
    }

    #[test]
    fn one_fault_is_one_fault() {
        for path in ["specversion", "id", "source", "type", "data"] {
            let mut one = event();
            one.as_object_mut().expect("an object").remove(path);
            assert_eq!(paths(&one), [path]);
        }
        for (object, members) in [
            ("/data", &["tenant_id", "customer_id", "invoice", "documents"][..]),
            ("/data/invoice", &["id", "number", "kind", "issue_date", "currency", "total"]),
            ("/data/documents/0", &["id", "role", "media_type", "size", "sha256", "object"]),
            ("/data/recipients/0", &["role", "address"]),
        ] {
            for member in members {
                for wrong in [None, Some(json!({ "x": [] }))] {
                    let mut one = event();
                    let place = one.pointer_mut(object).expect("it is there").as_object_mut().expect("an object");
                    match wrong {
                        Some(wrong) => drop(place.insert((*member).to_owned(), wrong)),
                        None => drop(place.remove(*member)),
                    }
                    let found = paths(&one);
                    // An object that is there and empty lacks each of its members.
                    if *member != "invoice" || found.len() == 1 {
                        assert_eq!(found.len(), 1, "{object}/{member}: {found:?}");
                    }
                }
            }
        }
        // Without its kind it is not known whether this may have no documents, a level, a deadline, and nothing due.
        let mut reminder = event();
        reminder["data"]["invoice"]["kind"] = json!("dunning");
        reminder["data"]["invoice"]["reminder_level"] = json!(2);
        reminder["data"]["invoice"]["amount_due"] = json!("0.00");
        reminder["data"]["reminder"] = json!({ "deadline": "2026-12-24" });
        reminder["data"]["documents"] = json!([]);
        assert_eq!(paths(&reminder), [KIND]);
        reminder["data"]["invoice"].as_object_mut().expect("an object").remove("reminder_level");
        assert_eq!(paths(&reminder), [KIND]);
    }

    #[test]
    fn no_more_faults_are_looked_for_than_told() {
        let mut many = event();
        many["data"]["documents"] = json!(vec![json!({}); 40]);
        assert_eq!(paths(&many).len(), FAULTS_MAX);
        let reported = parse(many.to_string().as_bytes()).expect_err("it has faults").summary();
        assert!(
            reported.contains("; and more than 9 more: data.documents[") && reported.ends_with(", …"),
            "{reported}"
        );
        many["data"]["documents"] = json!([{}, 7, 7]);
        let reported = parse(many.to_string().as_bytes()).expect_err("it has faults").summary();
        assert!(reported.contains("; and 7 more: ") && reported.ends_with("data.documents[2]"), "{reported}");
        assert_eq!(paths(&json!([1, 2])), ["$"]);
    }
}

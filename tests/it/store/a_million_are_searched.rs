//! A million deliveries, of two hundred tenants and a hundred thousand customers: a person at the phone waits for nothing,
//! whatever they search by, and however far they read on.

use std::time::{Duration, Instant};

use invoice_dispatcher::model::access::TenantScope;
use invoice_dispatcher::model::ids::TenantId;
use invoice_dispatcher::model::work::WorkKind;
use invoice_dispatcher::secrets::{AddressKeys, SecretKeys};
use invoice_dispatcher::store::{Cursor, DeliveryFilter, FindCursor, FindRequest, PageRequest, Store, WorkListFilter};

use crate::harness::database::TestDatabase;
use crate::harness::history::History;
use crate::operator::samples::Support;

/// Deliveries; `SEARCH_DELIVERIES` says otherwise, not less than 60,000.
const MANY: usize = 1_000_000;
/// Deliveries of nearly two years.
const SPACING_MS: i64 = 60_000;
/// How often each question is asked, and how often before it is measured.
const TIMES: usize = 200;
const WARM: usize = 20;
/// Rows of a page, as the console shows them.
const PAGE: u32 = 50;

/// One way of asking, measured.
struct Answered {
    name: String,
    times: Vec<Duration>,
    /// Rows of all answers.
    found: usize,
}

impl Answered {
    fn percentile(&self, percent: usize) -> Duration {
        let mut times = self.times.clone();
        times.sort_unstable();
        times[(times.len() * percent / 100).min(times.len() - 1)]
    }

    fn print(&self) {
        let [p50, p95, longest] = [50, 95, 100].map(|percent| self.percentile(percent).as_secs_f64() * 1000.0);
        println!("{:<48} {p50:>9.1} {p95:>9.1} {longest:>9.1} {:>9}", self.name, self.found / TIMES);
    }
}

struct Questions<'s> {
    store: &'s Store,
    answered: Vec<Answered>,
}

impl Questions<'_> {
    /// Asks many times; `question` says how many rows came of it, and how long the part took that counts.
    async fn ask(&mut self, name: impl Into<String>, mut question: impl AsyncFnMut(usize) -> (usize, Duration)) {
        let mut answered = Answered { name: name.into(), times: Vec::new(), found: 0 };
        for turn in 0..WARM + TIMES {
            let (found, took) = question(turn).await;
            if turn >= WARM {
                answered.times.push(took);
                answered.found += found;
            }
        }
        answered.print();
        self.answered.push(answered);
    }

    /// Searches; what counts is the page behind so many others.
    async fn find(&mut self, name: &str, scope: &TenantScope, pages_before: usize, text: impl Fn(usize) -> String) {
        let store = self.store;
        let name = if pages_before == 0 { name.to_owned() } else { format!("{name}, page {}", pages_before + 1) };
        let question = async |turn: usize| {
            let text = text(turn);
            let mut after: Option<FindCursor> = None;
            let mut page = 0;
            loop {
                let request = FindRequest { text: &text, scope, after: after.as_ref(), limit: PAGE };
                let began = Instant::now();
                let found = store.find(&request).await.expect("answered");
                let took = began.elapsed();
                let hits = found.hits;
                let rows = hits.deliveries.len() + hits.events.len() + hits.dead_letters.len() + hits.customers.len();
                if page == pages_before {
                    return (rows, took);
                }
                page += 1;
                after = Some(found.next.unwrap_or_else(|| panic!("{text:?} has {page} pages only")));
            }
        };
        self.ask(name, question).await;
    }

    /// Reads a list of deliveries to the page behind so many others.
    async fn list(&mut self, name: &str, scope: &TenantScope, filter: &DeliveryFilter, pages_before: usize) {
        let store = self.store;
        let question = async |_: usize| {
            let mut after: Option<Cursor> = None;
            let mut page = 0;
            loop {
                let began = Instant::now();
                let request = PageRequest { limit: PAGE, after };
                let found = store.deliveries(filter, scope, request).await.expect("answered");
                if page == pages_before {
                    return (found.items.len(), began.elapsed());
                }
                page += 1;
                after = Some(found.next.expect("there are more"));
            }
        };
        self.ask(format!("{name}, page {}", pages_before + 1), question).await;
    }

    /// Reads the work list, with its counts, to the page behind so many others.
    async fn work(&mut self, name: &str, scope: &TenantScope, filter: &WorkListFilter, pages_before: usize) {
        let store = self.store;
        let question = async |_: usize| {
            let mut after: Option<Cursor> = None;
            let mut page = 0;
            loop {
                let began = Instant::now();
                let request = PageRequest { limit: PAGE, after };
                let found = store.work_list(scope, filter, request).await.expect("answered");
                store.work_counts(scope, filter.tenant.as_ref()).await.expect("answered");
                if page == pages_before {
                    return (found.items.len(), began.elapsed());
                }
                page += 1;
                after = Some(found.next.expect("there are more"));
            }
        };
        self.ask(format!("{name}, page {}", pages_before + 1), question).await;
    }
}

/// Some delivery of the huge tenant, another one each time.
const fn some(history: &History, turn: usize) -> usize {
    turn * 7_919 % (history.many / 10) * 10 + 3
}

/// Some customer of the huge tenant; six in ten have deliveries, and those whose number ends in 4 are among them.
const fn customer_with_deliveries(history: &History, turn: usize) -> usize {
    (some(history, turn) + 1) % (history.customers / 10 * 10)
}

/// What somebody sees who works for ten of the middle size.
fn ten_tenants() -> TenantScope {
    TenantScope::of((4..14).map(|t| TenantId::from(format!("t-{}", t * 2))))
}

async fn searches(questions: &mut Questions<'_>, history: &History) {
    let some = |turn: usize| some(history, turn);
    let customer = |turn: usize| customer_with_deliveries(history, turn);
    let all = &TenantScope::All;
    let (few, tiny) = (&ten_tenants(), &TenantScope::of([TenantId::from("tiny")]));
    let beginning = |turn: usize| ["r", "R-2026-", "r-2026-10", "R - 2026 - 1"][turn % 4].to_owned();
    let digits = |turn: usize| history.id(some(turn)).simple().to_string()[..12].to_owned();
    for pages_before in [0, 1, 4] {
        questions.find("beginning of a number", all, pages_before, beginning).await;
    }
    questions.find("number", all, 0, |turn| History::number(some(turn)).to_lowercase()).await;
    questions.find("number of many tenants", all, 0, |turn| format!("inv{}", 100_000 + turn)).await;
    questions.find("customer's id", all, 0, |turn| format!("K-{}", customer(turn))).await;
    for pages_before in [0, 1, 4] {
        questions.find("id of a customer of a twentieth of all", all, pages_before, |_| "k-0".to_owned()).await;
    }
    let name =
        |turn: usize| [format!("müller {}", turn * 8), "smith gmbh".to_owned(), format!("{turn}")][turn % 3].clone();
    questions.find("words of a name", all, 0, name).await;
    let recipient = |turn: usize| format!("AP-{}@customer.example", customer(turn));
    questions.find("recipient", all, 0, recipient).await;
    for pages_before in [0, 1, 4] {
        let one = |_: usize| "ap-0@customer.example".to_owned();
        questions.find("recipient of a twentieth of all", all, pages_before, one).await;
    }
    questions.find("Message-ID", all, 0, |turn| format!("<{}@acme.example>", history.id(some(turn)))).await;
    questions.find("delivery's id", all, 0, |turn| history.id(some(turn)).to_string()).await;
    questions.find("first digits of a delivery's id", all, 0, digits).await;
    questions.find("event's id", all, 0, |turn| format!("EVT-{}", some(turn))).await;
    questions.find("beginning of an event's id", all, 0, |turn| format!("evt-{}", turn % 10)).await;
    questions.find("what nothing is called", all, 0, |turn| format!("zzz-{turn}")).await;
    questions.find("ten tenants: beginning of a number", few, 0, beginning).await;
    questions.find("ten tenants: beginning of a number", few, 4, beginning).await;
    questions.find("tiny tenant: beginning of a number", tiny, 0, beginning).await;
    questions.find("tiny tenant: number of others", tiny, 0, |turn| History::number(some(turn))).await;
    questions.find("tiny tenant: words of a name", tiny, 0, name).await;
    questions.find("tiny tenant: recipient of others", tiny, 0, recipient).await;
    questions.find("tiny tenant: beginning of an event's id", tiny, 0, |_| "evt-".to_owned()).await;
    questions.find("tiny tenant: first digits of an id", tiny, 0, |turn| digits(turn)[..4].to_owned()).await;
}

async fn lists(questions: &mut Questions<'_>, history: &History) {
    let all = &TenantScope::All;
    let few = &ten_tenants();
    let acme = || Some(TenantId::from("acme"));
    let any = DeliveryFilter::default;
    for pages_before in [0, 4] {
        questions.list("deliveries", all, &any(), pages_before).await;
        questions.list("deliveries of ten tenants", few, &any(), pages_before).await;
        questions.list("deliveries of a tenant", all, &DeliveryFilter { tenant: acme(), ..any() }, pages_before).await;
        let of_customer = DeliveryFilter { tenant: acme(), customer: Some("K-0".into()), ..any() };
        questions.list("deliveries of a customer", all, &of_customer, pages_before).await;
    }
    let work = WorkListFilter::default;
    let seen = || WorkListFilter { acknowledged: true, ..work() };
    for pages_before in [0, 1, 4] {
        questions.work("work list", all, &work(), pages_before).await;
        questions.work("acknowledged work", all, &seen(), pages_before).await;
    }
    questions.work("work list of a tenant", all, &WorkListFilter { tenant: acme(), ..work() }, 1).await;
    questions.work("work list of ten tenants", few, &work(), 0).await;
    let rejected = WorkListFilter { kind: Some(WorkKind::Rejected), ..work() };
    questions.work("what was rejected", all, &rejected, 1).await;
    let store = questions.store;
    let whose = async |turn: usize| {
        let began = Instant::now();
        let whose = store.invoices_numbered(&History::number(some(history, turn)), all, 20).await.expect("answered");
        (whose.len(), began.elapsed())
    };
    questions.ask("whose is a number", whose).await;
    let file = async |turn: usize| {
        let began = Instant::now();
        let request = FindRequest { text: ["r", "k-0"][turn % 2], scope: all, after: None, limit: 500 };
        let found = store.find(&request).await.expect("answered");
        (found.hits.deliveries.len(), began.elapsed())
    };
    questions.ask("500 rows of a file", file).await;
    for (name, limit) in [("invoices of a page", PAGE), ("invoices of 500 rows of a file", 500)] {
        let invoices = async |turn: usize| {
            let began = Instant::now();
            let text = ["r", "k-0", "ap-0@customer.example"][turn % 3];
            let request = FindRequest { text, scope: all, after: None, limit };
            let found = store.find_invoices(&request).await.expect("answered");
            (found.hits.len(), began.elapsed())
        };
        questions.ask(name, invoices).await;
    }
}

async fn everything_is_answered_within(mut database: TestDatabase, bound: Duration) {
    let keys = SecretKeys::parse("0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b").expect("keys");
    let keys = AddressKeys::of(&keys);
    database.store = database.store.clone().with_address_keys(keys.clone());
    let support = Support::with_acme(database).await;
    let began = Instant::now();
    let many = std::env::var("SEARCH_DELIVERIES").map_or(MANY, |many| many.parse().expect("a number of deliveries"));
    let history = History::fill(&support, &keys, many, SPACING_MS).await;
    println!("{many} deliveries written in {} s", began.elapsed().as_secs());
    println!("{:<48} {:>9} {:>9} {:>9} {:>9}", "milliseconds", "p50", "p95", "longest", "rows");
    let mut questions = Questions { store: &support.database.store, answered: Vec::new() };
    searches(&mut questions, &history).await;
    lists(&mut questions, &history).await;
    let slow: Vec<_> = questions.answered.iter().filter(|one| one.percentile(95) >= bound).collect();
    let slow: Vec<_> = slow.iter().map(|one| format!("{}: {:?}", one.name, one.percentile(95))).collect();
    assert!(slow.is_empty(), "slower than {bound:?}: {slow:#?}");
    let empty: Vec<_> = questions.answered.iter().filter(|one| one.found == 0).map(|one| one.name.as_str()).collect();
    let expected = [
        "beginning of an event's id",
        "what nothing is called",
        "tiny tenant: number of others",
        "tiny tenant: words of a name",
        "tiny tenant: recipient of others",
        "tiny tenant: beginning of an event's id",
        "tiny tenant: first digits of an id",
    ];
    assert!(empty.iter().all(|name| expected.contains(name)), "these find nothing: {empty:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "long: scripts/prove"]
async fn prove_search_postgres_answers_soon() {
    everything_is_answered_within(TestDatabase::postgres().await, Duration::from_millis(100)).await;
}

/// Measured, not promised: SQLite is for small installations.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "long: scripts/prove"]
async fn prove_search_sqlite_is_measured() {
    everything_is_answered_within(TestDatabase::sqlite().await, Duration::from_secs(1)).await;
}

//! The history of a large installation: one huge tenant, two hundred of middle size and a tiny one, written past the store.

use std::fmt::Write as _;

use invoice_dispatcher::model::customer::Customer;
use invoice_dispatcher::model::reason::ReasonCode;
use invoice_dispatcher::model::state::Concluded;
use invoice_dispatcher::secrets::AddressKeys;
use uuid::Uuid;

use crate::harness::actor;
use crate::harness::database::TestDatabase;
use crate::operator::samples::{Support, customer, event, tenant};

/// Tenants of middle size: `t-0` and on, of four in ten deliveries together.
const MIDDLE_TENANTS: usize = 199;
/// Rows that one statement inserts.
const AT_ONCE: usize = 250_000;
/// Addresses that one statement inserts.
const ADDRESSES_AT_ONCE: usize = 10_000;

const NAMES: [&str; 8] = ["Müller", "Schmidt", "Jansen", "Dubois", "Kowalski", "Öztürk", "Nguyen", "Smith"];

/// What `n` is, as both databases compute it.
const IS_TINY: &str = "n % 50000 = 7";
const IS_ACME: &str = "n % 10 < 6";

/// Deliveries from 1 to `many`, one every `spacing_ms` until now.
#[derive(Debug, Clone, Copy)]
pub(crate) struct History {
    pub(crate) many: usize,
    spacing_ms: i64,
    /// Customers of the huge tenant, `acme`: `K-0` and on. The first one has every twentieth delivery of all.
    pub(crate) customers: usize,
    /// Customers of each tenant of middle size.
    middle_customers: usize,
    /// When the last one was made, in milliseconds.
    last_at: i64,
}

impl History {
    /// Fills an empty database.
    pub(crate) async fn fill(support: &Support, keys: &AddressKeys, many: usize, spacing_ms: i64) -> Self {
        let database = &support.database;
        support.accept(&event("model")).await;
        support.end(Concluded::Sent, ReasonCode::Accepted).await;
        for id in (0..MIDDLE_TENANTS).map(|t| format!("t-{t}")).chain(["tiny".to_owned()]) {
            database.store.upsert_tenant(&tenant(&id), &actor("billing")).await.expect("answered");
        }
        let theirs = Customer { tenant_id: "tiny".into(), ..customer("Q-1") };
        database.store.upsert_customer(&theirs, &actor("billing")).await.expect("answered");
        let (customers, middle_customers) = (many / 100 * 6, (many / 5_000).max(1));
        let history = Self { many, spacing_ms, customers, middle_customers, last_at: database.clock.now().0 };
        database
            .execute(
                "CREATE TABLE model_event AS SELECT * FROM event LIMIT 1;
                 CREATE TABLE model_delivery AS SELECT * FROM delivery LIMIT 1;
                 CREATE TABLE address_of (customer_id TEXT PRIMARY KEY, address_key BIGINT NOT NULL);",
            )
            .await;
        history.fill_customers(database, keys).await;
        for first in (1..=many).step_by(AT_ONCE) {
            let last = (first + AT_ONCE - 1).min(many);
            database.execute(history.events(database, first, last)).await;
            database.execute(history.deliveries(database, first, last)).await;
        }
        database.execute(DEAD_LETTERS).await;
        database
            .execute(
                "INSERT INTO delivery_recipient (address_key, delivery_id)
                 SELECT address_of.address_key, delivery.id
                 FROM delivery JOIN address_of ON address_of.customer_id = delivery.customer_id;
                 DROP TABLE model_event; DROP TABLE model_delivery; DROP TABLE address_of;",
            )
            .await;
        if !database.store.is_single_process() {
            // As autovacuum does on a server that has been up for a day.
            database.execute("VACUUM ANALYZE").await;
        }
        history
    }

    /// The number of delivery `n` of the huge tenant.
    pub(crate) fn number(n: usize) -> String {
        format!("R-2026-{}", 1_000_000 + n)
    }

    /// The id of delivery `n`: as ours, it begins with the moment at which it was made.
    pub(crate) fn id(&self, n: usize) -> Uuid {
        let at = self.last_at - i64::try_from(self.many - n).expect("few") * self.spacing_ms;
        let n = u64::try_from(n).expect("few");
        Uuid::parse_str(&format!("{at:012x}70008{n:015x}")).expect("32 digits")
    }

    /// When delivery `n` was made, in SQL.
    fn made_at(&self) -> String {
        format!("({} - ({} - n) * {})", self.last_at, self.many, self.spacing_ms)
    }

    /// The id of delivery `n`, in SQL.
    fn id_text(&self, database: &TestDatabase) -> String {
        let at = self.made_at();
        if database.store.is_single_process() {
            format!("unhex(printf('%012x', {at}) || '70008' || printf('%015x', n))")
        } else {
            format!("CAST(LPAD(TO_HEX({at}), 12, '0') || '70008' || LPAD(TO_HEX(n), 15, '0') AS UUID)")
        }
    }

    /// Customers, the words that find them, and what their addresses are known by.
    async fn fill_customers(&self, database: &TestDatabase, keys: &AddressKeys) {
        let (customers, c) = (self.customers, self.middle_customers);
        let middle = MIDDLE_TENANTS * c;
        let (huge, others) = (numbers(database, 1, customers), numbers(database, 1, middle));
        let name = NAMES.iter().enumerate().fold(String::from("CASE n % 8"), |mut text, (index, name)| {
            write!(text, " WHEN {index} THEN '{name}'").expect("a String takes any text");
            text
        });
        let folded = name.replace('Ö', "ö");
        database
            .execute(format!(
                "INSERT INTO customer (tenant_id, id, type, name, address, updated_at)
                 {huge} SELECT 'acme', 'K-' || (n - 1), 'business', {name} END || ' ' || n || ' GmbH',
                               'ap-' || (n - 1) || '@customer.example', {at}
                 FROM place;
                 INSERT INTO customer (tenant_id, id, type, name, address, updated_at)
                 {others} SELECT 't-' || ((n - 1) / {c}), 'D-' || ((n - 1) / {c}) || '-' || ((n - 1) % {c}), 'private',
                                 {name} END || ' ' || n || ' GmbH', 'ap-' || ((n - 1) % {c}) || '@customer.example', {at}
                 FROM place;
                 INSERT INTO customer_word (word, tenant_id, customer_id)
                 {huge} SELECT CASE kind WHEN 1 THEN LOWER({folded} END) WHEN 2 THEN CAST(n AS TEXT)
                                         WHEN 3 THEN 'gmbh' ELSE 'k-' || (n - 1) END, 'acme', 'K-' || (n - 1)
                 FROM place CROSS JOIN (SELECT 1 AS kind UNION ALL SELECT 2 UNION ALL SELECT 3 UNION ALL SELECT 4) AS kinds;
                 INSERT INTO customer_word (word, tenant_id, customer_id)
                 {others} SELECT CASE kind WHEN 1 THEN LOWER({folded} END) WHEN 2 THEN CAST(n AS TEXT)
                                           WHEN 3 THEN 'gmbh' ELSE 'd-' || ((n - 1) / {c}) || '-' || ((n - 1) % {c}) END,
                                 't-' || ((n - 1) / {c}), 'D-' || ((n - 1) / {c}) || '-' || ((n - 1) % {c})
                 FROM place CROSS JOIN (SELECT 1 AS kind UNION ALL SELECT 2 UNION ALL SELECT 3 UNION ALL SELECT 4) AS kinds;",
                at = self.last_at,
            ))
            .await;
        let key = |address: usize| keys.newest(&format!("ap-{address}@customer.example")).expect("a key");
        let huge = (0..customers).map(|c| (format!("K-{c}"), key(c)));
        let others = (0..middle).map(|n| (format!("D-{}-{}", n / c, n % c), key(n % c)));
        let known: Vec<(String, i64)> = huge.chain(others).collect();
        for some in known.chunks(ADDRESSES_AT_ONCE) {
            let rows: Vec<String> = some.iter().map(|(customer, key)| format!("('{customer}', {key})")).collect();
            database
                .execute(format!("INSERT INTO address_of (customer_id, address_key) VALUES {}", rows.join(",")))
                .await;
        }
    }

    fn events(&self, database: &TestDatabase, first: usize, last: usize) -> String {
        let (id, at) = (self.id_text(database), self.made_at());
        let digest = if database.store.is_single_process() {
            "CAST(printf('%032d', n) AS BLOB)"
        } else {
            "DECODE(LPAD(CAST(n AS TEXT), 64, '0'), 'hex')"
        };
        let Row { tenant, customer, number, kind } = self.row();
        format!(
            "INSERT INTO event (key, source, event_id, content_sha256, invoice_sha256, tenant_id, customer_id, invoice_id,
                                invoice_number, kind, body, via, received_at, state, delivery_id)
             {} SELECT {id}, source, 'evt-' || n, {digest}, {digest}, {tenant}, {customer}, 'inv-' || n, {number}, {kind},
                       NULL, via, {at}, state, {id}
             FROM place CROSS JOIN model_event",
            numbers(database, first, last)
        )
    }

    fn deliveries(&self, database: &TestDatabase, first: usize, last: usize) -> String {
        let (id, at) = (self.id_text(database), self.made_at());
        let Row { tenant, customer, number, kind } = self.row();
        // Of a thousand six are rejected, four dead, three expired, two uncertain, and two are duplicates.
        let fate = |sent: &str, rejected: &str, dead: &str, unverified: &str, rest: [&str; 3]| {
            let [expired, uncertain, duplicate] = rest;
            format!(
                "CASE WHEN n * 37 % 1009 < 6 THEN {rejected} WHEN n * 37 % 1009 < 9 THEN {dead}
                      WHEN n * 37 % 1009 < 10 THEN {unverified} WHEN n * 37 % 1009 < 13 THEN {expired}
                      WHEN n * 37 % 1009 < 15 THEN {uncertain} WHEN n * 37 % 1009 < 17 THEN {duplicate} ELSE {sent} END"
            )
        };
        let concluded = fate("'sent'", "'rejected'", "'dead'", "'dead'", ["'expired'", "'uncertain'", "'cancelled'"]);
        let class = fate(
            "'accepted'",
            "'rejected'",
            "'refused'",
            "'no_verification_method'",
            ["'expired'", "'uncertain'", "'duplicate_invoice'"],
        );
        // Somebody has seen nine in ten of the rejected ones.
        let seen = |value: &str| format!("CASE WHEN n * 37 % 1009 < 6 AND n % 10 <> 3 THEN {value} END");
        format!(
            "INSERT INTO delivery (id, root_id, role, main_id, event_key, tenant_id, customer_id, invoice_id,
                 invoice_number, kind, recipients, customer_name, locale, profile_version, template_version,
                 snapshot_at, link_key, created_at, concluded, concluded_at, class, attempts, claim, message_sha256,
                 message_date, acknowledged_at, acknowledged_by)
             {} SELECT {id}, {id}, role, {id}, {id}, {tenant}, {customer}, 'inv-' || n, {number}, {kind},
                 recipients, customer_name, locale, profile_version, template_version, snapshot_at, link_key,
                 {at}, {concluded}, {at} + 2000, {class}, attempts, claim, message_sha256, message_date, {}, {}
             FROM place CROSS JOIN model_delivery",
            numbers(database, first, last),
            seen(&format!("{at} + 90000")),
            seen("'support@acme.example'"),
        )
    }
}

/// What delivery `n` is, in SQL.
struct Row {
    tenant: String,
    customer: String,
    number: String,
    kind: &'static str,
}

impl History {
    fn row(&self) -> Row {
        let Self { customers, middle_customers, .. } = self;
        let middle = format!("(n * 31 % {MIDDLE_TENANTS})");
        Row {
            tenant: format!("CASE WHEN {IS_TINY} THEN 'tiny' WHEN {IS_ACME} THEN 'acme' ELSE 't-' || {middle} END"),
            customer: format!(
                "CASE WHEN {IS_TINY} THEN 'Q-1' WHEN n % 20 = 0 THEN 'K-0' WHEN {IS_ACME} THEN 'K-' || (n * 17 % {customers})
                      ELSE 'D-' || {middle} || '-' || (n % {middle_customers}) END"
            ),
            // Each tenant has numbers of its own, some of them with a blank.
            number: format!(
                "CASE WHEN {IS_ACME} OR {IS_TINY} THEN 'R-2026-' || (1000000 + n)
                      WHEN {middle} % 2 = 1 THEN 'INV ' || (100000 + n / 500) ELSE 'R-2026-' || (1000000 + n / 500) END"
            ),
            kind: "CASE WHEN n % 100 < 90 THEN 'invoice' WHEN n % 100 < 97 THEN 'credit_note' ELSE 'reminder' END",
        }
    }
}

/// The dead letters of what is dead.
const DEAD_LETTERS: &str =
    "INSERT INTO dead_letter (id, delivery_id, event_key, tenant_id, customer_id, invoice_number, class, reason, hint,
                                  fingerprint, first_failed_at, last_failed_at, state, mirror)
         SELECT id, id, event_key, tenant_id, customer_id, invoice_number, class, 'refused', 'ask the relay''s operator',
                'f-' || class, concluded_at, concluded_at, 'open', 'published'
         FROM delivery WHERE concluded = 'dead'";

/// `WITH place (n)`: every number from `first` to `last`.
fn numbers(database: &TestDatabase, first: usize, last: usize) -> String {
    if database.store.is_single_process() {
        format!("WITH RECURSIVE place (n) AS (SELECT {first} UNION ALL SELECT n + 1 FROM place WHERE n < {last})")
    } else {
        format!("WITH place (n) AS (SELECT generate_series(CAST({first} AS BIGINT), {last}))")
    }
}

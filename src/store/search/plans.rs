//! The statements of every search and list, for a proof by their plans that none reads a whole table.

use uuid::Uuid;

use super::catalogue::{COUNTED, COUNTED_OF_TENANTS, CUSTOMERS_OF_TENANTS_WITH, CUSTOMERS_WITH};
use super::find_invoices::DELIVERIES_BY_ID;
use super::find_named::{DELIVERIES_OF_EVENT, EVENTS_NAMED, LETTERS_NAMED, LETTERS_OF_EVENT};
use super::find_numbered::{DELIVERIES_NUMBERED, DELIVERIES_NUMBERED_OF_TENANT, EVENTS_NUMBERED, LETTERS_NUMBERED};
use super::numbered::INVOICES_NUMBERED;
use super::siblings::{DELIVERIES_OF_INVOICES, NEWEST_OF_NUMBER, OLDEST_OF_NUMBER, WENT_TO};
use super::words::DELETED;
use crate::model::access::TenantScope;
use crate::model::ids::TenantId;
use crate::model::state::{Concluded, DeliveryState};
use crate::store::db::page::{Cursor, PageRequest};
use crate::store::db::statement::{Statement, sql};
use crate::store::db::value::Value;
use crate::store::dead_letter::list::{LETTER, LETTERS_BETWEEN};
use crate::store::delivery::list::{DELIVERIES_BETWEEN, DeliveryFilter};
use crate::store::delivery::row::DELIVERY;
use crate::store::support::work_list;

/// A statement of a search or a list.
#[derive(Debug, Clone)]
pub struct SearchStatement {
    /// What it finds.
    pub name: &'static str,
    /// Its text, as one database reads it.
    pub text: String,
    /// The types of its parameters, as PostgreSQL names them.
    pub types: String,
}

/// Every statement that a search or a list of deliveries runs, for SQLite or PostgreSQL.
#[must_use]
pub fn search_statements(sqlite: bool) -> Vec<SearchStatement> {
    let numbered = |text| sql(text).bind("").bind("").bind("").bind(0_i64);
    let numbered_after = |text| numbered(text).bind("").bind(Uuid::nil());
    let named = |text| sql(text).bind("").bind("").bind("").bind(0_i64);
    let between = |text| sql(text).bind(Uuid::nil()).bind(Uuid::nil()).bind("").bind(0_i64).bind(0_i64);
    let none: [[Value<'_>; 2]; 0] = [];
    let one: [[Value<'_>; 1]; 0] = [];
    let with_words = |text| numbered(text).bind(0_i64).rows("low text, high text", none.clone());
    let of_invoices = |text| sql(text).bind(0_i64).rows("tenant_id text, invoice_id text", none.clone());
    let of_number = |text| sql(text).bind("").bind("").bind(0_i64);
    let of_event = |text| sql(text).bind("").bind("").bind(Uuid::nil());
    let searches = [
        ("invoices numbered", sql(INVOICES_NUMBERED).bind("").bind(0_i64).bind("").bind("").bind("")),
        ("deliveries numbered", numbered_after(DELIVERIES_NUMBERED)),
        ("deliveries of a tenant numbered", numbered(DELIVERIES_NUMBERED_OF_TENANT).bind(Uuid::nil())),
        ("waiting events numbered", numbered_after(EVENTS_NUMBERED)),
        ("dead letters numbered", numbered(LETTERS_NUMBERED).bind(Uuid::nil())),
        ("events named", named(EVENTS_NAMED).bind(0_i64)),
        ("dead letters named", named(LETTERS_NAMED)),
        ("deliveries of an event", of_event(DELIVERIES_OF_EVENT)),
        ("dead letters of an event", of_event(LETTERS_OF_EVENT)),
        ("deliveries by the beginning of an id", between(DELIVERIES_BETWEEN)),
        ("dead letters by the beginning of an id", between(LETTERS_BETWEEN)),
        ("deliveries of invoices", of_invoices(DELIVERIES_OF_INVOICES)),
        ("oldest deliveries of a number", of_number(OLDEST_OF_NUMBER)),
        ("newest deliveries of a number", of_number(NEWEST_OF_NUMBER)),
        ("what went to an address", sql(WENT_TO).rows("address_key bigint, id uuid", none.clone())),
        ("deliveries by their ids", sql(DELIVERIES_BY_ID).rows("id uuid", one)),
        ("a delivery", sql(DELIVERY).bind(Uuid::nil()).bind("")),
        ("a dead letter", sql(LETTER).bind(Uuid::nil()).bind("")),
        ("words counted", numbered(COUNTED)),
        ("words of tenants counted", numbered(COUNTED_OF_TENANTS)),
        ("customers with words", with_words(CUSTOMERS_WITH)),
        ("customers of tenants with words", with_words(CUSTOMERS_OF_TENANTS_WITH)),
        ("words of customers that change", sql(DELETED).rows("tenant_id text, id text", none)),
    ];
    let some = || Some("some".to_owned());
    let tenant = || Some("some".into());
    let all = DeliveryFilter::default;
    let rejected = Some(DeliveryState::Concluded(Concluded::Rejected));
    let filters = [
        ("list by number", DeliveryFilter { invoice: some(), ..all() }, None),
        ("list by number and tenant", DeliveryFilter { invoice: some(), tenant: tenant(), ..all() }, None),
        ("list to an address", DeliveryFilter { to: some(), ..all() }, Some(0)),
        ("list to an address of a tenant", DeliveryFilter { to: some(), tenant: tenant(), ..all() }, Some(0)),
        ("list of a tenant", DeliveryFilter { tenant: tenant(), ..all() }, None),
        ("list of a customer", DeliveryFilter { tenant: tenant(), customer: Some("some".into()), ..all() }, None),
        ("list of what was rejected of a tenant", DeliveryFilter { state: rejected, tenant: tenant(), ..all() }, None),
        ("list of all", all(), None),
    ];
    // The first page, and one behind a row.
    let pages = [None, Some(Cursor::BEGIN)].map(|after| PageRequest { limit: 100, after });
    let everybody = TenantScope::All;
    // What somebody sees whose scope is two tenants.
    let two = TenantScope::of([TenantId::from("one"), TenantId::from("two")]);
    let of_some = [
        ("list of two tenants by number", DeliveryFilter { invoice: some(), ..all() }, None),
        ("list of two tenants to an address", DeliveryFilter { to: some(), ..all() }, Some(0)),
        ("list of what was rejected of two tenants", DeliveryFilter { state: rejected, ..all() }, None),
    ];
    let lists = filters
        .iter()
        .flat_map(|(name, filter, key)| pages.map(|page| (*name, filter.statement(&everybody, page, *key))));
    let of_some_pages =
        of_some.iter().flat_map(|(name, filter, key)| pages.map(|page| (*name, filter.statement(&two, page, *key))));
    let described = |(name, statement): (&'static str, Statement<'_>)| SearchStatement {
        name,
        text: statement.text_for(sqlite).to_string(),
        types: statement.types(),
    };
    let all = searches.into_iter().chain(lists).chain(of_some_pages).chain(work_list::statements());
    all.map(described).collect()
}

//! The statements of every search and list, for whoever proves by their plans that none reads a whole table.

use super::catalogue::{COUNTED, CUSTOMERS_WITH};
use super::find::{
    DELIVERIES_NUMBERED, DELIVERIES_OF_EVENT, EVENTS_NAMED, EVENTS_NUMBERED, LETTERS_NAMED, LETTERS_NUMBERED,
    LETTERS_OF_EVENT,
};
use super::numbered::INVOICES_NUMBERED;
use super::words::DELETED;
use crate::store::db::statement::sql;
use crate::store::delivery::list::DeliveryFilter;

/// A statement of a search or a list.
#[derive(Debug, Clone)]
pub struct SearchStatement {
    /// What it finds.
    pub name: &'static str,
    /// Its text, as one database reads it.
    pub text: String,
    /// The types of its parameters, as PostgreSQL names them.
    pub types: &'static str,
}

const NUMBERED: &str = "text, text, text, bigint";
const NAMED: &str = "text, text, bigint";
const OF_EVENT: &str = "text, text, uuid";
const LISTED: &str = "bigint, uuid, bigint, text, text, text, bigint, text, text, text";
const TO_RECIPIENT: &str = "bigint, uuid, bigint, text, text, text, bigint, text, text, text, bigint";

/// Every statement that a search or a list of deliveries runs, for SQLite or PostgreSQL.
#[must_use]
pub fn search_statements(sqlite: bool) -> Vec<SearchStatement> {
    let searches = [
        ("invoices numbered", INVOICES_NUMBERED, "text, bigint, text, text, text"),
        ("deliveries numbered", DELIVERIES_NUMBERED, NUMBERED),
        ("waiting events numbered", EVENTS_NUMBERED, NUMBERED),
        ("dead letters numbered", LETTERS_NUMBERED, NUMBERED),
        ("events named", EVENTS_NAMED, NAMED),
        ("dead letters named", LETTERS_NAMED, NAMED),
        ("deliveries of an event", DELIVERIES_OF_EVENT, OF_EVENT),
        ("dead letters of an event", LETTERS_OF_EVENT, OF_EVENT),
        ("words counted", COUNTED, NUMBERED),
    ];
    let some = || Some("some".to_owned());
    let tenant = || Some("some".into());
    let all = DeliveryFilter::default;
    let lists = [
        ("list by number", DeliveryFilter { invoice: some(), ..all() }, LISTED),
        ("list to an address", DeliveryFilter { to: some(), ..all() }, TO_RECIPIENT),
        ("list of a tenant", DeliveryFilter { tenant: tenant(), ..all() }, LISTED),
        ("list of a customer", DeliveryFilter { tenant: tenant(), customer: Some("some".into()), ..all() }, LISTED),
        ("list of all", all(), LISTED),
    ];
    let lists = lists.map(|(name, filter, types)| (name, filter.text(), types));
    let plain = searches.into_iter().chain(lists).map(|(name, text, types)| SearchStatement {
        name,
        text: sql(text).text_for(sqlite),
        types,
    });
    let words = sql(CUSTOMERS_WITH).given_nothing("low text, high text", 5);
    let deleted = sql(DELETED).given_nothing("tenant_id text, id text", 0);
    let given = [
        ("customers with words", words, "text, text, text, bigint, bigint, text[], text[]"),
        ("words of customers that change", deleted, "text[], text[]"),
    ];
    let given = given.map(|(name, statement, types)| SearchStatement { name, text: statement.text_for(sqlite), types });
    plain.chain(given).collect()
}

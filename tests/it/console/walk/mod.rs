//! Every route of console and API, asked by each role and for another one's tenant, with forms that are right but for who
//! sends them. What the role may not is 403, what is another tenant's is not there, and nothing of it changes anything.
//!
//! The tables of the routers are read from their sources: a route without a row in [`rows`] or [`api_rows`] fails.

mod api_people_rows;
mod api_rows;
mod rows;
mod world;

use std::collections::BTreeSet;
use std::path::Path;

use invoice_dispatcher::model::access::{Principal, Role, TenantScope};
use reqwest::{Method, RequestBuilder, StatusCode};
use strum::VariantArray as _;

use super::support::{Browser, PageAnswer, answer, form_of};
use crate::harness::database::{TestDatabase, on_both_databases};
use rows::{Asked, Foreign, Needs, Row, Sent};
use world::{Sample, World};

on_both_databases!(
    people_reach_what_their_role_and_tenants_allow,
    tokens_reach_what_their_role_and_tenants_allow,
    strangers_reach_the_entrance,
    an_administrator_of_everything_is_let_through,
);

/// Who asks: everybody with each role, for all tenants and for one.
fn principals(is_person: bool) -> Vec<Principal> {
    let acme = TenantScope::of(["acme".into()]);
    let of = |role: &Role, scope: TenantScope| Principal { role: *role, scope, ..Principal::command_line("walker") };
    let roles = Role::VARIANTS.iter().filter(|role| role.is_for_people() || !is_person);
    let all = roles.clone().filter(|role| !role.needs_tenants()).map(|role| of(role, TenantScope::All));
    all.chain(roles.map(|role| of(role, acme.clone()))).collect()
}

/// What somebody must get who asks for something of a tenant; none where the walk does not ask.
fn refusal(row: &Row, who: &Principal, of: &Sample) -> Option<StatusCode> {
    let Needs::Role(permission) = row.needs else { return None };
    if !who.may(permission) {
        return Some(StatusCode::FORBIDDEN);
    }
    let is_foreign = row.foreign == Foreign::NotThere && !who.scope.allows(&of.tenant);
    is_foreign.then_some(StatusCode::NOT_FOUND)
}

/// Whether an answer may hold nothing of the tenant, and change nothing of it.
fn is_blind(row: &Row, who: &Principal, of: &Sample) -> bool {
    let Needs::Role(permission) = row.needs else { return false };
    row.foreign == Foreign::Nothing && who.may(permission) && !who.scope.allows(&of.tenant)
}

/// Asks every row for everything that is refused, and then for lists of another's tenant.
async fn walk(world: &World, rows: &[Row], who: &Principal, ask: &mut impl AsyncFnMut(&Row, &Asked) -> PageAnswer) {
    let name = format!("{} of {:?}", who.role, who.scope.tenants());
    let before = world.fingerprint(true).await;
    for row in rows {
        for sample in &world.samples {
            let Some(expected) = refusal(row, who, sample) else { continue };
            let answer = ask(row, &(row.ask)(sample)).await;
            assert_eq!(answer.status, expected, "{name}: {row:?} of {}: {answer:?}", sample.tenant);
            assert!(!sample.is_shown_in(&answer.text), "{name}: {row:?} of {}: {answer:?}", sample.tenant);
        }
    }
    world.assert_unchanged(&before, true, &format!("{name} was refused")).await;
    // Looks and exports are kept, whatever they have found.
    let before = world.fingerprint(false).await;
    for row in rows {
        for sample in world.samples.iter().filter(|sample| is_blind(row, who, sample)) {
            let answer = ask(row, &(row.ask)(sample)).await;
            assert!(answer.status.is_success(), "{name}: {row:?} of {}: {answer:?}", sample.tenant);
            assert!(!sample.is_shown_in(&answer.text), "{name}: {row:?} of {}: {answer:?}", sample.tenant);
        }
    }
    world.assert_unchanged(&before, false, &format!("{name} looked")).await;
}

/// The request, with the form token of the session, if there is one.
fn request(request: RequestBuilder, asked: &Asked, form_token: Option<&str>) -> RequestBuilder {
    match &asked.sent {
        Sent::Nothing => request,
        Sent::Form(fields) => {
            let fields = fields.iter().map(|(name, value)| (*name, value.as_str()));
            form_of(request, &fields.chain(form_token.map(|token| ("csrf", token))).collect::<Vec<_>>())
        }
        Sent::Body { media_type, bytes } => request.header("content-type", *media_type).body(bytes.clone()),
    }
}

async fn people_reach_what_their_role_and_tenants_allow(database: TestDatabase) {
    let world = World::new(database).await;
    for who in principals(true) {
        let mut browser = world.signed_in(&who).await;
        let token = browser.form_token().await;
        let mut ask = async |row: &Row, asked: &Asked| {
            answer(request(browser.request(row.method.clone(), &asked.path), asked, Some(&token))).await
        };
        walk(&world, &rows::console(), &who, &mut ask).await;
    }
}

async fn tokens_reach_what_their_role_and_tenants_allow(database: TestDatabase) {
    let world = World::new(database).await;
    for who in principals(false) {
        let token = world.token(&who).await;
        let mut ask = async |row: &Row, asked: &Asked| {
            let bare = world.console.request(row.method.clone(), &asked.path).bearer_auth(&token);
            answer(request(bare, asked, None)).await
        };
        walk(&world, &api_rows::api(), &who, &mut ask).await;
    }
}

async fn strangers_reach_the_entrance(database: TestDatabase) {
    let world = World::new(database).await;
    let before = world.fingerprint(true).await;
    let stranger: Browser = world.console.browser();
    let closed = |row: &Row| row.needs != Needs::Nothing;
    for row in rows::console().iter().filter(|row| closed(row)) {
        let asked = (row.ask)(&world.samples[0]);
        let answer = answer(request(stranger.request(row.method.clone(), &asked.path), &asked, Some("forged"))).await;
        assert!(answer.location().starts_with("/sign-in"), "{row:?}: {answer:?}");
    }
    for row in api_rows::api().iter().filter(|row| closed(row)) {
        let asked = (row.ask)(&world.samples[0]);
        for bare in [stranger.bare(row.method.clone(), &asked.path), {
            let wrong = format!("idt_{}", "A".repeat(43));
            stranger.bare(row.method.clone(), &asked.path).bearer_auth(wrong)
        }] {
            let answer = answer(request(bare, &asked, None)).await;
            assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{row:?}: {answer:?}");
        }
    }
    world.assert_unchanged(&before, true, "a stranger asked").await;
}

/// The same requests by whoever may: none of them was refused for another reason than who has asked. Changes come last.
async fn an_administrator_of_everything_is_let_through(database: TestDatabase) {
    let world = World::new(database).await;
    let who = Principal::command_line("walker");
    let mut browser = world.signed_in(&who).await;
    let (csrf, bearer) = (browser.form_token().await, world.token(&who).await);
    let acme = &world.samples[0];
    for is_change in [false, true] {
        let (pages, api) = (rows::console(), api_rows::api());
        let of_role = |row: &&Row| matches!(row.needs, Needs::Role(_)) && (row.method != Method::GET) == is_change;
        for row in pages.iter().filter(of_role) {
            let asked = (row.ask)(acme);
            let sent = request(browser.request(row.method.clone(), &asked.path), &asked, Some(&csrf));
            assert_let_through(row, &answer(sent).await, acme);
        }
        for row in api.iter().filter(of_role) {
            let asked = (row.ask)(acme);
            let bare = world.console.request(row.method.clone(), &asked.path).bearer_auth(&bearer);
            assert_let_through(row, &answer(request(bare, &asked, None)).await, acme);
        }
    }
    // A method that has no row is none of the route.
    for route in api_rows::api().iter().map(|row| row.route).collect::<BTreeSet<_>>() {
        let rows = api_rows::api();
        let of_route: Vec<&Row> = rows.iter().filter(|row| row.route == route).collect();
        for method in [Method::GET, Method::PUT, Method::POST, Method::PATCH, Method::DELETE] {
            if of_route.iter().any(|row| row.method == method) {
                continue;
            }
            let path = (of_route[0].ask)(acme).path;
            let answer = answer(world.console.request(method.clone(), &path).bearer_auth(&bearer)).await;
            assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED, "{method} {route} has no row: {answer:?}");
        }
    }
}

fn assert_let_through(row: &Row, answer: &PageAnswer, of: &Sample) {
    let refused = [StatusCode::UNAUTHORIZED, StatusCode::FORBIDDEN, StatusCode::METHOD_NOT_ALLOWED];
    assert!(!refused.contains(&answer.status), "{row:?}: {answer:?}");
    if row.can_be_shown {
        assert!(answer.status != StatusCode::NOT_FOUND && !answer.status.is_server_error(), "{row:?}: {answer:?}");
    }
    if row.foreign == Foreign::Nothing && row.method == Method::GET && row.names_things {
        assert!(of.is_shown_in(&answer.text), "{row:?} shows nothing to whoever may see it: {answer:?}");
    }
}

/// The source of a table of routes, without its tests.
fn source(file: &str) -> String {
    let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(file)).expect("a source");
    text.split("#[cfg(test)]").next().expect("a part").to_owned()
}

#[test]
fn every_page_has_a_row() {
    let text = source("src/console/mod.rs");
    let mut served: BTreeSet<(String, String)> = BTreeSet::new();
    for route in text.split(".route(\"").skip(1) {
        let (path, rest) = route.split_once('"').expect("a path");
        let handlers = rest.split(".layer(").next().expect("a part");
        for (method, word) in [("GET", "get("), ("POST", "post("), ("PUT", "put("), ("DELETE", "delete(")] {
            if handlers.contains(word) {
                served.insert((method.to_owned(), path.to_owned()));
            }
        }
    }
    assert!(served.len() > 40, "the table was read: {served:?}");
    let rows: BTreeSet<(String, String)> =
        rows::console().iter().map(|row| (row.method.to_string(), row.route.to_owned())).collect();
    assert_eq!(rows, served, "each route of the console has a row of the walk");
}

#[test]
fn every_route_of_the_api_has_a_row() {
    let text = source("src/api/permissions.rs");
    let literals = text.split('"').skip(1).step_by(2);
    let served: BTreeSet<&str> = literals.filter(|literal| literal.starts_with("/api/v1/")).collect();
    assert!(served.len() > 10, "the table was read: {served:?}");
    let rows = api_rows::api();
    let rows: BTreeSet<&str> = rows.iter().map(|row| row.route).collect();
    assert_eq!(rows, served, "each route of the API has a row of the walk");
}

//! Two tenants with one of everything, and who asks for it.

use std::collections::BTreeMap;
use std::time::Duration;

use invoice_dispatcher::model::access::{Principal, Role, SessionStage, TenantScope};
use invoice_dispatcher::model::ids::{DeliveryId, OperatorId, TenantId, TokenId};
use invoice_dispatcher::model::reason::ReasonCode;
use invoice_dispatcher::model::state::Concluded;
use invoice_dispatcher::operator::people::PersonToAdd;
use invoice_dispatcher::secrets::SessionId;
use invoice_dispatcher::store::NewOperatorSession;
use uuid::Uuid;

use super::super::support::{Browser, TestConsole};
use crate::harness::actor;
use crate::harness::database::{TestDatabase, new_id};
use crate::operator::samples::Support;
use crate::store::scopes::{fill, numbered};

/// What a tenant has; and an operator, a token and a session, which are no tenant's.
pub(super) struct Sample {
    pub(super) tenant: TenantId,
    /// With a link that was opened.
    pub(super) sent: DeliveryId,
    pub(super) rejected: DeliveryId,
    pub(super) uncertain: DeliveryId,
    /// Of the invoice `R-only-{tenant}`.
    pub(super) due: DeliveryId,
    pub(super) operator: OperatorId,
    pub(super) token: TokenId,
    pub(super) session: Uuid,
}

impl Sample {
    /// Whether a text has something of this tenant that no request named.
    pub(super) fn is_shown_in(&self, text: &str) -> bool {
        let ids = [self.sent, self.rejected, self.uncertain, self.due].map(|id| id.to_string());
        let names = [format!("{} GmbH", self.tenant), format!("R-only-{}", self.tenant)];
        ids.iter().chain(&names).any(|marker| text.contains(marker.as_str()))
    }
}

pub(super) struct World {
    pub(super) console: TestConsole,
    /// `acme`, whom everybody may see, and `beta`.
    pub(super) samples: [Sample; 2],
}

impl World {
    pub(super) async fn new(database: TestDatabase) -> Self {
        let support = Support::with_acme(database.clone()).await;
        let mut concluded = Vec::new();
        for name in ["acme", "beta"] {
            let owned = fill(&support, name).await;
            support.accept(&numbered(name, "unseen")).await;
            let (rejected, _) = support.end(Concluded::Rejected, ReasonCode::Rejected).await;
            support.accept(&numbered(name, "uncertain")).await;
            let (uncertain, _) = support.end(Concluded::Uncertain, ReasonCode::Uncertain).await;
            concluded.push((owned, rejected, uncertain));
        }
        let console = TestConsole::start(database).await;
        let (operator, session) = signed_in(&console, "victim@acme.example", &Principal::command_line("victim")).await;
        let session =
            console.app.store.operator_session(session.sha256()).await.expect("answered").expect("open").session;
        let lives = Duration::from_hours(1);
        let made =
            console.app.people().add_token("victim", Role::Viewer, &TenantScope::All, lives, &actor("test")).await;
        let (token, _) = made.expect("made");
        let mut samples = Vec::new();
        for (owned, rejected, uncertain) in concluded {
            let due = support.accept(&numbered(owned.tenant.as_str(), &format!("only-{}", owned.tenant))).await;
            // So that the audit log has something that names it.
            support.database.store.send_now(due, &actor("ops")).await.expect("answered");
            let (tenant, sent) = (owned.tenant, owned.sent);
            samples.push(Sample { tenant, sent, rejected, uncertain, due, operator, token, session });
        }
        let samples = samples.try_into().unwrap_or_else(|_| panic!("two tenants"));
        Self { console, samples }
    }

    /// A browser of somebody with these rights.
    pub(super) async fn signed_in(&self, who: &Principal) -> Browser {
        let address = format!("{}@acme.example", new_id().simple());
        let (_, id) = signed_in(&self.console, &address, who).await;
        let mut browser = self.console.browser();
        browser.cookie = Some(id.to_cookie());
        browser
    }

    /// A token with these rights, which has been used.
    pub(super) async fn token(&self, who: &Principal) -> String {
        let (name, lives) = (new_id().to_string(), Duration::from_hours(1));
        let made = self.console.app.people().add_token(&name, who.role, &who.scope, lives, &actor("test")).await;
        let (_, token) = made.expect("made");
        let used = self.console.app.store.live_token(token.sha256()).await.expect("answered");
        assert!(used.is_some(), "it works");
        token.expose().to_owned()
    }

    /// What each table holds; without the audit log, where looks are kept.
    pub(super) async fn fingerprint(&self, with_audit: bool) -> BTreeMap<String, String> {
        let database = &self.console.database;
        let is_sqlite = database.store.is_single_process();
        let tables = if is_sqlite {
            "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
        } else {
            "SELECT tablename::text FROM pg_tables WHERE schemaname = 'public'"
        };
        let mut held = BTreeMap::new();
        for table in database.texts(tables).await {
            if table.starts_with("audit_") && !with_audit {
                continue;
            }
            let text = if is_sqlite {
                let columns =
                    format!("SELECT group_concat('quote(\"' || name || '\")', '||') FROM pragma_table_info('{table}')");
                let columns = database.texts(columns).await.remove(0);
                format!(
                    "SELECT COALESCE(group_concat(line, char(10)), '') FROM (SELECT {columns} AS line FROM \"{table}\" ORDER BY 1)"
                )
            } else {
                format!("SELECT COALESCE(md5(string_agg(t::text, '|' ORDER BY t::text)), '') FROM \"{table}\" AS t")
            };
            held.insert(table, database.texts(text).await.remove(0));
        }
        assert!(held.len() > 20, "the tables were read: {held:?}");
        held
    }
}

impl World {
    /// Asserts that every table is as it was.
    pub(super) async fn assert_unchanged(&self, before: &BTreeMap<String, String>, with_audit: bool, what: &str) {
        let now = self.fingerprint(with_audit).await;
        let changed: Vec<&String> = before.keys().filter(|table| now.get(*table) != before.get(*table)).collect();
        assert!(changed.is_empty(), "{what}, and these tables changed: {changed:?}");
    }
}

/// Somebody who has signed in, without having chosen a password: that takes its time, and is tested elsewhere.
async fn signed_in(console: &TestConsole, address: &str, who: &Principal) -> (OperatorId, SessionId) {
    let person = PersonToAdd { address, name: None, role: who.role, scope: &who.scope };
    let (operator, _) = console.app.people().add(&person, false, &actor("test")).await.expect("added");
    let id = SessionId::random();
    let stage = SessionStage::Open;
    let new = NewOperatorSession { id: id.sha256(), operator, stage, network: None, browser: None, password: None };
    assert!(console.app.store.begin_operator_session(&new).await.expect("answered"));
    (operator, id)
}

//! The demo itself: a dispatcher in one process, sample events, and what became of them.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;
use bytes::Bytes;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::catcher::{Catcher, CatcherConfig};
use super::history::write_history;
use super::report::{ReportRow, WhereToLook};
use super::rows::rows_of;
use super::sample_data::{DemoEvent, MESSAGE_BYTES_MAX, SampleData};
use crate::app::{App, ProcessKind};
use crate::clock::Clock;
use crate::config::{BaseUrl, Config, DEFAULT_RELAY};
use crate::event::catalogue::{ImportEntry, parse_import_line};
use crate::intake::{Parsed, Verdict};
use crate::model::access::{InvitationKind, Role, TenantScope};
use crate::model::actor::{Actor, NamedAct};
use crate::model::audit::AuditAction;
use crate::model::ids::{OperatorId, RelayName};
use crate::model::incoming::{Incoming, Via};
use crate::model::state::OnUncertain;
use crate::operator::people::{PeopleError, PersonToAdd};
use crate::private_file;
use crate::relay::{Deadlines, RelayConfig, RelayUrl};
use crate::web::{HostAllowList, serve};

/// The demo is short: its one retry comes soon.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// How often it is looked whether all has concluded.
const LOOK: Duration = Duration::from_millis(100);

/// Longer than this no sample event can take.
const PATIENCE: Duration = Duration::from_mins(2);

/// Who administrates the demo.
const ADMINISTRATOR: &str = "admin@demo.example";

/// How long open requests may take when the demo ends.
const GRACE: Duration = Duration::from_secs(1);

/// A demo at work. Nothing of it leaves the machine, and no configured address is contacted.
pub struct Demo {
    app: App,
    catcher: Catcher,
    world: SampleData,
    place: WhereToLook,
    stop: CancellationToken,
    sending: tokio::task::JoinHandle<Result<(), crate::app::AppError>>,
    /// Writes what people tried in vain, until the last page is answered.
    journal: tokio::task::JoinHandle<()>,
}

impl Demo {
    /// Starts catcher, database and worker in `folder`, and imports the sample tenants and customers.
    ///
    /// # Errors
    /// If the folder cannot be written, or another demo uses it.
    pub async fn start(folder: &Path, stop: CancellationToken) -> anyhow::Result<Self> {
        let clock = Clock::system();
        let world = SampleData::new(clock.now());
        private_file::create_folder(&folder.join("documents"))
            .with_context(|| format!("the folder {} cannot be made; choose another by --data", folder.display()))?;
        world.write_documents(&folder.join("documents")).context("the sample documents cannot be written")?;
        let mails = folder.join("mail");
        let catcher = Catcher::start(
            CatcherConfig {
                folder: mails.clone(),
                smtp_port: 0,
                page_port: 0,
                message_bytes_max: MESSAGE_BYTES_MAX,
                behaviour: world.behaviour(),
            },
            clock,
        )
        .await
        .context("the mail catcher cannot start")?;

        let portal = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await?;
        let console = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await?;
        let config = config(folder, &catcher, portal.local_addr()?, console.local_addr()?)?;
        let app = App::open(config, ProcessKind::Worker).await?;
        let router =
            HostAllowList::new(portal.local_addr()?, []).guard(crate::portal::router(app.for_visitors().portal()));
        tokio::spawn(serve(portal, router, stop.clone(), GRACE));
        let pages = app.for_visitors().console();
        let router = HostAllowList::new(console.local_addr()?, []).guard(crate::console::router(pages.clone()));
        let serving = tokio::spawn(serve(console, router, stop.clone(), GRACE));
        let journal = tokio::spawn(async move {
            let served = CancellationToken::new();
            let serving = async {
                let _ = serving.await;
                served.cancel();
            };
            tokio::join!(serving, pages.keep_sign_in_journal(served.clone()));
        });
        import_catalogue(&app, &world).await?;
        let (administrator, link) = sign_in_link(&app).await.context("the demo's administrator cannot be added")?;
        write_history(&app, administrator, ADMINISTRATOR).await.context("the demo's past cannot be written")?;
        let place = WhereToLook {
            console: Some(link),
            page: Some(format!("http://{}", catcher.page_address())),
            mails,
            database: folder.join("dispatcher.db"),
        };
        let sending = tokio::spawn({
            let (app, stop) = (app.clone(), stop.clone());
            async move { app.send(stop).await }
        });
        Ok(Self { app, catcher, world, place, stop, sending, journal })
    }

    /// Publishes the sample events one after the other; `progress` is called for each.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn publish(&self, mut progress: impl FnMut(&DemoEvent, Verdict)) -> anyhow::Result<Vec<Verdict>> {
        let mut verdicts = Vec::new();
        for event in self.world.events() {
            let incoming = Incoming::new(Bytes::from(event.bytes.clone()), Via::File);
            let verdict =
                *self.app.intake.take(&[Parsed::of(incoming)]).await?.first().expect("one event, one verdict");
            progress(event, verdict);
            verdicts.push(verdict);
        }
        Ok(verdicts)
    }

    /// Waits until nothing is due or on its way.
    ///
    /// # Errors
    /// If the database fails, or something never concludes.
    pub async fn concluded(&self) -> anyhow::Result<()> {
        let concluding = async {
            while self.app.store.state_counts().await?.iter().any(|(state, count)| !state.is_concluded() && *count > 0)
            {
                tokio::time::sleep(LOOK).await;
            }
            Ok(())
        };
        tokio::time::timeout(PATIENCE, concluding).await.context("the sample events did not conclude in time")?
    }

    /// What became of each event, and where to look; the page only if it `stays`.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn report(&self, verdicts: &[Verdict], stays: bool) -> anyhow::Result<(Vec<ReportRow>, WhereToLook)> {
        let mut rows = Vec::new();
        for (event, verdict) in self.world.events().iter().zip(verdicts) {
            rows.extend(rows_of(&self.app.store, self.catcher.mailbox(), &event.bytes, *verdict).await?);
        }
        let place = self.place.clone();
        let (console, page) = (place.console.filter(|_| stays), place.page.filter(|_| stays));
        Ok((rows, WhereToLook { console, page, ..self.place.clone() }))
    }

    /// Ends everything in order.
    ///
    /// # Errors
    /// If the worker had failed.
    pub async fn end(self) -> anyhow::Result<()> {
        self.stop.cancel();
        self.sending.await.context("the worker failed")??;
        self.journal.await.context("the sign-in journal failed")?;
        self.catcher.stop().await;
        self.app.store.close().await;
        Ok(())
    }
}

/// A link that leads into the console once. In a folder that was used before, it gives the administrator a new password.
async fn sign_in_link(app: &App) -> Result<(OperatorId, String), PeopleError> {
    let (people, who) = (app.people(), Actor::command_line("demo"));
    let scope = TenantScope::All;
    let person = PersonToAdd { address: ADMINISTRATOR, name: None, role: Role::Admin, scope: &scope };
    match people.add(&person, true, &who).await {
        Ok((id, link)) => Ok((id, link.map(|link| link.url).unwrap_or_default())),
        Err(PeopleError::Exists(id)) => Ok((id, people.invite(id, InvitationKind::Reset, &who).await?.url)),
        Err(error) => Err(error),
    }
}

fn config(folder: &Path, catcher: &Catcher, portal: SocketAddr, console: SocketAddr) -> anyhow::Result<Config> {
    let smtp = catcher.smtp_address();
    let mut config = Config::embedded_in(folder);
    let relay = RelayConfig {
        name: RelayName::from(DEFAULT_RELAY),
        url: RelayUrl::parse(&format!("smtp://{smtp}"))?,
        connections: 4,
        rate: None,
        message_bytes_max: MESSAGE_BYTES_MAX,
        pipelining: true,
        ca_file: None,
        hello_name: "[127.0.0.1]".to_owned(),
        on_uncertain: OnUncertain::Wait,
        deadlines: Deadlines::default(),
    };
    config.relays = [(relay.name.clone(), relay)].into();
    config.retry.schedule = vec![RETRY_AFTER];
    config.portal.url = BaseUrl::of_listener(portal);
    config.console.url = BaseUrl::of_listener(console);
    config.sms = config.sms.of_catcher(&catcher.text_messages_url());
    Ok(config)
}

async fn import_catalogue(app: &App, world: &SampleData) -> anyhow::Result<()> {
    let act = NamedAct { action: AuditAction::CatalogueImported, subject: "sample data", change: None };
    let who = Actor::command_line("demo").in_act(act);
    for line in world.catalogue() {
        match parse_import_line(line.as_bytes())? {
            ImportEntry::Tenant(tenant) => drop(app.store.upsert_tenant(&tenant, &who).await?),
            ImportEntry::Logo(logo) => drop(app.store.save_logo(&logo.tenant_id, &logo.logo, &who).await?),
            ImportEntry::Customer(customer) => drop(app.store.upsert_customer(&customer, &who).await?),
        }
    }
    Ok(())
}

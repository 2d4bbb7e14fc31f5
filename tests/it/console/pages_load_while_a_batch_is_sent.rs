//! Ten people read, search and follow invoices while a batch is sent: each page comes soon, and the batch hardly notices.

use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use invoice_dispatcher::documents::install_crypto_provider;
use invoice_dispatcher::model::access::{Role, SessionStage, TenantScope};
use invoice_dispatcher::operator::people::PersonToAdd;
use invoice_dispatcher::operator::sign_in::TOTP_LABEL;
use invoice_dispatcher::secrets::{AddressKeys, RecoveryCode, SecretKeys, SessionId};
use invoice_dispatcher::store::NewOperatorSession;
use reqwest::header::{COOKIE, ETAG, IF_NONE_MATCH};
use reqwest::{Client, StatusCode};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::harness::actor;
use crate::harness::broker::until;
use crate::harness::database::TestDatabase;
use crate::harness::history::History;
use crate::harness::process::{Process, SECRET_KEYS, Site};
use crate::harness::sink::Sink;
use crate::operator::samples::Support;

const PEOPLE: usize = 10;
/// How often a page asks whether its invoice has moved; as often somebody opens another page.
const POLL: Duration = Duration::from_secs(3);
/// Deliveries that were made before, within two weeks.
const HISTORY: usize = 200_000;
const SPACING_MS: i64 = 5_000;
const BATCH: usize = 40_000;
const DOCUMENT_BYTES: usize = 2_000;

/// What the console did for one person, or for all.
#[derive(Debug, Default)]
struct Answers {
    pages: Vec<Duration>,
    /// Whether an invoice has moved: it has.
    moved: Vec<Duration>,
    /// It has not: 304.
    unmoved: Vec<Duration>,
}

fn percentile(times: &[Duration], percent: usize) -> Duration {
    let mut times = times.to_vec();
    times.sort_unstable();
    times.get((times.len() * percent / 100).min(times.len().saturating_sub(1))).copied().unwrap_or_default()
}

/// A worker and the console in one process, on a database with a history.
struct Desk {
    url: String,
    site: Site,
    sink: Sink,
    process: Process,
}

impl Desk {
    async fn start(mut database: TestDatabase) -> (Self, TestDatabase) {
        install_crypto_provider();
        let keys = AddressKeys::of(&SecretKeys::parse(SECRET_KEYS).expect("keys"));
        database.store = database.store.clone().with_address_keys(keys.clone());
        let support = Support::with_acme(database).await;
        History::fill(&support, &keys, HISTORY, SPACING_MS).await;
        // Nothing else of it lives on: a clone of the store would keep an embedded database to this process.
        let database = { support }.database.unlocked().await;
        let free = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = free.local_addr().expect("bound");
        drop(free);
        let url = format!("http://{address}");
        let sink = Sink::start().await;
        let mut site = Site::new(&database.url, None, &sink).await;
        site.set("CONSOLE_LISTEN", address.to_string());
        site.set("CONSOLE_URL", &url);
        let process = site.start_as(&["worker", "console"]);
        let client = Client::new();
        let answers = async || client.get(format!("{url}/sign-in")).send().await.is_ok();
        until("the console answers", answers).await;
        (Self { url, site, sink, process }, database)
    }

    async fn send(&self, name: &str, count: usize) -> f64 {
        self.site.send_batch(&self.sink, name, count, DOCUMENT_BYTES).await
    }

    /// People of support, who have signed in.
    async fn people(&self) -> Vec<Person> {
        let (app, by) = (self.site.app(), actor("test"));
        let mut people = Vec::new();
        for n in 0..PEOPLE {
            let address = format!("support-{n}@acme.example");
            let person = PersonToAdd { address: &address, name: None, role: Role::Support, scope: &TenantScope::All };
            let (operator, _) = app.people().add(&person, false, &by).await.expect("added");
            // Their role asks for an authenticator app.
            let secret = app.secret_keys.sealing_keys(TOTP_LABEL).seal(&[7; 20], operator.0.as_bytes());
            let app_of_theirs = self.site.store.begin_totp(operator, &secret).await.expect("answered");
            let codes = [RecoveryCode::random()];
            assert!(self.site.store.confirm_totp(&app_of_theirs, 1, &codes, &by).await.expect("answered"));
            let (session, stage) = (SessionId::random(), SessionStage::Open);
            let new = NewOperatorSession {
                id: session.sha256(),
                operator,
                stage,
                network: None,
                browser: None,
                password: None,
            };
            assert!(self.site.store.begin_operator_session(&new).await.expect("answered"));
            let client = Client::builder()
                .redirect(reqwest::redirect::Policy::none())
                .timeout(Duration::from_secs(30))
                .build()
                .expect("a client");
            let cookie = format!("console_session={}", session.to_cookie());
            people.push(Person { n, url: self.url.clone(), client, cookie });
        }
        people
    }
}

/// Somebody's browser.
struct Person {
    n: usize,
    url: String,
    client: Client,
    cookie: String,
}

/// What was answered, and how long that took.
struct Loaded {
    took: Duration,
    status: StatusCode,
    tag: Option<String>,
    text: String,
}

impl Person {
    /// Asks for a page; as a script does, where the page is known by its tag.
    async fn get(&self, path: &str, tag: Option<&str>) -> Loaded {
        let began = Instant::now();
        let mut request = self.client.get(format!("{}{path}", self.url)).header(COOKIE, &self.cookie);
        if let Some(tag) = tag {
            request = request.header("hx-request", "true").header(IF_NONE_MATCH, tag);
        }
        let answer = request.send().await.expect("an answer");
        let (status, tag) = (answer.status(), answer.headers().get(ETAG).cloned());
        let text = answer.text().await.expect("a whole page");
        let tag = tag.map(|tag| tag.to_str().expect("ASCII").to_owned());
        Loaded { took: began.elapsed(), status, tag, text }
    }

    async fn page(&self, path: &str, answers: &mut Answers) -> Loaded {
        let loaded = self.get(path, None).await;
        assert_eq!(loaded.status, StatusCode::OK, "{path}: {}", loaded.text);
        answers.pages.push(loaded.took);
        loaded
    }

    /// Opens another page each time, as people do who answer the phone.
    async fn look_around(&self, turn: usize, answers: &mut Answers) {
        let some = (self.n * 1_009 + turn * 7_919) % HISTORY;
        match turn % 6 {
            0 => drop(self.page("/", answers).await),
            1 => {
                let first = self.page("/search?q=r-2026-10", answers).await;
                let after = first.text.split("after=").nth(1).and_then(|rest| rest.split('"').next());
                let next = format!("/search?q=r-2026-10&after={}", after.expect("there is a next page"));
                drop(self.page(&next, answers).await);
            }
            2 => drop(self.page(&format!("/search?q={}", History::number(some / 10 * 10 + 3)), answers).await),
            3 => drop(self.page(&format!("/customers/acme/K-{}", some % 1_000), answers).await),
            4 => drop(self.page(&format!("/search?q=ap-{}%40customer.example", some % 1_000), answers).await),
            _ => drop(self.page("/?tenant=acme&kind=rejected", answers).await),
        }
    }

    /// Follows one invoice of the batch after the other, and looks around beside that, until `end`.
    async fn work(self, end: CancellationToken, asked: Arc<AtomicU64>) -> Answers {
        let mut answers = Answers::default();
        // Not all at once.
        let begin = POLL.mul_f64(f64::from(u32::try_from(self.n).expect("few")) / f64::from(10_u8));
        if end.run_until_cancelled(tokio::time::sleep(begin)).await.is_none() {
            return answers;
        }
        let mut ticks = tokio::time::interval(POLL);
        let mut followed: Option<(String, String)> = None;
        for turn in 0.. {
            if end.run_until_cancelled(ticks.tick()).await.is_none() {
                break;
            }
            self.look_around(turn, &mut answers).await;
            // Another invoice each quarter of a minute.
            let path = match &followed {
                Some((path, _)) if turn % 5 != 0 => path.clone(),
                _ => format!("/invoices?tenant=acme&number=R-beside-{}", (self.n * 3_989 + turn * 97) % BATCH),
            };
            let tag = followed.take().filter(|(known, _)| *known == path).map(|(_, tag)| tag);
            let loaded = self.get(&path, tag.as_deref()).await;
            match (loaded.status, &tag) {
                (StatusCode::OK, None) => answers.pages.push(loaded.took),
                (StatusCode::OK, Some(_)) => answers.moved.push(loaded.took),
                (StatusCode::NOT_MODIFIED, Some(_)) => answers.unmoved.push(loaded.took),
                // It has not come in yet.
                (StatusCode::NOT_FOUND, None) => {}
                (other, _) => panic!("{path}: {other} {}", loaded.text),
            }
            followed = loaded.tag.map(|tag| (path, tag));
            asked.fetch_add(1, Ordering::Relaxed);
        }
        answers
    }
}

async fn figures(database: TestDatabase) -> (f64, f64, Answers) {
    let (desk, _database) = Desk::start(database).await;
    desk.send("warm", 2_000).await;
    let alone = desk.send("alone", BATCH).await;
    let (end, asked) = (CancellationToken::new(), Arc::new(AtomicU64::new(0)));
    let mut working = JoinSet::new();
    for person in desk.people().await {
        working.spawn(person.work(end.clone(), Arc::clone(&asked)));
    }
    // Everybody has begun before the batch does.
    until("all work", async || asked.load(Ordering::Relaxed) >= PEOPLE as u64).await;
    let beside = desk.send("beside", BATCH).await;
    end.cancel();
    let mut answers = Answers::default();
    for of_one in working.join_all().await {
        answers.pages.extend(of_one.pages);
        answers.moved.extend(of_one.moved);
        answers.unmoved.extend(of_one.unmoved);
    }
    println!("{:<28} {:>7} {:>9} {:>9} {:>9}", "milliseconds", "count", "p50", "p95", "longest");
    for (name, times) in [
        ("pages", &answers.pages),
        ("an invoice has moved", &answers.moved),
        ("an invoice has not moved", &answers.unmoved),
    ] {
        let [p50, p95, longest] = [50, 95, 100].map(|percent| percentile(times, percent).as_secs_f64() * 1000.0);
        println!("{name:<28} {:>7} {p50:>9.1} {p95:>9.1} {longest:>9.1}", times.len());
    }
    println!(
        "{alone:.0} mails/s without visitors, {beside:.0} beside {PEOPLE} people ({:.0} %); peak {} MiB",
        beside / alone * 100.0,
        desk.process.peak_bytes() >> 20,
    );
    assert!(desk.process.stop().await.success());
    assert!(answers.pages.len() >= PEOPLE * 5 && !answers.unmoved.is_empty(), "people were there: {answers:?}");
    (alone, beside, answers)
}

/// The slowest in twenty of all that was asked, and of the pages alone.
fn p95(answers: &Answers) -> Duration {
    let all = [&answers.pages[..], &answers.moved, &answers.unmoved].concat();
    percentile(&all, 95).max(percentile(&answers.pages, 95))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "long: scripts/prove"]
async fn prove_console_postgres_pages_come_soon_and_the_batch_goes_on() {
    let (alone, beside, answers) = figures(TestDatabase::postgres().await).await;
    let p95 = p95(&answers);
    assert!(p95 < Duration::from_millis(150), "{p95:?}");
    assert!(beside >= 0.8 * alone, "{beside} mails/s beside {alone}");
}

/// Measured, not promised: SQLite is for small installations.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "long: scripts/prove"]
async fn prove_console_sqlite_is_measured() {
    let (_, _, answers) = figures(TestDatabase::sqlite().await).await;
    let p95 = p95(&answers);
    assert!(p95 < Duration::from_secs(1), "{p95:?}");
}

//! Five hundred customers read their invoices while a batch is sent: each page comes soon, the batch hardly notices, and
//! memory stays bounded.

use std::net::{IpAddr, Ipv4Addr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use invoice_dispatcher::documents::install_crypto_provider;
use reqwest::header::{COOKIE, LOCATION, ORIGIN, SET_COOKIE};
use reqwest::redirect::Policy;
use reqwest::{Client, StatusCode};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::harness::broker::until;
use crate::harness::database::TestDatabase;
use crate::harness::process::{Process, Site};
use crate::harness::sink::Sink;

const VISITORS: usize = 500;
/// How often each of them asks for a page, and how many of ten pages are followed by a document.
const PAUSE: Duration = Duration::from_secs(5);
const DOCUMENTS_OF_TEN: usize = 1;
const DOCUMENT_BYTES: usize = 60_000;
const BATCH: usize = 20_000;

/// What the portal did for its visitors.
#[derive(Debug, Default)]
struct Answers {
    pages: Vec<Duration>,
    documents: Vec<Duration>,
}

impl Answers {
    fn percentile(times: &mut [Duration], percent: usize) -> Duration {
        times.sort_unstable();
        times[(times.len() * percent / 100).min(times.len() - 1)]
    }
}

/// A customer's browser, at an address of its own.
struct Visitor {
    client: Client,
    cookie: String,
    invoice: String,
}

struct Portal {
    url: String,
    site: Site,
    sink: Sink,
    process: Process,
}

impl Portal {
    /// Worker and portal in one process; links open documents, so that no visitor types anything.
    async fn start(database: &TestDatabase) -> Self {
        install_crypto_provider();
        let free = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = free.local_addr().expect("bound");
        drop(free);
        let url = format!("http://{address}");
        let sink = Sink::start().await;
        let mut site = Site::new(&database.url, None, &sink).await;
        site.set("PORTAL_LISTEN", address.to_string());
        site.set("PORTAL_URL", &url);
        let settings = ["--sensitive-attachments", "exclude", "--level", "not_required"];
        let status = site.run(&[&["settings", "set", "--tenant", "acme"], &settings[..]].concat(), "").await;
        assert!(status.success());
        let process = site.start_as(&["worker", "portal"]);
        let client = Client::new();
        let answers = async || client.get(format!("{url}/i/none")).send().await.is_ok();
        until("the portal answers", answers).await;
        Self { url, site, sink, process }
    }

    /// Sends so many mails, all with one document, and returns how many a second went out.
    async fn send(&self, name: &str, count: usize) -> f64 {
        self.site.send_batch(&self.sink, name, count, DOCUMENT_BYTES).await
    }

    /// Opens the links of the mails, each from another address of loopback.
    async fn visitors(&self, count: usize) -> Vec<Visitor> {
        let mails = self.sink.mails();
        let mut opening = JoinSet::new();
        for (n, mail) in (0_u8..).map(|n| n % 250 + 1).cycle().zip(mails.iter().take(count)) {
            let parsed = mailparse::parse_mail(&mail.bytes).expect("a mail");
            let text = parsed.subparts[0].get_body().expect("its text");
            let token = text.split("/i/").nth(1).and_then(|rest| rest.split_whitespace().next()).expect("a link");
            let link = format!("{}/i/{token}", self.url);
            let origin = self.url.clone();
            opening.spawn(async move { Visitor::open(&link, &origin, n).await });
        }
        opening.join_all().await
    }
}

impl Visitor {
    async fn open(link: &str, origin: &str, n: u8) -> Self {
        let address = IpAddr::V4(Ipv4Addr::new(127, 0, 1, n));
        let client = Client::builder()
            .local_address(address)
            .redirect(Policy::none())
            .timeout(Duration::from_secs(30))
            .build()
            .expect("a client");
        let answer = client.post(link).header(ORIGIN, origin).send().await.expect("an answer");
        assert_eq!(answer.status(), StatusCode::SEE_OTHER);
        let header = |name| answer.headers()[&name].to_str().expect("ASCII").to_owned();
        let cookie = header(SET_COOKIE).split(';').next().expect("a cookie").to_owned();
        let invoice = format!("{origin}{}", header(LOCATION));
        Self { client, cookie, invoice }
    }

    async fn get(&self, url: &str) -> (Duration, usize) {
        let began = Instant::now();
        let answer = self.client.get(url).header(COOKIE, &self.cookie).send().await.expect("an answer");
        let status = answer.status();
        let length = answer.bytes().await.expect("a whole body").len();
        assert_eq!(status, StatusCode::OK, "{url}");
        (began.elapsed(), length)
    }

    /// Reads its invoice again and again, until `end`.
    async fn read(self, n: usize, end: CancellationToken, asked: Arc<AtomicU64>) -> Answers {
        let mut answers = Answers::default();
        // Not all at once.
        let begin =
            PAUSE.mul_f64(f64::from(u32::try_from(n).expect("few")) / f64::from(u32::try_from(VISITORS).expect("few")));
        if end.run_until_cancelled(tokio::time::sleep(begin)).await.is_none() {
            return answers;
        }
        let mut pages = tokio::time::interval(PAUSE);
        for turn in 0.. {
            if end.run_until_cancelled(pages.tick()).await.is_none() {
                break;
            }
            answers.pages.push(self.get(&self.invoice).await.0);
            if (n + turn) % 10 < DOCUMENTS_OF_TEN {
                let (took, length) = self.get(&format!("{}/documents/1", self.invoice)).await;
                assert_eq!(length, DOCUMENT_BYTES);
                answers.documents.push(took);
            }
            asked.fetch_add(1, Ordering::Relaxed);
        }
        answers
    }
}

async fn figures(database: TestDatabase) -> (f64, f64, Answers, u64) {
    let portal = Portal::start(&database).await;
    portal.send("warm", VISITORS).await;
    let alone = portal.send("alone", BATCH).await;
    let visitors = portal.visitors(VISITORS).await;
    assert_eq!(visitors.len(), VISITORS);
    let (end, asked) = (CancellationToken::new(), Arc::new(AtomicU64::new(0)));
    let mut reading = JoinSet::new();
    for (n, visitor) in visitors.into_iter().enumerate() {
        reading.spawn(visitor.read(n, end.clone(), Arc::clone(&asked)));
    }
    // Every visitor has come once before the batch begins.
    until("all read", async || asked.load(Ordering::Relaxed) >= VISITORS as u64).await;
    let beside = portal.send("beside", BATCH).await;
    end.cancel();
    let mut answers = Answers::default();
    for of_one in reading.join_all().await {
        answers.pages.extend(of_one.pages);
        answers.documents.extend(of_one.documents);
    }
    let peak = portal.process.peak_bytes();
    let (pages, documents) = (answers.pages.len(), answers.documents.len());
    let [p50, p95] = [50, 95].map(|percent| Answers::percentile(&mut answers.pages, percent));
    let documents_p95 = Answers::percentile(&mut answers.documents, 95);
    println!(
        "{pages} pages: p50 {} ms, p95 {} ms; {documents} documents of {DOCUMENT_BYTES} bytes: p95 {} ms; \
         {alone:.0} mails/s without visitors, {beside:.0} beside {VISITORS}; peak {} MiB",
        p50.as_millis(),
        p95.as_millis(),
        documents_p95.as_millis(),
        peak >> 20,
    );
    assert!(portal.process.stop().await.success());
    portal.site.assert_adds_up().await;
    (alone, beside, answers, peak)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "long: scripts/prove"]
async fn prove_portal_postgres_pages_come_soon_and_the_batch_goes_on() {
    let (alone, beside, mut answers, peak) = figures(TestDatabase::postgres().await.unlocked().await).await;
    let p95 = Answers::percentile(&mut answers.pages, 95);
    assert!(p95 < Duration::from_millis(100), "{p95:?}");
    assert!(beside >= 0.8 * alone, "{beside} mails/s beside {alone}");
    assert!(peak < 200 << 20, "{peak} bytes");
}

/// Measured, not promised: SQLite is for small installations.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "long: scripts/prove"]
async fn prove_portal_sqlite_is_measured() {
    let (_, _, mut answers, peak) = figures(TestDatabase::sqlite().await.unlocked().await).await;
    let p95 = Answers::percentile(&mut answers.pages, 95);
    assert!(p95 < Duration::from_secs(1), "{p95:?}");
    assert!(peak < 200 << 20, "{peak} bytes");
}

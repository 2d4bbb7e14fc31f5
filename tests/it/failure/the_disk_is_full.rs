//! The disk below an embedded database is full. Publishers are refused; what was accepted is kept, nothing is sent
//! twice, and all goes on when there is room again.

use std::fs::File;
use std::io::Write as _;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use invoice_dispatcher::documents::install_crypto_provider;
use invoice_dispatcher::model::state::{Concluded, DeliveryState};
use reqwest::{Client, StatusCode};
use tempfile::TempDir;

use crate::failure::processes_are_killed::until_concluded;
use crate::harness::broker::until;
use crate::harness::database::TestDatabase;
use crate::harness::process::{Process, Site};
use crate::harness::sink::{Act, Script, Sink, Step};

/// More than an empty database with its write-ahead log takes.
const DISK_BYTES: &str = "12m";

/// What keeps the database from growing.
trait Shortage {
    fn begin(&mut self, process: &Process, database: &Path);
    fn end(&mut self, process: &Process);
}

/// A limit on the size of files, as `ulimit -f` and disk quotas set it. Needs no rights.
struct FileSizeLimit;

impl Shortage for FileSizeLimit {
    fn begin(&mut self, process: &Process, database: &Path) {
        let size = |suffix: &str| {
            std::fs::metadata(format!("{}{suffix}", database.display())).map_or(0, |metadata| metadata.len())
        };
        set_file_size_limit(process, &size("").max(size("-wal")).to_string());
    }

    fn end(&mut self, process: &Process) {
        set_file_size_limit(process, "unlimited");
    }
}

/// The soft limit; the hard one stays, so that it can be raised again.
fn set_file_size_limit(process: &Process, bytes: &str) {
    let pid = process.id().to_string();
    let status = Command::new("prlimit").args(["--pid", &pid, &format!("--fsize={bytes}:")]).status();
    assert!(status.expect("prlimit (util-linux) is installed").success());
}

/// A small disk of its own, in memory.
struct SmallDisk {
    folder: TempDir,
    filler: PathBuf,
}

impl SmallDisk {
    /// None where this user may not mount anything.
    fn mount() -> Option<Self> {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", &format!("size={DISK_BYTES}"), "tmpfs"]).arg(folder.path());
        let mounted = mount.output().is_ok_and(|output| output.status.success());
        let filler = folder.path().join("filler");
        mounted.then_some(Self { folder, filler })
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Lazily: a process that is just ending may still hold files on it.
        let _ = Command::new("umount").arg("--lazy").arg(self.folder.path()).status();
    }
}

impl Shortage for SmallDisk {
    fn begin(&mut self, _process: &Process, _database: &Path) {
        let mut file = File::create(&self.filler).expect("a file can be made");
        let full = std::iter::repeat_with(|| file.write_all(&[0; 4096])).find_map(Result::err).expect("it fills");
        assert_eq!(full.kind(), std::io::ErrorKind::StorageFull);
    }

    fn end(&mut self, _process: &Process) {
        std::fs::remove_file(&self.filler).expect("the filler is there");
    }
}

/// A process with an API, and what it says.
struct Running {
    site: Site,
    process: Process,
    client: Client,
    base: String,
    log: PathBuf,
}

impl Running {
    async fn start(database: &TestDatabase, sink: &Sink, folder: &Path) -> Self {
        install_crypto_provider();
        let free = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = free.local_addr().expect("bound");
        drop(free);
        let mut site = Site::new(&database.url, None, sink).await;
        site.set("CONSOLE_LISTEN", address.to_string());
        site.set("LOG_FILTER", "warn");
        let log = folder.join("log");
        let process = site.start_limited(&["worker", "console"], File::create(&log).expect("a file can be made"));
        let running = Self { site, process, client: Client::new(), base: format!("http://{address}"), log };
        until("the process is ready", async || running.get("/readyz").await == Some(StatusCode::OK)).await;
        running
    }

    async fn get(&self, path: &str) -> Option<StatusCode> {
        self.client.get(format!("{}{path}", self.base)).send().await.ok().map(|answer| answer.status())
    }

    /// Publishes an event; the status, and what the answer says.
    async fn publish(&self, id: &str) -> (StatusCode, String) {
        let event = self.site.event(id, "ap@customer.example").to_string();
        let post = self.client.post(format!("{}/api/v1/events", self.base));
        let answer = post.header("content-type", "application/cloudevents+json").body(event).send().await;
        let answer = answer.expect("the process answers");
        (answer.status(), answer.text().await.expect("a text"))
    }

    /// What the process logged of its own accord, not for each request.
    fn complaints(&self) -> usize {
        self.log().lines().filter(|line| !line.contains("a request was turned away")).count()
    }

    fn log(&self) -> String {
        std::fs::read_to_string(&self.log).expect("the log can be read")
    }
}

async fn nothing_is_lost_and_it_goes_on(database: TestDatabase, mut shortage: impl Shortage) {
    // The first mail is on the wire while the disk fills up: its 250 cannot be written down for a while.
    let sink = Sink::scripted(Script::new().once(Step::Dot, Act::Slow(Duration::from_secs(2)))).await;
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let running = Running::start(&database, &sink, folder.path()).await;
    let path = PathBuf::from(database.url.strip_prefix("sqlite://").expect("SQLite"));
    assert_eq!(running.publish("first").await.0, StatusCode::ACCEPTED);
    sink.wait_for("DATA", |state| state.data_phases == 1).await;

    shortage.begin(&running.process, &path);
    let mut accepted = 1;
    let refusal = loop {
        // The room that the database had taken before is used up first.
        let (status, text) = running.publish(&format!("{accepted:04}")).await;
        if status != StatusCode::ACCEPTED {
            break (status, text);
        }
        accepted += 1;
    };
    assert_eq!(refusal.0, StatusCode::SERVICE_UNAVAILABLE, "{}", refusal.1);
    assert!(refusal.1.contains("database"), "{}", refusal.1);
    // It stays so, and the process neither falls nor fills the log.
    let (began, logged) = (Instant::now(), running.complaints());
    while began.elapsed() < Duration::from_secs(4) {
        let (status, text) = running.publish("another").await;
        assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE, "{text}\n{}", running.log());
    }
    assert_eq!(running.get("/livez").await, Some(StatusCode::OK));
    let (logged, took) = (running.complaints() - logged, began.elapsed());
    println!("{accepted} accepted, then: {}; {logged} complaints in {took:?}", refusal.1);
    // A complaint comes again after a while: on a loaded machine the last answer comes late, and more of them with it.
    assert!(logged as u64 <= 60.max(15 * took.as_secs()), "{logged} complaints in {took:?}");
    shortage.end(&running.process);

    until("there is room again", async || running.publish("another").await.0 == StatusCode::ACCEPTED).await;
    accepted += 1;
    let counts = until_concluded(&running.site.store, accepted).await;
    assert_eq!(counts.get(&DeliveryState::Concluded(Concluded::Sent)), Some(&accepted), "{counts:?}");
    let all = usize::try_from(accepted).expect("not negative");
    assert_eq!(sink.mails_and_data_phases(), (all, all), "each once");
    assert!(running.process.stop().await.success());
    running.site.assert_adds_up().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn at_the_limit_of_a_files_size() {
    nothing_is_lost_and_it_goes_on(TestDatabase::sqlite_unlocked().await, FileSizeLimit).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_a_full_disk() {
    let Some(disk) = SmallDisk::mount() else {
        println!("nothing may be mounted here, so only the limit of a file's size was tried");
        return;
    };
    let database = TestDatabase::sqlite_in(disk.folder.path()).await.unlocked().await;
    nothing_is_lost_and_it_goes_on(database, disk).await;
}

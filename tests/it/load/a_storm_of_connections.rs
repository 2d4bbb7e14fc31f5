//! More connections than the process may have open files, most of which say nothing: who asks gets an answer or is
//! turned away, mail goes out, and when the storm is over everything is as before.

use std::fs::File;
use std::net::TcpListener;
use std::time::Duration;

use invoice_dispatcher::documents::install_crypto_provider;
use reqwest::{Client, StatusCode};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::failure::processes_are_killed::take_in;
use crate::harness::broker::until;
use crate::harness::database::TestDatabase;
use crate::harness::process::Site;
use crate::harness::sink::Sink;

const SILENT: usize = 2_000;
const POSTS: usize = 2_000;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "long: scripts/prove"]
async fn mail_goes_out_meanwhile_and_posts_are_answered() {
    install_crypto_provider();
    let free = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = free.local_addr().expect("bound");
    drop(free);
    let (database, sink) = (TestDatabase::postgres().await, Sink::start().await);
    let mut site = Site::new(&database.url, None, &sink).await;
    site.set("CONSOLE_LISTEN", address.to_string());
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let log = File::create(folder.path().join("log")).expect("a file can be made");
    let process = site.start_limited(&["worker", "console"], log);
    process.limit_open_files(1_024);
    let client = Client::builder().timeout(Duration::from_secs(30)).build().expect("a client");
    let ready = async || {
        let answer = client.get(format!("http://{address}/readyz")).send().await;
        answer.is_ok_and(|answer| answer.status() == StatusCode::OK)
    };
    until("the process is ready", ready).await;

    // Those that the process does not take stand in the kernel's queue, or get no answer.
    let connect = || tokio::time::timeout(Duration::from_secs(1), TcpStream::connect(address));
    let connecting: JoinSet<_> = (0..SILENT).map(|_| connect()).collect();
    let silent: Vec<_> = connecting.join_all().await.into_iter().flatten().flatten().collect();
    println!("{} silent connections", silent.len());
    let ids: Vec<String> = (0..50).map(|n| format!("due-{n}")).collect();
    let due: Vec<(&str, &str)> = ids.iter().map(|id| (id.as_str(), "ap@customer.example")).collect();
    take_in(&site, &due).await;
    sink.wait_for("mail in the middle of the storm", |state| state.mails.len() == 50).await;
    drop(silent);
    until("the storm is over", ready).await;

    let mut posts = JoinSet::new();
    for n in 0..POSTS {
        let event = site.event(&format!("post-{n}"), "ap@customer.example").to_string();
        let post = client.post(format!("http://{address}/api/v1/events"));
        let post = post.header("content-type", "application/cloudevents+json").body(event);
        posts.spawn(async move { post.send().await.map(|answer| answer.status()) });
    }
    let answers = posts.join_all().await;
    let count = |wanted: StatusCode| answers.iter().flatten().filter(|status| **status == wanted).count();
    let accepted = count(StatusCode::ACCEPTED);
    let turned_away = count(StatusCode::TOO_MANY_REQUESTS) + count(StatusCode::SERVICE_UNAVAILABLE);
    println!("of {POSTS} posts at once {accepted} were accepted, {turned_away} turned away");
    assert!(accepted > 0);
    assert_eq!(answers.iter().flatten().count(), accepted + turned_away, "{answers:?}");
    sink.wait_for("what was accepted", |state| state.mails.len() == 50 + accepted).await;
    assert!(process.stop().await.success());
    site.assert_adds_up().await;
}

//! Visitors ask more than the database can answer: they wait, or are told to come again, and mail goes out meanwhile.

use std::time::Duration;

use invoice_dispatcher::documents::install_crypto_provider;
use invoice_dispatcher::portal;
use invoice_dispatcher::store::{DatabaseDeadlines, Store};
use invoice_dispatcher::web::{Limits, serve, serve_within};
use reqwest::{Client, StatusCode};
use sqlx::{Connection, PgConnection};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::harness::broker::until;
use crate::harness::database::TestDatabase;
use crate::harness::dispatcher::Dispatcher;
use crate::harness::sink::Sink;

/// More than there are connections to the database, for visitors and for sending together.
const VISITORS: usize = 60;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mail_goes_out_meanwhile_and_each_visitor_is_answered() {
    install_crypto_provider();
    let sink = Sink::start().await;
    let mut database = TestDatabase::postgres().await;
    // Those who wait for the lock do so for as long as this takes.
    let endless = Duration::from_mins(10);
    let deadlines = DatabaseDeadlines { statement: endless, acquire: endless, ..DatabaseDeadlines::default() };
    database.store =
        Store::open_impatient(&database.url, deadlines, database.clock.clone()).await.expect("the address is one");
    let mut dispatcher = Dispatcher::new(database, &sink).await;
    let visitors = dispatcher.app.for_visitors();
    let portal = portal::router(visitors.portal());
    let visitors = visitors.store;
    // A request for old templates waits for this transaction; sending does not need them.
    let mut other = PgConnection::connect(&dispatcher.database.url).await.expect("the database answers");
    let lock = "BEGIN; LOCK TABLE template_version IN ACCESS EXCLUSIVE MODE";
    sqlx::raw_sql(lock).execute(&mut other).await.expect("it is free");
    let mut lookups = JoinSet::new();
    for n in 0..VISITORS {
        let visitors = visitors.clone();
        lookups.spawn(async move { visitors.template_sources(&n.to_string()).await });
    }
    let waiting = "SELECT COUNT(*) FROM pg_stat_activity WHERE datname = current_database()
                     AND wait_event_type = 'Lock' AND query LIKE '%FROM template_version%'";
    until("visitors hold all of their connections", async || dispatcher.database.number(waiting).await == 8).await;

    dispatcher.start();
    let events: Vec<_> = (0..20).map(|n| dispatcher.event(&format!("{n:02}"), "C-1")).collect();
    dispatcher.take(&events).await;
    sink.wait_for("mail beside the visitors", |state| state.mails.len() == 20).await;
    assert_eq!(dispatcher.database.number(waiting).await, 8, "the visitors wait no more: nothing was shown");

    // By HTTP no request waits so long for a connection.
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let page = format!("http://{}/i/{}", listener.local_addr().expect("bound"), "A".repeat(43));
    let end = CancellationToken::new();
    tokio::spawn(serve(listener, portal, end.clone(), Duration::ZERO));
    let _end = end.drop_guard();
    let client = Client::new();
    let mut answers = JoinSet::new();
    for _ in 0..20 {
        let asking = client.get(&page).send();
        answers.spawn(async move { tokio::time::timeout(Duration::from_mins(1), asking).await });
    }
    for answer in answers.join_all().await {
        let answer = answer.expect("in time").expect("an answer");
        assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert!(answer.headers().contains_key("retry-after"));
    }
    sqlx::raw_sql("ROLLBACK").execute(&mut other).await.expect("given back");
    assert_eq!(client.get(&page).send().await.expect("an answer").status(), StatusCode::NOT_FOUND);
    // The others have waited for a connection, and are answered once the lock is gone.
    assert_eq!(lookups.join_all().await.len(), VISITORS);
    dispatcher.wait_until_concluded().await;
    dispatcher.finish().await;
}

/// As many as a listener takes.
const CONNECTIONS: usize = 200;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_visitor_whose_connection_is_one_too_many_reads_a_page() {
    install_crypto_provider();
    let sink = Sink::start().await;
    let dispatcher = Dispatcher::new(TestDatabase::sqlite().await, &sink).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("bound");
    let (end, limits) = (CancellationToken::new(), Limits::default().refusing_with(portal::refuse_crowded));
    let router = portal::router(dispatcher.app.for_visitors().portal());
    tokio::spawn(serve_within(limits, listener, router, end.clone(), Duration::ZERO));
    let _end = end.drop_guard();
    let mut at_work = Vec::new();
    for _ in 0..CONNECTIONS {
        let mut stream = TcpStream::connect(address).await.expect("it listens");
        let head = "POST /links HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: 9\r\n\r\n";
        stream.write_all(head.as_bytes()).await.expect("written");
        // Its form is asked for.
        stream.read_exact(&mut [0; 25]).await.expect("an answer");
        at_work.push(stream);
    }
    let request = Client::new().get(format!("http://{address}/i/T")).header("accept-language", "nl");
    let answer = request.send().await.expect("an answer");
    assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
    let header = |name: &str| answer.headers()[name].to_str().expect("ASCII").to_owned();
    assert_eq!((header("retry-after"), header("cache-control")), ("10".to_owned(), "private, no-store".to_owned()));
    let page = answer.text().await.expect("a page");
    assert!(page.contains("Probeer het zo meteen opnieuw"), "{page}");
    dispatcher.finish().await;
}

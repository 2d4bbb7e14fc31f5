//! The S3 server does not answer for hours. Mails with documents wait for it and lose no attempt; links go out meanwhile.

use std::time::Duration;

use invoice_dispatcher::config::{Config, DocumentsPlace, S3Credentials};
use serde_json::Value;

use crate::harness::broker::Proxy;
use crate::harness::database::{TestDatabase, new_id, on_both_databases};
use crate::harness::dispatcher::Dispatcher;
use crate::harness::relay::relay;
use crate::harness::s3::S3;
use crate::harness::sink::Sink;

on_both_databases!(attachments_wait_and_links_go_out);

async fn proxy_to(server: &S3) -> Proxy {
    let url = url::Url::parse(&server.url).expect("its address is a URL");
    Proxy::to(url.host_str().expect("a host"), url.port().expect("a port")).await
}

/// An event whose document is in the bucket.
async fn event(dispatcher: &Dispatcher, server: &S3, bucket: &str, id: &str, customer: &str) -> Value {
    let event = dispatcher.event(id, customer);
    let object = event["data"]["documents"][0]["object"].as_str().expect("a key");
    let bytes = std::fs::read(dispatcher.documents().join(object)).expect("it was just written");
    server.put(&format!("{bucket}/{object}"), bytes).await;
    event
}

async fn attachments_wait_and_links_go_out(database: TestDatabase) {
    let server = S3::shared();
    // A bucket of its own: the server is shared.
    let bucket = format!("away-{}", new_id());
    server.create_bucket(&bucket).await;
    let proxy = proxy_to(server).await;
    let sink = Sink::start().await;
    let configure = |config: &mut Config| {
        config.documents.place = DocumentsPlace::Bucket { name: bucket.clone(), prefix: String::new() };
        config.documents.s3_endpoint = Some(format!("http://127.0.0.1:{}", proxy.port()));
        config.documents.s3_credentials = Some(S3Credentials {
            access_key_id: "test".to_owned(),
            secret_access_key: "a-secret".into(),
            session_token: None,
        });
    };
    let mut dispatcher = Dispatcher::configured(database, &[relay("default", &sink)], configure).await;
    let mut waiting = Vec::new();
    for n in 0..5 {
        waiting.push(event(&dispatcher, server, &bucket, &format!("attach-{n}"), "C-1").await);
    }
    let link = event(&dispatcher, server, &bucket, "link", "C-2").await;
    proxy.refuse(true);
    dispatcher.start();
    dispatcher.take(&waiting).await;
    dispatcher.take(&[link]).await;
    sink.wait_for("the link", |state| state.mails.len() == 1).await;
    let tried = "SELECT COUNT(*) FROM lane_entry WHERE last_class = 'dependency' AND attempts = 0 AND claim >= 2";
    dispatcher.pass_until(tried, 5).await;
    dispatcher.database.clock.advance(Duration::from_hours(5));
    dispatcher.pass_until(&tried.replace("claim >= 2", "claim >= 4"), 5).await;
    assert_eq!(sink.mails_and_data_phases(), (1, 1));

    proxy.refuse(false);
    dispatcher.pass_until_concluded().await;
    let sent = "SELECT COUNT(*) FROM delivery WHERE concluded = 'sent' AND attempts = 1";
    assert_eq!(dispatcher.database.number(sent).await, 6);
    assert_eq!(dispatcher.database.number("SELECT COUNT(*) FROM dead_letter").await, 0);
    assert_eq!(sink.mails_and_data_phases(), (6, 6));
    dispatcher.finish().await;
}

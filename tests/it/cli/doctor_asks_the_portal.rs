//! `doctor` asks the portal's public URL whose it is, and says what its settings lack.

use std::net::TcpListener;

use invoice_dispatcher::documents::install_crypto_provider;
use serde_json::Value;

use crate::harness::broker::until;
use crate::harness::command_line::CommandLine;
use crate::harness::scripted_http::{Answer, ScriptedHttp};

/// What doctor says of this.
fn check(here: &CommandLine, name: &str) -> Option<Value> {
    here.run("doctor --json").json().into_iter().find(|row| row["check"] == name)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_of_somebody_else_is_told_from_ours() {
    let cases = [
        ("200 OK", "invoice-dispatcher portal 00000000", "fail", "with other secret keys"),
        ("200 OK", "<html>a shop</html>", "fail", "not as our portal (status 200)"),
        ("404 Not Found", "", "fail", "not as our portal (status 404)"),
        ("302 Found", "", "fail", "not as our portal (status 302)"),
    ];
    for (status, body, result, words) in cases {
        let answer = format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}", body.len());
        let server = ScriptedHttp::start(move |_| Answer::Once(answer.clone())).await;
        let here = CommandLine::new().with("PORTAL_URL", &server.url);
        here.import_examples();
        let found = check(&here, "PORTAL_URL").expect("it is asked");
        assert_eq!(found["result"], result, "{found}");
        assert!(found["detail"].as_str().expect("a text").contains(words), "{found}");
        assert!(
            server.heads()[0].starts_with("GET /.well-known/invoice-dispatcher HTTP/1.1\r\n"),
            "{:?}",
            server.heads()
        );
    }
    let nothing = CommandLine::new().with("PORTAL_URL", "http://127.0.0.1:1");
    assert_eq!(check(&nothing, "PORTAL_URL").expect("it is asked")["result"], "ok", "nothing runs here yet");
    let elsewhere = CommandLine::new().with("PORTAL_URL", "https://portal.invalid");
    let found = check(&elsewhere, "PORTAL_URL").expect("it is asked");
    assert_eq!(found["result"], "warn", "{found}");
    assert!(found["what_to_do"].as_str().expect("a text").contains("links in emails lead there"), "{found}");
}

fn answers_as_ours(here: &CommandLine) -> bool {
    let found = check(here, "PORTAL_URL").expect("it is asked");
    found["detail"].as_str().is_some_and(|detail| detail.ends_with("answers, and is this installation's portal"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn our_own_portal_is_known_and_an_undeclared_proxy_in_front_of_it() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("bound");
    drop(listener);
    let here = CommandLine::new()
        .with("PORTAL_LISTEN", &address.to_string())
        .with("PORTAL_URL", &format!("http://{address}"))
        .with("CONSOLE_LISTEN", "127.0.0.1:0")
        .with("METRICS_LISTEN", "127.0.0.1:0");
    here.import_examples();
    let process = here.start("run");
    until("the portal answers as ours", async || answers_as_ours(&here)).await;
    assert!(check(&here, "TRUSTED_PROXIES").is_none(), "no proxy was seen");
    install_crypto_provider();
    let client = reqwest::Client::builder().no_proxy().build().expect("a client");
    let request = client.get(format!("http://{address}/i/none")).header("x-forwarded-for", "203.0.113.7");
    request.send().await.expect("an answer");
    let found = check(&here, "TRUSTED_PROXIES").expect("it is told");
    assert_eq!(found["result"], "warn", "{found}");
    assert!(found["detail"].as_str().expect("a text").contains("forwarded by 127.0.0.1"), "{found}");
    let what_to_do = found["what_to_do"].as_str().expect("a text");
    assert!(what_to_do.contains("add 127.0.0.1 to TRUSTED_PROXIES"), "{found}");
    assert!(process.stop().await.success());

    let here = here.with("TRUSTED_PROXIES", "127.0.0.1");
    let process = here.start("run");
    until("the portal answers as ours", async || answers_as_ours(&here)).await;
    until("what is declared is told no longer", async || check(&here, "TRUSTED_PROXIES").is_none()).await;
    assert!(process.stop().await.success());
}

#[test]
fn a_provider_that_settings_need_is_missed() {
    let here = CommandLine::new();
    here.import_examples();
    let found = check(&here, "SMS").expect("it is looked at");
    assert_eq!(found["result"], "warn", "{found}");
    assert!(found["detail"].as_str().expect("a text").contains("no provider is configured"), "{found}");
}

#[test]
fn customers_whom_no_method_can_verify_are_counted_by_tenant() {
    let here = CommandLine::new();
    here.import_examples();
    let set = "settings set --tenant acme --sensitive-attachments exclude --level sensitive --primary sms_otp --secondary none";
    assert_eq!(here.run(set).code, 0);
    let found = check(&here, "verification").expect("it is looked at");
    assert_eq!(found["result"], "warn", "{found}");
    let detail = found["detail"].as_str().expect("a text");
    assert!(detail.starts_with("tenant acme: no method can verify 3 customers who would get a link"), "{found}");
}

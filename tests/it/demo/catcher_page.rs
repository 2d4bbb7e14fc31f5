//! The catcher's page shows every mail, and a hostile mail can do nothing but be shown.

use invoice_dispatcher::demo::catcher::Catcher;
use invoice_dispatcher::demo::catcher::parsed_email::ParsedEmail;
use reqwest::header::{CONTENT_DISPOSITION, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, HOST, IF_NONE_MATCH};
use reqwest::{Client, Response, StatusCode};

use crate::demo::catcher::{self, catcher};

const HOSTILE: &str = "From: \"<script>alert(1)</script>\" <a@x.example>\r\n\
    To: \"<img src=x onerror=alert(2)>\" <b@x.example>\r\n\
    Subject: =?utf-8?q?</title><script>alert(3)</script>=E2=80=AE?=\r\n\
    Message-ID: <\"><script>alert(4)</script>@x.example>\r\n\
    X-\"><script>alert(5)</script>: \"><script>alert(6)</script>\r\n\
    Content-Type: multipart/mixed; boundary=m\r\n\r\n\
    --m\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n\
    <script>alert(7)</script> https://x.example/\"onmouseover=alert(8) javascript:alert(9)\r\n\
    --m\r\nContent-Type: text/html; charset=utf-8\r\n\r\n<p id=\"mail\">Hi</p><script>alert(10)</script>\r\n\
    --m\r\nContent-Type: text/html; name=\"x\"\r\n\
    Content-Disposition: attachment; filename=\"../<script>a.html\\\"; filename=evil.exe; x=\\\"\"\r\n\r\n\
    <script>alert(11)</script>\r\n--m--\r\n";

async fn page_with(message: &str) -> (Catcher, tempfile::TempDir, Client) {
    // Another test of this process may have been first; either provider is the same.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let (catcher, folder) = catcher().await;
    if !message.is_empty() {
        let mut smtp = catcher::Client::greet(&catcher).await;
        smtp.until_data().await;
        smtp.send(message).await;
        assert_eq!(smtp.code(".").await, "250");
    }
    (catcher, folder, Client::builder().no_proxy().build().expect("a client"))
}

async fn get(client: &Client, catcher: &Catcher, path: &str) -> Response {
    client.get(format!("http://{}{path}", catcher.page_address())).send().await.expect("an answer")
}

async fn text(client: &Client, catcher: &Catcher, path: &str) -> String {
    let response = get(client, catcher, path).await;
    assert_eq!(response.status(), StatusCode::OK, "{path}");
    response.text().await.expect("a text")
}

fn header(response: &Response, name: impl reqwest::header::AsHeaderName) -> String {
    response.headers().get(name).map(|value| value.to_str().expect("ASCII").to_owned()).unwrap_or_default()
}

#[tokio::test]
async fn an_empty_mailbox_says_where_mail_would_come_in() {
    let (catcher, folder, client) = page_with("").await;
    let page = text(&client, &catcher, "/").await;
    assert!(page.contains("No email yet"));
    assert!(page.contains(&catcher.smtp_address().to_string()));
    assert!(page.contains(&folder.path().join("mail").display().to_string().replace('/', "&#x2f;")));
    assert_eq!(text(&client, &catcher, "/mails.json").await, "[]");
}

#[tokio::test]
async fn a_mail_of_people_without_names_is_shown() {
    let message = "From: a@x.example\r\nTo: b@x.example, Bob <c@x.example>\r\nCc: <d@x.example>\r\n\r\nHi\r\n";
    let (catcher, _folder, client) = page_with(message).await;
    let id = catcher.mailbox().mails()[0].id.clone();
    for path in ["/".to_owned(), format!("/mail/{id}")] {
        let page = text(&client, &catcher, &path).await;
        for shown in ["a@x.example", "b@x.example", "Bob", "d@x.example"] {
            assert!(page.contains(shown), "{path}: {shown}");
        }
    }
    // Neither does one without any header.
    let (catcher, _folder, client) = page_with("\r\nHi\r\n").await;
    assert!(text(&client, &catcher, "/").await.contains("(no sender)"));
}

#[tokio::test]
async fn a_mail_is_listed_and_shown_in_every_view() {
    let message = "From: Acme <a@x.example>\r\nTo: Bob <b@x.example>\r\nSubject: Invoice 7\r\nMessage-ID: <7@x.example>\r\n\
        Content-Type: multipart/mixed; boundary=m\r\n\r\n--m\r\nContent-Type: text/plain\r\n\r\nPlain https://x.example/a.\r\n\
        --m\r\nContent-Type: text/html\r\n\r\n<p>Rich</p>\r\n--m\r\nContent-Type: application/pdf\r\n\
        Content-Disposition: attachment; filename=\"R 7.pdf\"\r\nContent-Transfer-Encoding: base64\r\n\r\naGVsbG8=\r\n--m--\r\n";
    let (catcher, _folder, client) = page_with(message).await;
    let list = text(&client, &catcher, "/").await;
    for shown in ["Acme", "Bob", "Invoice 7", "R 7.pdf", "Documents attached", "09:30:00", "/mail/0001-7"] {
        assert!(list.contains(shown), "{shown}");
    }
    let html = text(&client, &catcher, "/mail/0001-7").await;
    assert!(html.contains(r#"<iframe sandbox="" src="/mail/0001-7/html""#));
    assert!(
        text(&client, &catcher, "/mail/0001-7?view=text").await.contains("https:&#x2f;&#x2f;x.example&#x2f;a</a>.")
    );
    assert!(text(&client, &catcher, "/mail/0001-7?view=headers").await.contains("Message-ID"));
    assert!(text(&client, &catcher, "/mail/0001-7?view=source").await.contains("aGVsbG8="));
    assert_eq!(text(&client, &catcher, "/mail/0001-7/source").await, message);
    assert_eq!(text(&client, &catcher, "/mail/0001-7/html").await.trim_end(), "<p>Rich</p>");
    assert_eq!(text(&client, &catcher, "/mail/0001-7/attachment/1").await, "hello");
    for missing in ["/mail/0002-8", "/mail/0001-7/attachment/2", "/mail/0001-7/attachment/0", "/mail/..%2f..%2fx", "/x"]
    {
        assert_eq!(get(&client, &catcher, missing).await.status(), StatusCode::NOT_FOUND, "{missing}");
    }
    let json: serde_json::Value = get(&client, &catcher, "/mails.json").await.json().await.expect("JSON");
    assert_eq!(json[0]["attachments"][0]["size"], 5);
    assert_eq!(json[0]["envelope"]["recipients"][0], "b@x.example");
}

#[tokio::test]
async fn nothing_of_a_hostile_mail_becomes_markup_of_the_page() {
    let (catcher, _folder, client) = page_with(HOSTILE).await;
    let id = catcher.mailbox().mails()[0].id.clone();
    let views = ["html", "text", "headers", "source"].map(|view| format!("/mail/{id}?view={view}"));
    for path in views.iter().map(String::as_str).chain(["/"]) {
        let response = get(&client, &catcher, path).await;
        let policy = header(&response, CONTENT_SECURITY_POLICY);
        assert!(policy.starts_with("default-src 'none'") && !policy.contains("unsafe"), "{path}: {policy}");
        let page = response.text().await.expect("a text");
        // One script of our own, and not one more.
        assert_eq!(page.matches("<script").count(), 1, "{path}");
        assert!(!page.contains("<img") && !page.contains("\"onmouseover"), "{path}");
        assert!(!page.contains("href=\"javascript:") && !page.contains('\u{202e}'), "{path}");
        assert!(page.contains("&lt;script&gt;alert"), "{path} shows the text");
    }
}

#[tokio::test]
async fn the_html_of_a_mail_is_locked_up_also_outside_its_frame() {
    let (catcher, _folder, client) = page_with(HOSTILE).await;
    let id = catcher.mailbox().mails()[0].id.clone();
    for path in [format!("/mail/{id}/html"), format!("/mail/{id}/source"), format!("/mail/{id}/attachment/1")] {
        let response = get(&client, &catcher, &path).await;
        let policy = header(&response, CONTENT_SECURITY_POLICY);
        assert!(policy.starts_with("sandbox; default-src 'none';"), "{path}: {policy}");
        assert!(!policy.contains("script"), "{path}: {policy}");
        assert_eq!(header(&response, "x-content-type-options"), "nosniff", "{path}");
    }
}

#[tokio::test]
async fn a_file_is_only_ever_downloaded_under_a_tame_name_and_type() {
    let (catcher, _folder, client) = page_with(HOSTILE).await;
    let id = catcher.mailbox().mails()[0].id.clone();
    let response = get(&client, &catcher, &format!("/mail/{id}/attachment/1")).await;
    assert_eq!(header(&response, CONTENT_TYPE), "application/octet-stream");
    let disposition = header(&response, CONTENT_DISPOSITION);
    assert!(disposition.starts_with("attachment; filename=\""), "{disposition}");
    assert_eq!((disposition.matches('"').count(), disposition.matches(';').count()), (2, 2), "{disposition}");
    assert!(!disposition.contains('/') && !disposition.contains("exe;"), "{disposition}");
    let response = get(&client, &catcher, &format!("/mail/{id}/source?download=yes")).await;
    assert!(header(&response, CONTENT_DISPOSITION).starts_with("attachment;"));
}

#[tokio::test]
async fn only_names_of_this_machine_are_answered() {
    let (catcher, _folder, client) = page_with(HOSTILE).await;
    let port = catcher.page_address().port();
    for (host, status) in [
        (format!("127.0.0.1:{port}"), StatusCode::OK),
        (format!("localhost:{port}"), StatusCode::OK),
        (format!("[::1]:{port}"), StatusCode::OK),
        (format!("rebound.example:{port}"), StatusCode::MISDIRECTED_REQUEST),
        ("127.0.0.1.evil.example".to_owned(), StatusCode::MISDIRECTED_REQUEST),
    ] {
        let url = format!("http://{}/mails.json", catcher.page_address());
        let response = client.get(url).header(HOST, &host).send().await.expect("an answer");
        assert_eq!(response.status(), status, "{host}");
        assert_eq!(response.text().await.expect("a text").contains("x.example"), status == StatusCode::OK);
    }
}

#[tokio::test]
async fn an_unchanged_list_is_not_sent_again() {
    let (catcher, _folder, client) = page_with(HOSTILE).await;
    let tag = header(&get(&client, &catcher, "/mails.json").await, ETAG);
    let url = format!("http://{}/mails.json", catcher.page_address());
    let again = || client.get(&url).header(IF_NONE_MATCH, &tag).send();
    assert_eq!(again().await.expect("an answer").status(), StatusCode::NOT_MODIFIED);
    let mut smtp = catcher::Client::greet(&catcher).await;
    smtp.until_data().await;
    assert_eq!(smtp.code("Subject: Two\r\n\r\n.").await, "250");
    assert_eq!(again().await.expect("an answer").status(), StatusCode::OK);
}

#[test]
fn what_the_dispatcher_composes_is_distinguished() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/snapshots");
    let mut seen = 0;
    for entry in std::fs::read_dir(folder).expect("the snapshots") {
        let path = entry.expect("an entry").path();
        let name = path.file_name().and_then(|name| name.to_str()).expect("a name").to_owned();
        let letter = ParsedEmail::read(&std::fs::read(&path).expect("read"));
        let attached = name.ends_with(".attach.eml");
        let linked = [".open.eml", ".verified.eml", ".every_page.eml"].iter().any(|end| name.ends_with(end));
        if !attached && !linked && !name.ends_with(".closed.eml") {
            continue;
        }
        assert_eq!((!letter.files.is_empty(), letter.portal_link().is_some()), (attached, linked), "{name}");
        assert!(letter.text.is_some() && letter.html.is_some() && !letter.to.is_empty(), "{name}");
        seen += 1;
    }
    assert!(seen >= 60, "{seen}");
}

#[tokio::test]
async fn text_messages_are_taken_and_shown_and_can_do_nothing_else() {
    let (catcher, _folder, client) = page_with("").await;
    assert!(text(&client, &catcher, "/texts").await.contains("No text message yet"));
    let post = async |body: serde_json::Value| {
        let sent = client.post(catcher.text_messages_url()).json(&body).send().await.expect("an answer");
        sent.status()
    };
    let hostile = "<script>alert(1)</script>\u{202e}\n@127.0.0.1 #012345";
    for (from, body) in [("Acme", "First\n@127.0.0.1 #654321"), ("<img src=x>", hostile)] {
        let message = serde_json::json!({"to": "+4915112345678", "from": from, "text": body});
        assert_eq!(post(message).await, StatusCode::ACCEPTED);
    }
    let page = text(&client, &catcher, "/texts").await;
    assert!(page.contains("2 text messages") && page.contains("+4915112345678") && page.contains("#012345"));
    let newest = page.find("#012345").expect("it is shown");
    assert!(newest < page.find("#654321").expect("it is shown"), "newest first");
    assert_eq!(page.matches("<script").count(), 1, "one script of our own, and not one more");
    assert!(!page.contains("<img") && !page.contains('\u{202e}'));

    let json = get(&client, &catcher, "/texts.json").await;
    let tag = header(&json, ETAG);
    let json: serde_json::Value = json.json().await.expect("JSON");
    assert_eq!((&json[0]["text"], &json[1]["from"]), (&hostile.into(), &"Acme".into()));
    let again = client.get(format!("http://{}/texts.json", catcher.page_address())).header(IF_NONE_MATCH, tag);
    assert_eq!(again.send().await.expect("an answer").status(), StatusCode::NOT_MODIFIED);

    // A page of another site may post a form, and no JSON.
    let form =
        client.post(catcher.text_messages_url()).header(CONTENT_TYPE, "text/plain").body(r#"{"to":"1","text":"x"}"#);
    assert_eq!(form.send().await.expect("an answer").status(), StatusCode::UNSUPPORTED_MEDIA_TYPE);
    let long = serde_json::json!({"to": "+4915112345678", "text": "x".repeat(1_001)});
    assert_eq!(post(long).await, StatusCode::BAD_REQUEST);
    assert_eq!(catcher.texts().newest_first().len(), 2);
}

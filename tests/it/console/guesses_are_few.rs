//! Guesses at passwords: few are compared, and none tells who has an account.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use invoice_dispatcher::model::access::Role;
use reqwest::{Method, StatusCode};

use super::support::{PASSWORD, TestConsole, form_of};
use crate::harness::database::{TestDatabase, on_both_databases};

on_both_databases!(of_two_hundred_guesses_at_once_five_are_compared);

const ADDRESS: &str = "ops@acme.example";

async fn of_two_hundred_guesses_at_once_five_are_compared(database: TestDatabase) {
    let console = TestConsole::start(database).await;
    console.person(ADDRESS, Role::Admin).await;
    for address in [ADDRESS, "nobody@acme.example"] {
        let guesses = join_all((0..200).map(|n| {
            let browser = console.browser();
            async move {
                let guess = format!("a guess of a password {n}");
                let form = [("email", address), ("password", guess.as_str())];
                // A listener that is full may close a connection: that guess is not compared either.
                let answer = form_of(browser.request(Method::POST, "/sign-in"), &form).send().await;
                answer.ok().map(|answer| answer.status())
            }
        }))
        .await;
        let count = |status| guesses.iter().filter(|guess| **guess == Some(status)).count();
        assert!((1..=5).contains(&count(StatusCode::UNPROCESSABLE_ENTITY)), "{guesses:?}");
        assert!(count(StatusCode::TOO_MANY_REQUESTS) >= 50, "{guesses:?}");
        assert_eq!(count(StatusCode::SEE_OTHER) + count(StatusCode::INTERNAL_SERVER_ERROR), 0, "{guesses:?}");
    }
    // Nothing is compared before it is written down.
    assert!(console.database.number("SELECT COUNT(*) FROM sign_in_failure").await <= 10);
    let compared = "SELECT COUNT(*) FROM sign_in_failure GROUP BY account_hmac ORDER BY 1 DESC LIMIT 1";
    let compared = console.database.number(compared).await;
    assert!((1..=5).contains(&compared), "{compared}");

    let mut owner = console.browser();
    while console.database.number("SELECT COUNT(*) FROM sign_in_failure").await < 10 {
        for address in [ADDRESS, "nobody@acme.example"] {
            assert_ne!(owner.sign_in(address, "another guess at it").await.status, StatusCode::SEE_OTHER);
        }
    }
    let late = owner.sign_in(ADDRESS, PASSWORD).await;
    assert_eq!(late.status, StatusCode::TOO_MANY_REQUESTS, "{late:?}");
    assert!(late.header("retry-after").parse::<u64>().is_ok_and(|seconds| seconds <= 900), "{late:?}");
    console.database.clock.advance(Duration::from_mins(15));
    assert_eq!(owner.sign_in(ADDRESS, PASSWORD).await.location(), "/");
}

/// Whatever is wrong: the address, the password, an invitation that was never accepted, an account that is disabled.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_address_that_nobody_has_gets_the_same_answer_after_the_same_time() {
    let console = TestConsole::start(TestDatabase::sqlite().await).await;
    console.person(ADDRESS, Role::Admin).await;
    let (left, _) = console.person("left@acme.example", Role::Support).await;
    console.database.store.disable_operator(left, &crate::harness::actor("test")).await.expect("answered");
    let all = invoice_dispatcher::model::access::TenantScope::All;
    console.invite("invited@acme.example", Role::Support, &all).await;

    let tried = [
        (ADDRESS, "a wrong password"),
        ("nobody@acme.example", "a wrong password"),
        ("left@acme.example", PASSWORD),
        ("invited@acme.example", PASSWORD),
        ("no address", "a wrong password"),
    ];
    let mut seen = tried.map(|(address, _)| (address, Duration::MAX, String::new()));
    // argon2 takes nearly all of it: without it, an answer comes ten times as fast.
    let alike = |fastest: Duration, known: Duration| fastest * 3 > known && fastest < known * 3;
    // In turns: a busy moment meets all of them; a busy machine gets more turns.
    for turn in 0..8 {
        if turn == 4 {
            if seen.iter().all(|(_, fastest, _)| alike(*fastest, seen[0].1)) {
                break;
            }
            // With one more failure an address would be turned away.
            console.database.clock.advance(Duration::from_mins(15));
        }
        for ((address, password), (_, fastest, shown)) in tried.iter().zip(&mut seen) {
            let began = Instant::now();
            let answer = console.browser().sign_in(address, password).await;
            *fastest = began.elapsed().min(*fastest);
            let headers: Vec<String> =
                answer.headers.keys().map(ToString::to_string).filter(|name| name != "date").collect();
            *shown = format!("{} {headers:?} {}", answer.status, answer.text.replace(address, "ADDRESS"));
        }
    }
    let (_, known, expected) = &seen[0];
    for (address, fastest, shown) in &seen {
        assert_eq!(shown, expected, "{address}");
        assert!(alike(*fastest, *known), "{address}: {fastest:?}, and {known:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn codes_are_guessed_as_rarely_as_passwords() {
    let console = TestConsole::configured(TestDatabase::sqlite().await, |_| {}).await;
    let (id, mut browser) = {
        let (id, path) =
            console.invite(ADDRESS, Role::Admin, &invoice_dispatcher::model::access::TenantScope::All).await;
        let mut browser = console.browser();
        browser.accept(&path, PASSWORD).await;
        let token = browser.get("/account/totp").await.between("name=\"csrf\" value=\"").to_owned();
        let code = console.code(id).await;
        browser.post("/account/totp", &[("csrf", &token), ("code", &code)]).await;
        (id, browser)
    };
    console.database.clock.advance(Duration::from_mins(1));
    assert_eq!(browser.sign_in(ADDRESS, PASSWORD).await.location(), "/sign-in/code");
    let code = console.code(id).await;
    let wrong = if code == "000000" { "000001" } else { "000000" };
    for _ in 0..5 {
        assert_ne!(browser.post("/sign-in/code", &[("code", wrong)]).await.status, StatusCode::TOO_MANY_REQUESTS);
    }
    assert_eq!(browser.post("/sign-in/code", &[("code", &code)]).await.status, StatusCode::TOO_MANY_REQUESTS);
    // A right password takes none of these back.
    let mut again = console.browser();
    assert_eq!(again.sign_in(ADDRESS, PASSWORD).await.status, StatusCode::TOO_MANY_REQUESTS);
}

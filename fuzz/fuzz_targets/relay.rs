#![no_main]
#[path = "../entries/mod.rs"]
#[allow(dead_code)]
mod entries;

libfuzzer_sys::fuzz_target!(init: outlive_broken_pipes(), |bytes: &[u8]| entries::relay::run(bytes));

/// A program without Rust's own `main` dies of the signal when it writes to a relay that hung up.
fn outlive_broken_pipes() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime can be made");
    let handler = async { tokio::signal::unix::signal(tokio::signal::unix::SignalKind::pipe()) };
    let _signals = runtime.block_on(handler).expect("the signal can be handled");
}

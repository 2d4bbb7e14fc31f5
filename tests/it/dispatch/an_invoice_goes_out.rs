//! The whole way: an event in, a mail out, recorded.

use crate::harness::database::{TestDatabase, on_both_databases};
use crate::harness::dispatcher::Dispatcher;
use crate::harness::sink::Sink;

on_both_databases!(each_customer_gets_what_the_policy_says);

async fn each_customer_gets_what_the_policy_says(database: TestDatabase) {
    let sink = Sink::start().await;
    let mut dispatcher = Dispatcher::new(database, &sink).await;
    dispatcher.start();
    dispatcher.take(&[dispatcher.event("business", "C-1"), dispatcher.event("private", "C-2")]).await;
    sink.wait_for("two mails", |state| state.mails.len() == 2).await;
    dispatcher.wait_until_concluded().await;

    assert_eq!(dispatcher.states().await, ["R-business sent accepted attach 1", "R-private sent accepted link 1"]);
    for mail in sink.mails() {
        let parsed = mailparse::parse_mail(&mail.bytes).expect("the mail is one");
        let attachments = parsed.parts().filter(|part| part.ctype.mimetype == "application/pdf").count();
        let private = mail.recipients == ["C-2@customer.example"];
        assert_eq!(attachments, usize::from(!private), "{:?}", mail.recipients);
    }
    dispatcher.finish().await;
}

//! Codes by SMS in the database: what a code is good for, how often it is tried, and how many messages may go out.

use std::time::Duration;

use futures_util::future::join_all;
use invoice_dispatcher::clock::Clock;
use invoice_dispatcher::model::ids::{CustomerId, TenantId};
use invoice_dispatcher::model::settings::VerificationMethod::{self, PostcodeHouseNumber, SmsOtp};
use invoice_dispatcher::policy::sms_limits::{SmsLimit, SmsUse};
use invoice_dispatcher::secrets::{HmacKeys, OneTimeCode, SecretKeys};
use invoice_dispatcher::store::{
    BegunVerification, MethodChoice, NewSms, SentCode, SmsReservation, SmsResult, Store, VerificationOf,
};
use uuid::Uuid;

use crate::harness::database::{TestDatabase, new_id, on_both_databases};

on_both_databases!(
    a_code_is_good_once_and_for_its_session,
    an_earlier_code_stays_good_until_its_own_end,
    five_tries_are_for_all_codes_of_a_challenge,
    one_code_entered_many_times_at_once_is_right_once,
    a_method_is_chosen_once,
    twenty_links_of_one_number_share_its_limits,
    a_network_and_a_tenant_have_limits,
    few_entered_codes_are_noticed,
    a_process_with_another_clock_gives_no_code_more_time,
    what_has_ended_is_deleted,
);

const MINUTE: Duration = Duration::from_mins(1);
const HOUR: Duration = Duration::from_hours(1);

fn keys(label: &str) -> HmacKeys {
    SecretKeys::parse(&"0b".repeat(32)).expect("a key").hmac_keys(label)
}

fn code(digits: &str) -> OneTimeCode {
    OneTimeCode::parse(digits).expect("six digits")
}

/// A session's verification as the customer `C-1` of `acme`.
struct Phone {
    session: Uuid,
    tenant: TenantId,
    customer: CustomerId,
    mobile: String,
    codes: HmacKeys,
}

impl Phone {
    fn new() -> Self {
        Self {
            session: new_id(),
            tenant: "acme".into(),
            customer: "C-1".into(),
            mobile: "+4915112345678".into(),
            codes: keys("codes"),
        }
    }

    fn of(&self) -> VerificationOf<'_> {
        VerificationOf { session: self.session, tenant: &self.tenant, customer: &self.customer }
    }

    fn sent<'a>(&'a self, code: &'a OneTimeCode) -> SentCode<'a> {
        SentCode { code, mobile: &self.mobile }
    }

    async fn begin(&self, store: &Store, usable: &[VerificationMethod], sms_is_down: bool) -> BegunVerification {
        let begun = store.begin_portal_verification(self.of(), MethodChoice { usable, sms_is_down }).await;
        begun.expect("answered").expect("a method is usable")
    }

    /// Begins a verification by SMS, and has this code sent.
    async fn get(&self, store: &Store, digits: &str) -> Uuid {
        self.begin(store, &[SmsOtp], false).await;
        let sms = new_id();
        assert!(store.add_portal_code(self.of(), sms, self.sent(&code(digits)), &self.codes).await.expect("answered"));
        sms
    }

    async fn enter(&self, store: &Store, digits: &str) -> bool {
        store.enter_portal_code(self.of(), self.sent(&code(digits)), &self.codes).await.expect("answered")
    }
}

async fn a_code_is_good_once_and_for_its_session(database: TestDatabase) {
    let store = &database.store;
    let (phone, other) = (Phone::new(), Phone::new());
    phone.get(store, "012345").await;
    other.get(store, "999999").await;
    assert!(!other.enter(store, "012345").await, "another session's");
    let phone = Phone { customer: "C-2".into(), ..phone };
    assert!(!phone.enter(store, "012345").await, "another customer's");
    let phone = Phone { customer: "C-1".into(), mobile: "+4915187654321".into(), ..phone };
    assert!(!phone.enter(store, "012345").await, "the customer has another number by now");
    let phone = Phone { mobile: "+4915112345678".into(), ..phone };
    assert!(!phone.enter(store, "112345").await);
    assert!(phone.enter(store, "012345").await, "with its zero");
    assert!(!phone.enter(store, "012345").await, "it was entered before");
    phone.begin(store, &[SmsOtp], false).await;
    assert!(!phone.enter(store, "012345").await, "nor is it good for a new verification");
    let stored = database.number("SELECT COUNT(*) FROM portal_code WHERE length(code_hmac) <> 32").await;
    assert_eq!(stored, 0);
}

async fn an_earlier_code_stays_good_until_its_own_end(database: TestDatabase) {
    let store = &database.store;
    for (minutes_later, first_is_good) in [(3, true), (4, false)] {
        let phone = Phone::new();
        phone.get(store, "111111").await;
        database.clock.advance(MINUTE);
        phone.get(store, "222222").await;
        database.clock.advance(MINUTE * minutes_later);
        assert_eq!(phone.enter(store, "111111").await, first_is_good, "{minutes_later}");
        assert_eq!(phone.enter(store, "222222").await, !first_is_good, "the right one ended them all");
    }
}

async fn five_tries_are_for_all_codes_of_a_challenge(database: TestDatabase) {
    let store = &database.store;
    let phone = Phone::new();
    phone.get(store, "111111").await;
    for _ in 0..3 {
        assert!(!phone.enter(store, "000000").await);
    }
    database.clock.advance(MINUTE);
    phone.get(store, "222222").await;
    for _ in 0..2 {
        assert!(!phone.enter(store, "000000").await);
    }
    assert!(!phone.enter(store, "222222").await, "its tries are used up");
    assert_eq!(phone.begin(store, &[SmsOtp, PostcodeHouseNumber], false).await.method, SmsOtp, "no other method");
    database.clock.advance(MINUTE);
    phone.get(store, "333333").await;
    assert!(!phone.enter(store, "222222").await, "of a challenge that is over");
    assert!(phone.enter(store, "333333").await);
}

async fn one_code_entered_many_times_at_once_is_right_once(database: TestDatabase) {
    let other = Store::open_beside(&database.url, database.clock.clone()).await.expect("the database opens");
    let phone = Phone::new();
    phone.get(&database.store, "012345").await;
    let stores = [&database.store, &other];
    let entered = join_all((0..20).map(|number| phone.enter(stores[number % 2], "012345"))).await;
    assert_eq!(entered.iter().filter(|right| **right).count(), 1, "{entered:?}");
    other.close().await;
}

async fn a_method_is_chosen_once(database: TestDatabase) {
    let store = &database.store;
    let both = [SmsOtp, PostcodeHouseNumber];
    let phone = Phone::new();
    let begun = phone.begin(store, &both, false).await;
    assert_eq!(begun, BegunVerification { method: SmsOtp, is_new: true, has_live_code: false });
    phone.get(store, "111111").await;
    let begun = phone.begin(store, &both, true).await;
    let kept = BegunVerification { method: SmsOtp, is_new: false, has_live_code: true };
    assert_eq!(begun, kept, "a message that does not arrive changes nothing");
    database.clock.advance(MINUTE * 6);
    assert_eq!(phone.begin(store, &both, true).await, BegunVerification { has_live_code: false, ..kept });
    let begun = phone.begin(store, &[PostcodeHouseNumber], true).await;
    assert_eq!((begun.method, begun.is_new), (PostcodeHouseNumber, true), "the number was refused for good");

    let unlucky = Phone::new();
    assert_eq!(unlucky.begin(store, &both, true).await.method, PostcodeHouseNumber, "the provider does not work");
    assert_eq!(unlucky.begin(store, &both, false).await.method, PostcodeHouseNumber, "chosen once");
    database.clock.advance(MINUTE * 30);
    assert_eq!(unlucky.begin(store, &both, false).await.method, SmsOtp, "the next one chooses anew");

    let waiting = Phone::new();
    waiting.begin(store, &both, false).await;
    assert_eq!(waiting.begin(store, &both, true).await.method, PostcodeHouseNumber, "no code has gone out yet");
    let alone = Phone::new();
    assert_eq!(alone.begin(store, &[SmsOtp], true).await.method, SmsOtp, "there is no other");
    let nothing = MethodChoice { usable: &[], sms_is_down: false };
    assert_eq!(store.begin_portal_verification(phone.of(), nothing).await.expect("answered"), None);
}

/// Asks for a message to a number.
async fn ask(store: &Store, number: &str, customer: &str, network: &str, budget: u32) -> SmsReservation {
    let numbers = keys("numbers").all(&[number.as_bytes()]);
    let (tenant, customer) = (TenantId::from("acme"), CustomerId::from(customer));
    let network = Some(network);
    let sms = NewSms { tenant: &tenant, customer: &customer, number_hmacs: &numbers, network, budget };
    store.reserve_sms(&sms).await.expect("answered")
}

fn waits_for(reservation: SmsReservation) -> Option<SmsLimit> {
    match reservation {
        SmsReservation::Wait { limit, .. } => Some(limit),
        SmsReservation::Reserved { .. } => None,
    }
}

async fn twenty_links_of_one_number_share_its_limits(database: TestDatabase) {
    const NUMBER: &str = "+4915112345678";
    let other = Store::open_beside(&database.url, database.clock.clone()).await.expect("the database opens");
    let stores = [&database.store, &other];
    let round = async || {
        let customers: Vec<String> = (0..20).map(|number| format!("C-{number}")).collect();
        let networks: Vec<String> = (0..20).map(|number| format!("198.51.{number}.0/24")).collect();
        let asking = (0..20).map(|n| ask(stores[n % 2], NUMBER, &customers[n], &networks[n], 500));
        let limits: Vec<_> = join_all(asking).await.into_iter().map(waits_for).collect();
        (limits.iter().filter(|limit| limit.is_none()).count(), limits)
    };
    let mut sent = 0;
    for minute in 0..120 {
        let (now, limits) = round().await;
        assert!(now <= 1, "minute {minute}: {limits:?}");
        sent += now;
        if minute == 9 {
            assert_eq!(sent, 3, "in ten minutes");
        }
        database.clock.advance(MINUTE);
    }
    assert_eq!(sent, 10, "in a day");
    assert_eq!(waits_for(ask(stores[0], "+4915100000000", "C-1", "203.0.113.0/24", 500).await), None, "another number");
    database.clock.advance(HOUR * 23);
    assert_eq!(round().await.0, 1);
    let stored = database.number("SELECT COUNT(*) FROM sms_log WHERE length(number_hmac) = 32").await;
    assert_eq!(stored, 12, "and no number in the clear");
    other.close().await;
}

async fn a_network_and_a_tenant_have_limits(database: TestDatabase) {
    let store = &database.store;
    for number in 0..30 {
        let reserved = ask(store, &format!("+49151{number:08}"), "C-1", "198.51.100.0/24", 500).await;
        assert_eq!(waits_for(reserved), None, "{number}");
    }
    let limited = ask(store, "+4916000000000", "C-1", "198.51.100.0/24", 500).await;
    assert_eq!(waits_for(limited), Some(SmsLimit::Network));
    let SmsReservation::Reserved { sms, .. } = ask(store, "+4916000000000", "C-1", "203.0.113.0/24", 31).await else {
        panic!("the budget is not spent");
    };
    assert_eq!(waits_for(ask(store, "+4916000000001", "C-1", "203.0.113.0/24", 31).await), Some(SmsLimit::Budget));
    store.conclude_sms(sms, &SmsResult::Failed).await.expect("answered");
    assert_eq!(waits_for(ask(store, "+4916000000001", "C-1", "203.0.113.0/24", 31).await), None, "it was never sent");
    database.clock.advance(HOUR * 24);
    assert_eq!(waits_for(ask(store, "+4916000000002", "C-1", "198.51.100.0/24", 31).await), None);
}

async fn few_entered_codes_are_noticed(database: TestDatabase) {
    let store = &database.store;
    for number in 0..20 {
        let reserved = ask(store, &format!("+49151{number:08}"), "C-1", &format!("198.51.{number}.0/24"), 500).await;
        let SmsReservation::Reserved { sms, .. } = reserved else { panic!("it may go out") };
        store.conclude_sms(sms, &SmsResult::Sent).await.expect("answered");
    }
    database.clock.advance(MINUTE * 6);
    let SmsReservation::Reserved { earlier, .. } = ask(store, "+4916000000000", "C-1", "203.0.113.0/24", 500).await
    else {
        panic!("it may go out")
    };
    assert_eq!(earlier, SmsUse { sent: 20, entered: 0 });
    assert!(earlier.is_suspicious());
}

async fn a_process_with_another_clock_gives_no_code_more_time(database: TestDatabase) {
    let slow = Clock::manual(database.clock.now().minus(MINUTE));
    let other = Store::open_beside(&database.url, slow.clone()).await.expect("the database opens");
    let phone = Phone::new();
    phone.get(&database.store, "111111").await;
    assert!(phone.enter(&other, "111111").await, "a code from the future is good");
    phone.get(&database.store, "222222").await;
    for clock in [&database.clock, &slow] {
        clock.advance(MINUTE * 7);
    }
    assert!(!phone.enter(&other, "222222").await);
    other.close().await;
}

async fn what_has_ended_is_deleted(database: TestDatabase) {
    let store = &database.store;
    let phone = Phone::new();
    phone.get(store, "111111").await;
    ask(store, "+4915112345678", "C-1", "198.51.100.0/24", 500).await;
    database.clock.advance(HOUR * 24);
    let now = database.clock.now();
    assert_eq!(store.purge_portal_verifications(now.minus(HOUR * 24), 1000).await.expect("answered"), 0);
    assert_eq!(store.purge_portal_verifications(now.minus(HOUR * 23), 1000).await.expect("answered"), 2);
    assert_eq!(store.purge_sms_networks(now.minus(HOUR), 1000).await.expect("answered"), 1);
    assert_eq!(database.number("SELECT COUNT(*) FROM sms_log WHERE network IS NULL").await, 1);
    assert_eq!(store.purge_sms_log(now.minus(HOUR), 1000).await.expect("answered"), 1);
}

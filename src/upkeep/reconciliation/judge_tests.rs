use uuid::Uuid;

use super::*;
use crate::model::ids::{DeadLetterId, EventKey};
use crate::model::state::DeliveryState;
use crate::upkeep::reconciliation::evidence::TakenMails;

const ID: DeliveryId = DeliveryId(Uuid::from_u128(1));

/// A delivery that is sent, as it should be.
fn sent() -> BookedDelivery {
    BookedDelivery {
        id: ID,
        root: ID,
        role: DeliveryRole::Main,
        tenant: "acme".into(),
        invoice_number: "R-1".to_owned(),
        concluded: Some(Concluded::Sent),
        in_lane: None,
        may_be_out: false,
        class: Some(ReasonCode::Accepted),
        decision: Some(Decision::Attach),
        has_message: true,
        attachments: Some(1),
        recipients: vec!["ap@customer.example".to_owned()],
        accepted: 1,
        uncertain: 0,
        otherwise: 0,
        resend: false,
        accepted_before: None,
        accepted_late: 0,
        event: Some((EventState::Accepted, Some(ID))),
        open_letters: 0,
    }
}

fn due() -> BookedDelivery {
    let in_lane = Some(DeliveryState::Due);
    let nothing = BookedDelivery { concluded: None, in_lane, class: None, decision: None, attachments: None, ..sent() };
    BookedDelivery { has_message: false, accepted: 0, ..nothing }
}

fn ended(concluded: Concluded, class: ReasonCode) -> BookedDelivery {
    BookedDelivery { concluded: Some(concluded), class: Some(class), accepted: 0, ..sent() }
}

fn mail() -> TakenMail {
    let recipients = vec!["ap@customer.example".to_owned()];
    TakenMail { message_id: "1@acme.example".to_owned(), delivery: ID, recipients, attachments: 1 }
}

fn faults(findings: &[Finding]) -> Vec<ReconciliationFault> {
    findings.iter().map(|finding| finding.fault).collect()
}

#[test]
fn a_delivery_is_held_against_what_stands_beside_it() {
    let dead = || BookedDelivery { open_letters: 1, ..ended(Concluded::Dead, ReasonCode::Internal) };
    let table: [(BookedDelivery, &[ReconciliationFault]); 16] = [
        (sent(), &[]),
        (BookedDelivery { accepted: 1, ..ended(Concluded::Cancelled, ReasonCode::Superseded) }, &[]),
        (
            BookedDelivery { accepted: 1, ..ended(Concluded::Cancelled, ReasonCode::ByHand) },
            &[ReconciliationFault::AcceptedNotSent],
        ),
        (due(), &[]),
        (dead(), &[]),
        (ended(Concluded::Uncertain, ReasonCode::Uncertain), &[]),
        (BookedDelivery { in_lane: None, ..due() }, &[ReconciliationFault::InNoState]),
        (BookedDelivery { in_lane: Some(DeliveryState::Sending), ..sent() }, &[ReconciliationFault::InTwoStates]),
        (BookedDelivery { event: Some((EventState::Waiting, None)), ..due() }, &[ReconciliationFault::InTwoStates]),
        (BookedDelivery { open_letters: 2, ..dead() }, &[ReconciliationFault::InTwoStates]),
        (
            BookedDelivery { event: Some((EventState::Accepted, Some(DeliveryId(Uuid::from_u128(2))))), ..due() },
            &[ReconciliationFault::SecondDelivery],
        ),
        (BookedDelivery { open_letters: 0, ..dead() }, &[ReconciliationFault::DeadUnseen]),
        (BookedDelivery { accepted: 2, ..sent() }, &[ReconciliationFault::SentTwice]),
        (BookedDelivery { accepted: 1, ..due() }, &[ReconciliationFault::AcceptedNotSent]),
        (BookedDelivery { otherwise: 1, ..sent() }, &[ReconciliationFault::OtherDecision]),
        (
            BookedDelivery { has_message: false, ..ended(Concluded::Uncertain, ReasonCode::Uncertain) },
            &[ReconciliationFault::UncertainBeforeData],
        ),
    ];
    for (booked, expected) in table {
        assert_eq!(faults(&delivery(&booked)), expected, "{booked:?}");
    }
}

#[test]
fn what_a_person_wanted_a_second_time_is_no_fault() {
    let other = Some((EventState::Accepted, Some(DeliveryId(Uuid::from_u128(2)))));
    assert_eq!(delivery(&BookedDelivery { resend: true, event: other, ..due() }), []);
    assert_eq!(delivery(&BookedDelivery { role: DeliveryRole::Bcc, event: other, ..due() }), []);
}

#[test]
fn a_delivery_is_held_against_what_the_relay_took() {
    let link = || BookedDelivery { decision: Some(Decision::Link), attachments: Some(0), ..sent() };
    let sending = || BookedDelivery { in_lane: Some(DeliveryState::Sending), has_message: true, accepted: 0, ..due() };
    let table: [(BookedDelivery, usize, &[ReconciliationFault]); 13] = [
        (sent(), 1, &[]),
        (due(), 0, &[]),
        (sending(), 1, &[]),
        (ended(Concluded::Uncertain, ReasonCode::Uncertain), 1, &[]),
        (ended(Concluded::Uncertain, ReasonCode::Uncertain), 0, &[]),
        (ended(Concluded::Cancelled, ReasonCode::Superseded), 1, &[]),
        (BookedDelivery { class: Some(ReasonCode::ByHand), ..sent() }, 0, &[]),
        (BookedDelivery { uncertain: 1, ..sent() }, 2, &[]),
        (sent(), 2, &[ReconciliationFault::SentTwice]),
        (sent(), 0, &[ReconciliationFault::NotTaken]),
        (due(), 1, &[ReconciliationFault::NotRecorded]),
        (ended(Concluded::Rejected, ReasonCode::Rejected), 1, &[ReconciliationFault::NotRecorded]),
        (link(), 1, &[ReconciliationFault::OtherDecision]),
    ];
    for (booked, times, expected) in table {
        let mail = mail();
        assert_eq!(faults(&taken(&booked, &vec![&mail; times])), expected, "{booked:?}, taken {times} times");
    }
}

#[test]
fn a_rest_is_another_mail_than_its_root() {
    let (rest_id, other) = (DeliveryId(Uuid::from_u128(2)), "bc@customer.example".to_owned());
    let root = BookedDelivery { recipients: vec![sent().recipients[0].clone(), other.clone()], ..sent() };
    let rest = BookedDelivery { id: rest_id, role: DeliveryRole::Rest, recipients: vec![other.clone()], ..sent() };
    let mails = [mail(), TakenMail { recipients: vec![other], ..mail() }];
    let mut index = TakenMails::of(&mails);
    assert_eq!(taken(&root, &index.of_delivery(&root)), []);
    assert_eq!(index.of_delivery(&rest), [&mails[1]]);
    assert_eq!(index.unserved().count(), 0);
}

#[test]
fn a_mail_of_no_delivery_is_a_stranger() {
    let mails = [TakenMail { delivery: DeliveryId(Uuid::from_u128(7)), ..mail() }];
    let mut index = TakenMails::of(&mails);
    assert_eq!(index.of_delivery(&sent()).len(), 0);
    assert_eq!(
        index.unserved().map(stranger).map(|finding| finding.fault).collect::<Vec<_>>(),
        [ReconciliationFault::NotRecorded]
    );
}

#[test]
fn an_event_has_a_delivery_or_a_letter_or_waits() {
    let booked = |state, has_delivery, letters| BookedEvent {
        key: EventKey::new("s", "1"),
        source: "s".to_owned(),
        event_id: "1".to_owned(),
        tenant: "acme".into(),
        invoice_number: "R-1".to_owned(),
        state,
        forgotten: false,
        has_delivery,
        letters,
    };
    let fault = |booked| event(&booked).map(|finding| finding.fault);
    assert_eq!(fault(booked(EventState::Accepted, true, 0)), None);
    assert_eq!(fault(booked(EventState::Waiting, false, 0)), None);
    assert_eq!(fault(booked(EventState::Dead, false, 1)), None);
    assert_eq!(fault(booked(EventState::Accepted, false, 0)), Some(ReconciliationFault::InNoState));
    assert_eq!(fault(booked(EventState::Dead, false, 0)), Some(ReconciliationFault::InNoState));
    assert_eq!(fault(booked(EventState::Dead, false, 2)), Some(ReconciliationFault::InTwoStates));
    assert_eq!(fault(BookedEvent { forgotten: true, ..booked(EventState::Accepted, false, 0) }), None);
}

#[test]
fn a_letter_is_about_something_dead() {
    let booked = |delivery, event| BookedLetter {
        id: DeadLetterId(Uuid::from_u128(3)),
        tenant: None,
        invoice_number: None,
        delivery,
        event,
    };
    let is_fault = |delivery, event| letter(&booked(delivery, event)).is_some();
    let key = EventKey::new("s", "1");
    assert!(!is_fault(None, None));
    assert!(!is_fault(Some((ID, Some(Concluded::Dead))), Some((key, Some(EventState::Accepted)))));
    assert!(!is_fault(None, Some((key, Some(EventState::Dead)))));
    assert!(is_fault(Some((ID, Some(Concluded::Sent))), None));
    assert!(is_fault(Some((ID, None)), None));
    assert!(is_fault(None, Some((key, Some(EventState::Accepted)))));
    assert!(is_fault(None, Some((key, None))));
}

#[test]
fn what_still_stands_in_the_queue_is_not_lost() {
    let events = [("s".to_owned(), "1".to_owned()), ("s".to_owned(), "2".to_owned())];
    let missing: Vec<_> = events.iter().collect();
    let ready = |ready| QueuedEvents { ready, ..QueuedEvents::default() };
    assert_eq!(published(&missing, &ready(2)), []);
    assert_eq!(faults(&published(&missing, &ready(1))), [ReconciliationFault::Lost, ReconciliationFault::Lost]);

    let consumed = QueuedEvents { consumers: 1, ..ready(1) };
    let unanswered = QueuedEvents { unanswered: vec!["queue q".to_owned()], ..ready(1) };
    for unknown in [consumed, unanswered] {
        assert_eq!(faults(&published(&missing, &unknown)), [ReconciliationFault::Unseen, ReconciliationFault::Unseen]);
    }
}

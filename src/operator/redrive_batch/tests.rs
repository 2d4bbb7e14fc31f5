use super::*;

fn letter(id: u128) -> LetterToRedrive {
    LetterToRedrive {
        id: DeadLetterId(Uuid::from_u128(id)),
        state: DeadLetterState::Open,
        class: ReasonCode::Refused,
        reason: "550 5.7.1 no".to_owned(),
        delivery: Some(DeliveryId(Uuid::from_u128(id))),
        event_key: None,
        via: None,
        body: Some(bytes::Bytes::from_static(b"{}")),
    }
}

#[test]
fn a_letter_that_was_concluded_meanwhile_says_how() {
    let ids = [1, 2, 3, 4].map(|id| DeadLetterId(Uuid::from_u128(id)));
    let mut round = Round::of(&ids, [1, 2, 3, 4].map(letter).to_vec(), &HashSet::new());
    let states = [DeadLetterState::Open, DeadLetterState::Discarded, DeadLetterState::Redriven];
    round.keep_open(&ids.into_iter().zip(states).collect());
    assert_eq!(round.deliveries(), [DeliveryId(Uuid::from_u128(1))]);
    assert!(matches!(round.answers[&ids[1]], Err(RedriveError::NotOpen(DeadLetterState::Discarded))));
    assert!(matches!(round.answers[&ids[2]], Err(RedriveError::NotOpen(DeadLetterState::Redriven))));
    assert!(matches!(round.answers[&ids[3]], Err(RedriveError::Unknown)), "retention has deleted it");
}

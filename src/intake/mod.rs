//! Event in, committed once.
//!
//! A source of events (the broker, HTTP, a file) hands over a batch of [`Incoming`](crate::model::incoming::Incoming); when [`TakesEvents::take_in`](crate::model::incoming::TakesEvents::take_in)
//! returns, every one of them is committed to the database and the sender may ack or delete them.

mod delivery_factory;
mod locale;
mod parsed;
mod plan;
mod recipients;
mod redrives_letters;
mod taker;

pub use delivery_factory::DeliveryFactory;
pub use locale::{ChosenLocale, locale, locale_tag};
pub use parsed::{Again, Parsed};
pub use plan::{IntakePlan, PlanInputs, Verdict, notes, plan};
pub use recipients::{EVENT_RECIPIENTS_HINT, RecipientFault, Recipients, main_and_bcc};
pub use redrives_letters::{LetterRedriven, RedrivesLetters};
pub(crate) use taker::ROUNDS_MAX;
pub use taker::{COUNTED_RESULTS, DUPLICATE_INVOICE_WINDOW, Intake};

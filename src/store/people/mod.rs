//! People and programs that use console and API: operators, how they sign in, their sessions, tokens,
//! what they did, and what they need not do twice.

pub(super) mod audit;
pub(super) mod idempotency;
pub(super) mod invitation;
mod lock;
pub(super) mod operator;
pub(super) mod scope;
pub(super) mod session;
pub(super) mod sign_in;
pub(super) mod sign_in_count;
pub(super) mod token;
pub(super) mod totp;

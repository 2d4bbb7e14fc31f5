//! Laws that hold for any bytes: one function each, called by the fuzzer with what it finds, and by the tests with every
//! file of `fuzz/corpus`.

pub mod event;
pub mod message;
pub mod names;
pub mod relay;

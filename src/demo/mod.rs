//! Everything that `demo` needs and `run` does not: a mail catcher, sample data, and the table at the end.
//!
//! Nothing here leaves the machine: the [`catcher`] is a real [`smtp`] server on loopback, the [`sample_data`] is
//! invented and uses only reserved names ([RFC 2606]), and [`report`] says what became of each event.
//!
//! [RFC 2606]: https://www.rfc-editor.org/rfc/rfc2606

pub mod catcher;
mod history;
pub mod report;
mod rows;
pub mod run;
pub mod sample_data;
pub mod smtp;

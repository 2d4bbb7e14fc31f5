//! Every scenario that needs real parts: one binary, one file per scenario.

mod harness;

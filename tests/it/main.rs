//! Every scenario that needs real parts: one binary, a folder for each subject.

mod harness;
mod house;

mod api;
mod broker;
mod cli;
mod compose;
mod console;
mod demo;
mod dispatch;
mod documents;
mod event;
mod failure;
mod load;
mod operator;
mod portal;
mod relay;
mod store;

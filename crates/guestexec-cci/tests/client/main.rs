//! The client against peers on loopback that behave as real servers do, and as they should not.

#![allow(clippy::unwrap_used)]

mod auth;
mod config;
mod dead;
mod faults;
mod forms;
mod handshake;
mod lifecycle;
mod logs;
mod peer;
mod pods;
mod refusals;
mod sessions;
mod spdy;
mod status;
mod streams;
mod terminal;
mod transports;
mod underway;

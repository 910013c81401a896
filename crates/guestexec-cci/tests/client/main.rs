//! The client against peers on loopback that speak as real servers do, and as they should not.

#![allow(clippy::unwrap_used)]

mod auth;
mod config;
mod faults;
mod handshake;
mod peer;
mod pods;
mod refusals;
mod sessions;
mod spdy;
mod streams;
mod transports;
mod underway;

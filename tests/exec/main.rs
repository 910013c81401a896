//! Commands in pods over every form of the exec protocol: always against the sandbox, on demand against
//! any server (see [`real`]).

#![allow(clippy::unwrap_used)]

mod property;
mod real;
mod sandbox;
mod suite;
mod url;

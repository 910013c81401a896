//! Commands in pods over every form of the exec protocol: against the sandbox always, against any
//! server on demand (see [`real`]).

#![allow(clippy::unwrap_used)]

mod property;
mod real;
mod sandbox;
mod suite;
mod url;

//! Vendors' pages: what is read of them, whatever their layout.

#![allow(clippy::unwrap_used)]

mod compare;
mod dump;
mod mutations;
mod read;
mod render;

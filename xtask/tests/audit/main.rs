//! Vendors' pages: what is read of them, whatever their layout, how they differ from the documents, and
//! how that is reported.

#![allow(clippy::unwrap_used)]

mod compare;
mod decisions;
mod dump;
mod hostile;
mod mutations;
mod pages;
mod read;
mod render;
mod report;
mod wild;

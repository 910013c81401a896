//! Vendors' pages: what is read of them, whatever their layout.

mod dump;
mod read;
mod render;

//! Compares a vendor's page with the document made from it.
//!
//! Readers make a [`page::Page`] of a page, whatever its layout; the comparer makes [`finding::Finding`]s of
//! a page and a document; reports and edits are made from findings.

pub mod finding;
pub mod page;
pub mod read;

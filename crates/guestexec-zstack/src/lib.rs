//! placeholder

pub mod sign;

#![doc = include_str!("../README.md")]

mod builder;
mod cci;
mod clock;
mod connections;
mod fault;
mod json;
mod line;
mod origin;
mod process;
mod random;
mod sandbox;
mod secret;
mod server;
mod stray;
mod tasks;
mod tat;
mod zstack;

pub use builder::{Builder, TatAgents};
pub use cci::CciHandle;
pub use fault::{Fault, FaultError, FaultKind, Provider};
pub use sandbox::{Sandbox, StartError};
pub use tat::TatHandle;
pub use zstack::ZstackHandle;

#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod body;
mod builder;
mod cci;
mod clock;
mod connections;
mod cross_site;
mod fault;
mod faulty_stream;
mod json;
mod process;
mod process_table;
mod provider;
mod random;
mod sandbox;
mod secret;
mod server;
mod service;
mod signals;
mod tasks;
mod tat;
mod zstack;

pub use builder::{Builder, TatAgents};
pub use cci::CciHandle;
pub use fault::{Fault, FaultError, FaultKind};
pub use provider::Provider;
pub use sandbox::{Sandbox, StartError};
#[doc(hidden)]
pub use signals::is_ignored;
pub use tat::TatHandle;
pub use zstack::ZstackHandle;

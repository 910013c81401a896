#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

#[cfg(feature = "cci")]
pub use guestexec_cci as cci;
#[cfg(feature = "tat")]
pub use guestexec_tat as tat;
#[cfg(feature = "zstack")]
pub use guestexec_zstack as zstack;

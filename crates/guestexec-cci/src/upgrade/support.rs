//! Which upgrades a server is known to support.

use std::sync::atomic::{AtomicU8, Ordering};

use guestexec_remotecommand::Subprotocol;

use super::Upgrade;

/// The upgrades to try for a command that must be told where its input ends.
const WITH_END_OF_INPUT: [Upgrade; 3] = [Upgrade::WebSocketV5, Upgrade::SpdyPost, Upgrade::SpdyGet];
/// The upgrades to try for any other command. Version 4 alone is for gateways that know no other
/// name.
const WITHOUT_END_OF_INPUT: [Upgrade; 4] =
    [Upgrade::WebSocket, Upgrade::WebSocketV4, Upgrade::SpdyPost, Upgrade::SpdyGet];

/// The upgrades that the server has accepted. All clones of a client share it, as they share the endpoint.
#[derive(Debug, Default)]
pub(crate) struct ServerSupport {
    /// 1 if the server has version 5, 2 if it does not, 0 if that is not known.
    v5: AtomicU8,
    /// The upgrades that worked last, with an end of input and without one; 0 if none did.
    worked: [AtomicU8; 2],
}

impl ServerSupport {
    fn worked(&self, ends_input: bool) -> &AtomicU8 {
        &self.worked[usize::from(ends_input)]
    }

    /// Whether the last command of this kind was started by this upgrade.
    pub(crate) fn has_worked(&self, upgrade: Upgrade, ends_input: bool) -> bool {
        self.worked(ends_input).load(Ordering::Relaxed) == upgrade as u8
    }

    /// The upgrades to try, in this order.
    pub(crate) fn candidates(&self, ends_input: bool) -> Vec<Upgrade> {
        let mut upgrades =
            if ends_input { WITH_END_OF_INPUT.to_vec() } else { WITHOUT_END_OF_INPUT.to_vec() };
        if self.v5.load(Ordering::Relaxed) == 2 {
            upgrades.retain(|upgrade| *upgrade != Upgrade::WebSocketV5);
        }
        // The sort is stable, so the others keep their order.
        upgrades.sort_by_key(|upgrade| !self.has_worked(*upgrade, ends_input));
        upgrades
    }

    /// Remembers that an upgrade worked, and which protocol the server chose.
    pub(crate) fn remember(&self, upgrade: Upgrade, ends_input: bool, protocol: Subprotocol) {
        self.worked(ends_input).store(upgrade as u8, Ordering::Relaxed);
        if upgrade.is_spdy() && !ends_input {
            // No WebSocket of any sub-protocol gets through.
            self.worked(true).store(upgrade as u8, Ordering::Relaxed);
        } else {
            // SPDY with an end of input is tried only where version 5 was refused or is known to be
            // missing.
            let v5 = if protocol == Subprotocol::V5 { 1 } else { 2 };
            self.v5.store(v5, Ordering::Relaxed);
        }
    }

    /// Forgets everything, since nothing works any more.
    pub(crate) fn forget(&self) {
        self.worked.iter().chain([&self.v5]).for_each(|known| known.store(0, Ordering::Relaxed));
    }
}

//! TCP connections and whose they are.

use std::net::{IpAddr, SocketAddr};

use crate::model::stored::row;

/// A connection that stands: seen twice, a moment apart.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Connection {
    /// `192.0.2.7:48212`
    pub local: String,
    pub peer: String,
    /// Somebody on this host listens at its local end: the peer opened it.
    pub accepted: bool,
    /// How often in a row it has sent something by now, and no answer came.
    pub unanswered: u32,
    /// The process that holds it.
    pub pid: u32,
    pub command: String,
    /// The unit of that process, where it is in one.
    pub unit: Option<String>,
    /// The process is at the far end of a loopback connection of the unit that was asked for, and none of its own.
    pub relays: bool,
}

row!(Connection, Optional { local, peer, accepted, unanswered, pid, command, unit, relays });

impl Connection {
    /// Its two ends where it is not over loopback, nor to an address of this host.
    pub fn outer_ends(&self) -> Option<(IpAddr, IpAddr)> {
        let end = |text: &str| text.parse::<SocketAddr>().ok().map(|end| end.ip());
        let (local, peer) = (end(&self.local)?, end(&self.peer)?);
        (!peer.is_loopback() && peer != local).then_some((local, peer))
    }

    pub fn leads_out(&self) -> bool {
        self.outer_ends().is_some()
    }
}

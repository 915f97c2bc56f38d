use super::super::Context;
use super::simulation::{Change, Simulation};
use super::*;
use crate::catalog::Check;
use crate::catalog::kind::packages::STATUS;
use crate::facts::before::Before;
use crate::facts::{Facts, Run as Looked};
use crate::fix::plan::{Wanted, plan as plan_wanted};
use crate::model::answer::{Archive, Asked, Modified};
use crate::model::report::Intent;
use crate::model::run::Holds;
use crate::model::{Answer, Answers, Reading, Snapshot, TroubleCause};

#[derive(Default)]
struct Host(Answers);

impl Host {
    /// `name version status`, one a line.
    fn new(packages: &str) -> Self {
        let stanza = |line: &str| {
            let words: Vec<&str> = line.splitn(3, ' ').collect();
            format!("Package: {}\nStatus: {}\nArchitecture: amd64\nVersion: {}\n\n", words[0], words[2], words[1])
        };
        let text: String = packages.lines().map(|line| stanza(line.trim())).collect();
        let host = Self::default().say(Query::File(STATUS.to_owned()), Answer::Text(text.into_bytes()));
        host.say(Query::Directory(UPDATES.to_owned()), Answer::Names(Vec::new()))
    }

    fn say(self, query: Query, answer: Answer) -> Self {
        self.read(query, Reading::Known(answer))
    }

    fn read(mut self, query: Query, reading: Reading<Answer>) -> Self {
        self.0.0.insert(query, Asked { reading, micros: 0 });
        self
    }

    fn apt(self, what: &str, says: &str) -> Self {
        self.say(Query::Simulated(what.to_owned()), Answer::Text(says.as_bytes().to_vec()))
    }

    fn archive(self, name: &str, version: &str, architecture: &str) -> Self {
        let archive = Archive {
            path: format!("/var/cache/pf9apps/{name}_{architecture}.deb"),
            version: version.to_owned(),
            architecture: architecture.to_owned(),
            flaw: None,
        };
        // Whatever version is asked for.
        ["1.0", "2.0"].into_iter().fold(self, |host, asked| {
            host.say(Query::Archives(format!("{name}={asked}")), Answer::Archives(vec![archive.clone()]))
        })
    }

    fn plans(&self, before: &Host, wanted: &str) -> Vec<Planned> {
        let catalog = Catalog::load(&[], &["pcd-host".to_owned()]).unwrap();
        let run = Looked { intent: Intent::After, asked_at: "2026-11-20T09:14:02Z" };
        let snapshot = snapshot();
        let facts = Facts::new(&self.0, &catalog.settings, run);
        let before = Before { facts: Facts::new(&before.0, &catalog.settings, run), snapshot: &snapshot };
        let checks: Vec<&Check> = catalog.checks.iter().filter(|check| check.id.starts_with("packages.")).collect();
        let findings = crate::judge::judge(&catalog, &checks, &facts, Some(&before));
        let context = Context {
            catalog: &catalog,
            facts: &facts,
            before: Some(&before),
            findings: &findings,
            named: false,
            home: "/state/runs/one",
        };
        plan_wanted(&[Wanted::parse(wanted)], &context)
    }

    fn plan(&self, wanted: &str) -> Planned {
        let mut plans = self.plans(&Host::default(), wanted);
        assert_eq!(plans.len(), 1, "{plans:#?}");
        plans.remove(0)
    }
}

fn snapshot() -> Snapshot {
    serde_json::from_value(json!({
        "schema": "", "schema_version": "", "tool": {"name": "", "version": "", "catalog_digest": ""}, "name": "",
        "taken_at": "", "changed": true, "exit_code": 0, "failed": false, "msg": "", "comment": "", "kept": null,
        "host": serde_json::to_value(crate::model::report::Host::default()).unwrap(), "unreadable": [], "findings": [],
        "answers": {},
    }))
    .unwrap()
}

fn lines(planned: &Planned) -> Vec<String> {
    planned.steps.iter().flat_map(|step| step.does.lines()).collect()
}

fn until(step: &Step) -> Option<&Holds> {
    match &step.does {
        Deed::Run(run) => run.until.as_ref(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_apt_would_do_is_read_as_it_says_it() {
    let text = b"Remv old [1.0]\nInst aa [1.0] (2.0 Debian:12/stable [all])\nInst new (3:1 localhost [amd64]) []\n\
        Inst low [2.0] (1.0~b Debian:12 [amd64])\nConf aa (2.0 Debian:12/stable [all])\nE: something\nInst\nInst torn [\n";
    let simulation = Simulation::parse(text);
    let installs = [
        Change { name: "aa", old: Some("1.0"), new: "2.0" },
        Change { name: "new", old: None, new: "3:1" },
        Change { name: "low", old: Some("2.0"), new: "1.0~b" },
    ];
    assert_eq!(simulation.installs, installs);
    assert_eq!((simulation.removes.as_slice(), simulation.downgrades()), (&["old"][..], vec!["low"]));
    assert_eq!(simulation.forbidden().unwrap(), "apt would remove old");
    assert_eq!(Simulation::parse(b"Conf aa (2.0 x [all])\n").forbidden(), None);
}

#[test]
fn dpkg_finishes_alone_what_it_can_and_is_never_ended() {
    let host = Host::new("a 1.0 install ok unpacked\nopenvswitch-switch 3.1 install ok half-configured").apt("", "");
    // Two findings, one plan.
    let plan = host.plan("packages.configure");
    assert_eq!(lines(&plan), ["dpkg --force-confdef --force-confold --configure -a"]);
    assert_eq!(plan.needs, ["packages.configure", "disruption"]);
    assert!(plan.risk.unwrap().contains("openvswitch-switch") && plan.refused.is_none());
    let Deed::Run(run) = &plan.steps[0].does else { panic!() };
    assert_eq!((run.deadline_s, plan.undo.starts_with("none:")), (None, true));
    assert_eq!(run.until, Some(Holds::Package { name: "a".to_owned(), version: "1.0".to_owned() }));

    let plan = Host::new("systemd 252 install ok unpacked").apt("", "").plan("packages.configure");
    assert!(plan.needs.iter().any(|it| it == "disruption"), "its script restarts networkd: {plan:#?}");

    let plan = Host::new("a 1.0 install ok half-configured").apt("", "").plan("packages.configure");
    assert_eq!((plan.needs.as_slice(), plan.risk), (&["packages.configure".to_owned()][..], None));
}

#[test]
fn apt_brings_what_is_missing_and_removes_nothing() {
    let host = || Host::new("a 1.0 install ok unpacked");
    let plan =
        host().apt("", "Inst lib (1.0 x [all])\nConf lib (1.0 x [all])\nConf a (1.0 [all])").plan("packages.state");
    let said = lines(&plan);
    assert_eq!(said.len(), 2, "{said:?}");
    assert!(said[0].contains("--download-only") && said.iter().all(|line| line.contains("--no-remove")), "{said:?}");
    let deadlines: Vec<bool> =
        plan.steps.iter().map(|step| matches!(&step.does, Deed::Run(run) if run.deadline_s.is_some())).collect();
    assert_eq!(deadlines, [true, false]);
    assert_eq!(plan.after["packages"]["lib"], "1.0 installed");
    // A journal of dpkg's is replayed first: apt refuses to work before that.
    let names = Answer::Names(vec!["0001".to_owned()]);
    let interrupted = host().apt("", "Inst lib (1.0 x [all])").say(Query::Directory(UPDATES.to_owned()), names);
    assert_eq!(lines(&interrupted.plan("packages.state"))[0], "dpkg --set-selections");

    for (says, why) in [("Remv a [1.0]", "remove a"), ("Inst lib [2.0] (1.0 x [all])", "lower version of lib")] {
        let refused = host().apt("", says).plan("packages.state").refused.unwrap();
        assert!(refused.contains(why), "{refused}");
    }
    let unknown = host().read(Query::Simulated(String::new()), Reading::unreadable(TroubleCause::Failed, "no lists"));
    let plan = unknown.plan("packages.state");
    assert!(plan.why.contains("no lists") && lines(&plan)[0].ends_with("--configure -a"), "{plan:#?}");
}

#[test]
fn what_must_be_installed_again_is_so_in_its_own_version() {
    let host = || Host::new("tool 1.0 install reinstreq half-installed");
    let list = Query::Modified("/var/lib/dpkg/info/tool.list".to_owned());
    let of_apt =
        host().apt("tool=1.0", "Inst tool [1.0] (1.0 x [amd64])").say(list, Answer::Modified(Modified { seconds: 7 }));
    let plan = of_apt.plan("packages.state");
    assert!(lines(&plan)[1].ends_with("--reinstall install tool=1.0"), "{plan:#?}");
    assert!(matches!(until(&plan.steps[1]), Some(Holds::Package { .. })), "{plan:#?}");

    // apt says nothing and ends well where it cannot do it; an archive of another version or machine is another package.
    for (host, is_refused) in [
        (host().apt("tool=1.0", ""), true),
        (host().apt("tool=1.0", "").archive("tool", "2.0", "amd64"), true),
        (host().apt("tool=1.0", "").archive("tool", "1.0", "arm64"), true),
        (host().apt("tool=1.0", "").archive("tool", "1.0", "all"), false),
        (host().apt("tool=1.0", "Inst tool [1.0] (1.0 x [amd64])\nRemv lib [1]"), true),
        (host().apt("tool=1.0", "Inst tool [1.0] (1.0 x [amd64])\nInst lib [1] (2 x [all])"), true),
    ] {
        let plan = host.plan("packages.state");
        assert_eq!((plan.refused.is_some(), plan.steps.is_empty()), (is_refused, is_refused), "{plan:#?}");
    }
}

#[test]
fn what_was_held_is_held_again_whatever_happens() {
    let host = Host::new("tool 1.0 hold reinstreq half-installed").archive("tool", "1.0", "amd64");
    let plan = host.plan("packages.reinstall");
    let said = lines(&plan);
    assert!(said[0].contains("--refuse-downgrade --install /var/cache/pf9apps/tool_amd64.deb"), "{said:?}");
    assert_eq!(said[1], "apt-mark hold tool");
    assert_eq!(until(&plan.steps[1]), Some(&Holds::Held { name: "tool".to_owned() }));
    assert_eq!(plan.steps[0].undoes, [plan.steps[1].does.clone()]);
}

#[test]
fn against_the_baseline_what_a_profile_names_comes_back_and_none_goes_down() {
    let was = Host::new("pf9-comms 1.0 install ok installed\nopenssh-server 9 install ok installed");
    let rest = "dash 1 install ok installed";
    let removed = Host::new(rest).archive("pf9-comms", "1.0", "amd64");
    let plans = removed.plans(&was, "packages.kept");
    assert_eq!(plans.len(), 1, "{plans:#?}");
    assert_eq!((plans[0].subject.as_str(), until(&plans[0].steps[0]).is_some()), ("pf9-comms", true));
    assert_eq!(plans[0].needs, ["packages.reinstall", "disruption"]);

    let is = |now: &str| Host::new(&format!("{rest}\n{now}")).archive("pf9-comms", "1.0", "amd64");
    let lower = is("pf9-comms 0.9 install ok installed").plans(&was, "packages.kept:pf9-comms");
    assert_eq!(lower[0].after["packages"]["pf9-comms"], "1.0 installed");
    // Broken at a higher one, it is not taken back to the lower.
    let higher = is("pf9-comms 2.0 install reinstreq half-installed").plans(&was, "packages.state");
    assert!(higher[0].refused.as_ref().unwrap().contains("pf9-comms 2.0"), "{higher:#?}");
}

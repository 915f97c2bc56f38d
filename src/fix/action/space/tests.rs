use super::super::Context;
use super::*;
use crate::catalog::Settings;
use crate::facts::Run;
use crate::fix::plan::{Wanted, plan as plan_wanted};
use crate::model::answer::{Asked, Holder};
use crate::model::report::Intent;
use crate::model::{Answer, Answers};

const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;
const NOW: &str = "2026-11-20T09:14:02Z";

#[derive(Default)]
struct Host(Answers);

impl Host {
    fn say(mut self, query: Query, answer: Answer) -> Self {
        self.0.0.insert(query, Asked { reading: Reading::Known(answer), micros: 0 });
        self
    }

    fn space(self, path: &str, mount_point: &str, device: &str, available: u64) -> Self {
        let space = Space {
            existing: path.to_owned(),
            device: device.to_owned(),
            available,
            free: available,
            size: 100 * GIB,
            inodes: 0,
            inodes_available: 0,
            read_only: false,
            no_exec: false,
            mount_point: mount_point.to_owned(),
            filesystem_type: "ext4".to_owned(),
        };
        self.say(Query::Space(path.to_owned()), Answer::Space(space))
    }

    /// Files of a family on /var, each of so many MiB, the oldest first.
    fn files(self, family: Freeable, sizes: &[u64]) -> Self {
        let row = |(at, size): (usize, &u64)| FileRow {
            path: format!("/var/log/{}.{at}", family.as_str()),
            device: "8:1".to_owned(),
            bytes: size * MIB,
            modified: Some(i64::try_from(at).unwrap()),
        };
        // In no order that would help.
        let rows = sizes.iter().enumerate().map(row).rev().collect();
        self.say(Query::Freeable(family), Answer::Freeable(rows))
    }

    /// What is planned: fix, files, and what it needs or why not.
    fn plans(&self, wanted: &[&str]) -> Vec<String> {
        self.planned(wanted).iter().map(words).collect()
    }

    fn planned(&self, wanted: &[&str]) -> Vec<Planned> {
        let catalog = Catalog::load(&[], &[]).unwrap();
        let settings = Settings::default();
        let facts = Facts::new(&self.0, &settings, Run { intent: Intent::Agent, asked_at: NOW });
        let checks: Vec<&Check> = catalog.checks.iter().filter(|check| check.id.starts_with("disk.space")).collect();
        let findings = crate::judge::judge(&catalog, &checks, &facts, None);
        let wanted: Vec<Wanted> = wanted.iter().map(|word| Wanted::parse(word)).collect();
        let context = Context {
            catalog: &catalog,
            facts: &facts,
            before: None,
            findings: &findings,
            named: false,
            home: "/state/runs/one",
        };
        plan_wanted(&wanted, &context)
    }
}

fn words(planned: &Planned) -> String {
    let count = match &planned.steps[0].does {
        Deed::Remove(files) => format!("removes {}", files.len()),
        Deed::Archive { files, .. } => format!("moves {}", files.len()),
        other => panic!("{other:?}"),
    };
    let needs = if planned.needs.is_empty() { String::new() } else { format!(", needs {}", planned.needs.join(" ")) };
    let refused = planned.refused.as_ref().map_or("", |_| ", refused");
    format!("{} {} {count}{needs}{refused}", planned.fix, planned.subject)
}

/// /var misses so much of its 5 GiB.
fn short(by: u64) -> Host {
    Host::default()
        .space("/var", "/var", "8:1", 5 * GIB - by)
        .space("/var/log", "/var", "8:1", 5 * GIB - by)
        .space("/opt", "/", "8:2", 50 * GIB)
        .space("/tmp", "/", "8:2", 50 * GIB)
}

fn usual(by: u64) -> Host {
    short(by)
        .files(Freeable::AptCache, &[10, 10, 10])
        .files(Freeable::RotatedLogs, &[30, 30, 30, 30])
        .files(Freeable::ArchivedJournals, &[100, 100, 100, 100])
}

#[test]
fn the_smallest_set_is_planned_and_no_more_than_is_needed() {
    let none: [&str; 0] = [];
    assert_eq!(usual(10 * MIB).plans(&none), ["apt.clean /var removes 3"]);
    assert_eq!(usual(40 * MIB).plans(&none), ["logs.prune /var removes 2, needs logs.prune"]);
    assert_eq!(usual(180 * MIB).plans(&none), ["journal.vacuum /var removes 2, needs journal.vacuum"]);
    assert_eq!(
        usual(425 * MIB).plans(&none),
        ["apt.clean /var removes 3", "journal.vacuum /var removes 4, needs journal.vacuum"]
    );
    assert_eq!(usual(0).plans(&none), none);
    assert_eq!(usual(10 * MIB).plans(&["disk.space:/opt"]), none);
}

#[test]
fn the_oldest_goes_first() {
    let planned = usual(150 * MIB).planned(&["journal.vacuum"]);
    let Deed::Remove(files) = &planned[0].steps[0].does else { panic!("{planned:?}") };
    let paths: Vec<&str> = files.iter().map(|file| file.path.as_str()).collect();
    assert_eq!(paths, ["/var/log/archived-journals.0", "/var/log/archived-journals.1"]);
    assert_eq!(planned[0].frees_bytes, Some(200 * MIB));
    assert_eq!(planned[0].before["free_bytes"], 5 * GIB - 150 * MIB);
    assert_eq!(planned[0].after["free_bytes"], 5 * GIB + 50 * MIB);
    assert!(planned[0].undo.starts_with("none:"));
}

#[test]
fn what_is_asked_for_by_name_is_done_and_what_is_not_enough_is_not() {
    assert_eq!(usual(10 * MIB).plans(&["logs.prune"]), ["logs.prune /var removes 1, needs logs.prune"]);
    let all = usual(GIB).plans(&["disk.space:/var"]);
    assert_eq!(all.len(), 3);
    assert!(all.iter().all(|words| words.ends_with("refused")), "{all:?}");
    assert_eq!(usual(GIB).plans(&["apt.clean"]), ["apt.clean /var removes 3"]);
}

#[test]
fn logs_are_archived_rather_than_deleted_where_there_is_room_elsewhere() {
    let none: [&str; 0] = [];
    let with = |available| usual(40 * MIB).space("/srv", "/srv", "8:3", available).space("/home", "/", "8:2", GIB);
    assert_eq!(with(90 * GIB).plans(&none), ["logs.archive /var moves 2"]);
    let planned = with(90 * GIB).planned(&none);
    let into = "/srv/hostready-logs/20261120T091402Z.tar".to_owned();
    assert_eq!(planned[0].steps[0].undoes, [Deed::Unpack { from: into }]);
    assert!(planned[0].needs.is_empty() && planned[0].undo.starts_with("restore bytes"));
    // Not where it would fill that one, nor where it is the same filesystem, nor into memory.
    let pruned = ["logs.prune /var removes 2, needs logs.prune"];
    assert_eq!(usual(40 * MIB).space("/srv", "/srv", "8:3", 100 * MIB).plans(&none), pruned);
    assert_eq!(usual(40 * MIB).space("/srv", "/var", "8:1", 5 * GIB - 40 * MIB).plans(&none), pruned);
    // What other checks want free there stays free.
    let opt = |available| short(40 * MIB).files(Freeable::RotatedLogs, &[60]).space("/opt", "/", "8:2", available);
    assert_eq!(opt(3 * GIB + 100 * MIB).space("/root", "/", "8:2", 3 * GIB + 100 * MIB).plans(&none).len(), 1);
    let words = opt(4 * GIB).space("/tmp", "/", "8:2", 4 * GIB).space("/root", "/", "8:2", 4 * GIB).plans(&none);
    assert_eq!(words, ["logs.archive /var moves 1"]);
    // Both were wanted: the same logs cannot go twice.
    assert_eq!(with(90 * GIB).plans(&["logs.archive", "logs.prune"]), ["logs.archive /var moves 2"]);
}

#[test]
fn what_apt_is_about_to_use_is_left_alone() {
    let holder = Holder { pid: Some(7), command: Some("apt-get".to_owned()), age_seconds: None };
    let lock = |holder| Answer::Lock(Lock { holder });
    let query = || Query::Lock(APT_LOCK.to_owned());
    let none: [&str; 0] = [];
    assert_eq!(usual(10 * MIB).say(query(), lock(Some(holder))).plans(&none), ["apt.clean /var removes 3, refused"]);
    assert_eq!(usual(10 * MIB).say(query(), lock(None)).plans(&none), ["apt.clean /var removes 3"]);
}

#[test]
fn a_name_that_no_list_can_hold_is_left_alone() {
    let row = |path: &str| FileRow { path: path.to_owned(), device: "8:1".to_owned(), bytes: 90 * MIB, modified: None };
    let rows = vec![row("/var/log/a\nb.gz"), row("/var/log/\u{fffd}.gz"), row("/var/log/plain.gz")];
    let files = chosen(Freeable::RotatedLogs, &rows, "8:1", GIB);
    assert_eq!(files.iter().map(|file| file.path.as_str()).collect::<Vec<_>>(), ["/var/log/plain.gz"]);
    assert_eq!(chosen(Freeable::RotatedLogs, &rows, "8:9", GIB), []);
}

use super::*;
use crate::catalog::kind::packages::STATUS;
use crate::catalog::{Catalog, Check, Settings};
use crate::facts::{Facts, Run as Looked};
use crate::fix::plan::{Wanted, plan as plan_wanted};
use crate::model::answer::{Asked, EntryKind, Space};
use crate::model::report::Intent;
use crate::model::sorted::SortedMap;
use crate::model::{Answer, Answers, TroubleCause};

const MIB: u64 = 1 << 20;
/// What a kernel of the size below needs, in mebibytes: 1 × (10 + 1) + 2 × (40 + 2).
const NEED: u64 = 95;

struct Host(SortedMap<Query, Reading<Answer>>);

impl Host {
    /// `free` mebibytes, these kernels of 50 each; the first runs, the menu starts the second.
    fn new(free: u64, [running, started]: [&str; 2], versions: &[&str]) -> Self {
        let mut host = Self(SortedMap::new());
        let file = |head: &str, version: &str, bytes: u64| Entry {
            name: format!("{head}-{version}"),
            kind: EntryKind::File,
            bytes,
            target: None,
        };
        let files = |version: &&str| [file("vmlinuz", version, 10 * MIB), file("initrd.img", version, 40 * MIB)];
        host.say(Query::Listing(BOOT.to_owned()), Answer::Listing(versions.iter().flat_map(files).collect()));
        host.0.insert(Query::Listing("/vmlinuz".to_owned()), Reading::Absent);
        let space = Space {
            existing: BOOT.to_owned(),
            device: "7:0".to_owned(),
            available: free * MIB,
            free: free * MIB,
            size: 1 << 30,
            inodes: 0,
            inodes_available: 0,
            read_only: false,
            no_exec: false,
            mount_point: BOOT.to_owned(),
            filesystem_type: "ext4".to_owned(),
        };
        host.say(Query::Space(BOOT.to_owned()), Answer::Space(space));
        host.text("/proc/sys/kernel/osrelease", &format!("{running}\n"));
        host.text(GRUB[0], &format!("menuentry a {{\n linux /vmlinuz-{started} ro\n}}\n"));
        for file in &GRUB[1..] {
            host.0.insert(Query::File((*file).to_owned()), Reading::Absent);
        }
        let packages: Vec<String> = versions.iter().map(|it| format!("linux-image-{it}")).collect();
        host.packages(&packages.iter().map(String::as_str).collect::<Vec<_>>());
        host
    }

    fn say(&mut self, query: Query, answer: Answer) {
        self.0.insert(query, Reading::Known(answer));
    }

    fn text(&mut self, path: &str, text: &str) {
        self.say(Query::File(path.to_owned()), Answer::Text(text.as_bytes().to_vec()));
    }

    /// `name` or `name hold`.
    fn packages(&mut self, names: &[&str]) {
        let stanza = |name: &&str| {
            let (name, want) = name.split_once(' ').unwrap_or((name, "install"));
            format!("Package: {name}\nStatus: {want} ok installed\nArchitecture: amd64\nVersion: 1\n\n")
        };
        let rest = stanza(&"linux-image-amd64");
        self.text(STATUS, &(names.iter().map(stanza).collect::<String>() + &rest));
    }

    fn apt(&mut self, names: &[&str], says: Reading<&str>) {
        let words: Vec<String> = names.iter().map(|name| format!("{name}-")).collect();
        let says = says.map(|text| Answer::Text(text.as_bytes().to_vec()));
        self.0.insert(Query::Simulated(words.join(" ")), says);
    }

    /// apt does what it is asked to, and nothing else.
    fn willing(&mut self, names: &[&str]) -> &mut Self {
        let says: String = names.iter().map(|name| format!("Purg {name} [1]\n")).collect();
        self.apt(names, Reading::Known(&says));
        self
    }

    fn plan(&self) -> Planned {
        let asked = |(query, reading): (&Query, &Reading<Answer>)| {
            (query.clone(), Asked { reading: reading.clone(), micros: 0 })
        };
        let answers = Answers(self.0.iter().map(asked).collect());
        let (catalog, settings) = (Catalog::load(&[], &[]).unwrap(), Settings::default());
        let facts = Facts::new(&answers, &settings, Looked { intent: Intent::Os, asked_at: "" });
        let checks: Vec<&Check> = catalog.checks.iter().filter(|check| check.id == "disk.boot").collect();
        let findings = crate::judge::judge(&catalog, &checks, &facts, None);
        assert_eq!(findings[0].expected["free_bytes"], NEED * MIB);
        let context =
            Context { catalog: &catalog, facts: &facts, before: None, findings: &findings, named: false, home: "" };
        let mut planned = plan_wanted(&[Wanted::parse("disk.boot")], &context);
        assert_eq!(planned.len(), 1, "{planned:#?}");
        planned.remove(0)
    }

    fn refusal(&self) -> String {
        let planned = self.plan();
        assert!(planned.steps.is_empty(), "{planned:#?}");
        planned.refused.unwrap()
    }
}

const ALL: [&str; 5] = ["6.1.0-9-amd64", "6.1.0-10-amd64", "6.1.0-11-amd64", "6.1.0-12-amd64", "6.1.0-13-amd64"];
const NEWEST: &str = ALL[4];

fn image(version: &str) -> String {
    format!("linux-image-{version}")
}

#[test]
fn the_oldest_go_as_many_as_make_room_and_with_all_that_is_theirs() {
    let mut host = Host::new(50, [NEWEST, NEWEST], &ALL);
    let parts = ["linux-image-6.1.0-9-amd64", "linux-headers-6.1.0-9-amd64"];
    let of_others = ["linux-headers-6.1.0-9-common", "linux-image-6.1.0-9-amd64-dbg"];
    let images: Vec<String> = ALL.iter().map(|it| image(it)).collect();
    let images: Vec<&str> =
        images.iter().map(String::as_str).chain(["linux-headers-6.1.0-9-amd64"]).chain(of_others).collect();
    host.packages(&images);
    let plan = host.willing(&parts).plan();
    assert_eq!(plan.refused, None);
    let line = plan.steps[0].does.lines().remove(0);
    let end = "--purge remove linux-image-6.1.0-9-amd64 linux-headers-6.1.0-9-amd64";
    assert!(line.starts_with("apt-get --yes") && line.ends_with(end) && !line.contains("--no-remove"), "{line}");
    assert_eq!((plan.needs.as_slice(), plan.subject.as_str()), (&[FIX.to_owned()][..], BOOT));
    assert!(plan.undo.starts_with("none: ") && plan.frees_bytes == Some(50 * MIB), "{plan:#?}");
    assert_eq!((&plan.before["free_bytes"], &plan.after["free_bytes"]), (&json!(50 * MIB), &json!(100 * MIB)));
    assert_eq!(plan.risk.unwrap(), format!("the host can be started with {} alone then", ALL[1..].join(", ")));
    let crate::model::plan::Deed::Run(run) = &plan.steps[0].does else { panic!() };
    assert_eq!((run.deadline_s, run.until.is_some()), (None, true), "dpkg is never ended");

    let two = [image(ALL[0]), image(ALL[1])];
    let mut host = Host::new(0, [NEWEST, NEWEST], &ALL);
    let plan = host.willing(&[&two[0], &two[1]]).plan();
    assert!(plan.why.starts_with("6.1.0-9-amd64, 6.1.0-10-amd64: neither running"), "{plan:#?}");
}

#[test]
fn none_goes_that_is_needed_held_or_nobodys() {
    // Room for one is missing, and this one goes.
    let goes = |host: &mut Host, version: &str| {
        let plan = host.willing(&[&image(version)]).plan();
        assert!(plan.refused.is_none() && plan.why.starts_with(version), "not {version}: {plan:#?}");
    };
    goes(&mut Host::new(50, [ALL[0], NEWEST], &ALL), ALL[1]);
    goes(&mut Host::new(50, [NEWEST, ALL[0]], &ALL), ALL[1]);
    goes(&mut Host::new(50, [ALL[1], ALL[0]], &ALL), ALL[2]);
    let mut held = Host::new(50, [NEWEST, NEWEST], &ALL);
    held.packages(&["linux-image-6.1.0-9-amd64", "linux-headers-6.1.0-9-amd64 hold", "linux-image-6.1.0-10-amd64"]);
    goes(&mut held, ALL[1]);
    // Built and put there by hand.
    let mut own = Host::new(50, [NEWEST, NEWEST], &ALL);
    own.packages(&["linux-image-6.1.0-11-amd64"]);
    goes(&mut own, ALL[2]);
    // Of those that run and are the newest one is left beside the newest.
    goes(&mut Host::new(50, [NEWEST, NEWEST], &ALL[2..]), ALL[2]);
    let why = Host::new(50, [NEWEST, NEWEST], &ALL[3..]).refusal();
    assert_eq!(why, "not enough: 45 MiB are missing, and the kernels that may go take 0 B");
    let mut held = Host::new(50, [NEWEST, NEWEST], &ALL[2..]);
    held.packages(&["linux-image-6.1.0-11-amd64 hold"]);
    assert!(held.refusal().ends_with("; held: 6.1.0-11-amd64"), "{}", held.refusal());
    // What runs is gone from /boot, and nothing to fall back to.
    let why = Host::new(50, [ALL[0], NEWEST], &ALL[3..]).refusal();
    assert!(why.starts_with("not enough"), "{why}");
}

#[test]
fn what_is_started_by_default_stays_while_another_is_started_once() {
    let menu = |default: &str, once: &str| {
        let mut host = Host::new(50, [NEWEST, NEWEST], &ALL);
        let entries: String =
            ALL.iter().map(|it| format!("menuentry {it} {{\n linux /vmlinuz-{it} ro\n}}\n")).collect();
        // As grub-mkconfig begins it.
        let head = "load_env\nif [ \"${next_entry}\" ] ; then\n set default=\"${next_entry}\"\n\
            else\n set default=\"${saved_entry}\"\nfi\n";
        host.text(GRUB[0], &format!("{head}{entries}"));
        host.text(GRUB[1], &format!("# GRUB Environment Block\nsaved_entry={default}\nnext_entry={once}\n####"));
        let room = if once == ALL[1] { ALL[2] } else { ALL[1] };
        host.willing(&[&image(room)]).plan().why
    };
    for once in ["", ALL[1], NEWEST] {
        let why = menu(ALL[0], once);
        assert!(!why.starts_with(ALL[0]), "the default goes, with `{once}` once: {why}");
    }
}

#[test]
fn nothing_goes_where_it_is_not_known_what_boots_next() {
    let refusal = |query: Query, reading: Reading<Answer>| {
        let mut host = Host::new(50, [NEWEST, NEWEST], &ALL);
        host.willing(&[&image(ALL[0])]);
        host.0.insert(query, reading);
        host.refusal()
    };
    let menu = || Query::File(GRUB[0].to_owned());
    let denied = || Reading::unreadable(TroubleCause::Denied, "denied");
    let unknown = "which kernel boots next cannot be told from /boot/grub/grub.cfg: none is removed";
    assert_eq!(refusal(menu(), Reading::Absent), unknown);
    assert_eq!(refusal(menu(), denied()), "denied");
    let text = |text: &str| Reading::Known(Answer::Text(text.as_bytes().to_vec()));
    assert_eq!(refusal(menu(), text("menuentry a {\n linux /kernels/current\n}\n")), unknown);
    assert_eq!(refusal(menu(), text("menuentry a {\n linux /vmlinuz-5.10.0-1-amd64\n}\n")), unknown);
    let runs = Query::File("/proc/sys/kernel/osrelease".to_owned());
    assert_eq!(refusal(runs, denied()), "which kernel runs is not known: none is removed");
    assert_eq!(refusal(Query::File(STATUS.to_owned()), denied()), "denied");
}

#[test]
fn apt_takes_exactly_these_or_nothing() {
    let oldest = image(ALL[0]);
    let why = |says: Reading<&str>| {
        let mut host = Host::new(50, [NEWEST, NEWEST], &ALL);
        host.apt(&[&oldest], says);
        host.refusal()
    };
    let with = |more: &str| why(Reading::Known(&format!("Purg {oldest} [1]\n{more}\n")));
    assert_eq!(with("Purg linux-image-amd64 [1]"), "apt would also remove linux-image-amd64");
    assert_eq!(with("Inst linux-image-rt (2 x [amd64])"), "apt would install linux-image-rt in their place");
    assert_eq!(with("Inst libc6 [1] (2 x [amd64])"), "apt would install libc6 in their place");
    assert_eq!(why(Reading::Known("")), format!("apt would not remove {oldest}"));
    let failed = why(Reading::unreadable(TroubleCause::Failed, "E: broken"));
    assert_eq!(failed, "apt would not do it: E: broken");
}

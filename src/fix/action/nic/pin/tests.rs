use super::super::super::stage::lines;
use super::*;
use crate::catalog::{Catalog, Check};
use crate::facts::Facts;
use crate::fix::apply::is_mended;
use crate::fix::plan::{Wanted, plan as plan_wanted, questions as open_questions};
use crate::judge::nic_names::tests::host::Host;
use crate::model::answer::{Answer, EntryKind, Space};
use crate::model::report::Intent;

const MIB: u64 = 1 << 20;

/// `ens7`, on a host with a ramdisk and what makes it.
fn host() -> Host {
    let mut host = Host::new();
    for (path, _) in TOOLS {
        host.say(Query::Exists(path.to_owned()), Answer::Exists(path == TOOLS[0].0));
    }
    let file = |name: &str| Entry { name: name.to_owned(), kind: EntryKind::File, bytes: 40 * MIB, target: None };
    let boot = ["vmlinuz-6.1.0-50-amd64", "initrd.img-6.1.0-50-amd64"].map(file).to_vec();
    host.say(Query::Listing(BOOT.to_owned()), Answer::Listing(boot));
    for file in ["grub.cfg", "grubenv", "custom.cfg"] {
        host.answers.insert(Query::File(format!("{BOOT}/grub/{file}")), Reading::Absent);
    }
    host.answers.insert(Query::Listing("/vmlinuz".to_owned()), Reading::Absent);
    let initrd = Query::Modified(format!("{BOOT}/initrd.img-6.1.0-50-amd64"));
    host.say(initrd, Answer::Modified(Modified { seconds: 7 }));
    room(&mut host, 42 * MIB);
    host
}

fn room(host: &mut Host, available: u64) {
    let space = Space {
        existing: BOOT.to_owned(),
        device: "254:1".to_owned(),
        available,
        free: available,
        size: 1 << 30,
        inodes: 0,
        inodes_available: 0,
        read_only: false,
        no_exec: false,
        mount_point: BOOT.to_owned(),
        filesystem_type: "ext4".to_owned(),
    };
    host.say(Query::Space(BOOT.to_owned()), Answer::Space(space));
}

fn with_context<T>(host: &Host, intent: Intent, then: impl Fn(&Context<'_>) -> T) -> T {
    host.with_facts(intent, |facts| {
        let catalog = Catalog::load(&[], &[]).unwrap();
        let facts = &Facts::new(facts.answers, facts.settings, facts.run);
        let checks: Vec<&Check> = catalog.checks.iter().filter(|check| check.id == FINDING).collect();
        let findings = crate::judge::judge(&catalog, &checks, facts, None);
        then(&Context { catalog: &catalog, facts, before: None, findings: &findings, named: false, home: "" })
    })
}

fn plans(host: &Host, intent: Intent) -> Vec<Planned> {
    with_context(host, intent, |context| plan_wanted(&[Wanted::parse(FIX)], context))
}

fn refusal(host: &Host) -> String {
    let planned = plans(host, Intent::Os);
    assert!(planned[0].steps.is_empty(), "{planned:#?}");
    planned[0].refused.clone().unwrap_or_default()
}

/// The host once what is planned was written there.
fn written(host: &mut Host, planned: &[Planned]) {
    let mut files = Vec::new();
    for step in planned.iter().flat_map(|it| &it.steps) {
        if let Deed::File { path, content: Some(content) } = &step.does {
            let name = path.strip_prefix("/etc/systemd/network/").unwrap().to_owned();
            files.push((name, String::from_utf8(content.bytes.clone()).unwrap()));
        }
    }
    let files: Vec<(&str, &str)> = files.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    host.files("/etc/systemd/network", "link", &files);
}

#[test]
fn a_name_that_nothing_pins_is_pinned_and_stays_so() {
    let mut host = host();
    let planned = plans(&host, Intent::Os);
    let file = "write /etc/systemd/network/10-hostready-ens7.link:";
    assert_eq!(
        planned[0].steps[0].does.lines(),
        [file, "  [Match]", "  PermanentMACAddress=52:54:00:a0:00:07", "  [Link]", "  Name=ens7",]
    );
    let said = lines(&planned);
    assert!(said[0].ends_with("<- remove /etc/systemd/network/10-hostready-ens7.link && update-initramfs -u -k all"));
    assert_eq!(said[1], "update-initramfs -u -k all <- remove /etc/systemd/network/10-hostready-ens7.link");
    let Deed::Run(run) = &planned[0].steps[1].does else { panic!() };
    let made = Holds::Written { path: "/boot/initrd.img-6.1.0-50-amd64".to_owned(), since: 7 };
    assert_eq!((run.until.as_ref(), planned[0].touches.len()), (Some(&made), 0));

    written(&mut host, &planned);
    assert_eq!(plans(&host, Intent::Os), [], "twice");
    with_context(&host, Intent::Os, |context| assert!(is_mended(&planned[0], context.findings)));
}

#[test]
fn all_that_is_set_now_is_taken_along_and_the_file_comes_first() {
    let mut host = host();
    let run = "/run/systemd/network";
    let netplan = "[Match]\nOriginalName=ens7\n\n[Link]\nWakeOnLan=off\nMTUBytes=9000\n";
    host.files(run, "link", &[("10-netplan-ens7.link", netplan)]);
    host.say(Query::Directory(run.to_owned()), Answer::Names(vec!["10-netplan-ens7.link.d".to_owned()]));
    let pattern = format!("{run}/10-netplan-ens7.link.d/*.conf");
    let asked = with_context(&host, Intent::Os, |context| open_questions(&[Wanted::parse(FIX)], context));
    assert!(asked.contains(&Query::Files(pattern.clone())), "{asked:?}");
    assert!(refusal(&host).contains("was not read"));

    host.files(
        &format!("{run}/10-netplan-ens7.link.d"),
        "conf",
        &[("a.conf", "[Link]\nMTUBytes=8950\nNamePolicy=path\n")],
    );
    let planned = plans(&host, Intent::Os);
    let said = planned[0].steps[0].does.lines();
    assert_eq!(said[0], "write /etc/systemd/network/10-hostready-ens7.link:");
    assert_eq!(said[5], "  # as in /run/systemd/network/10-netplan-ens7.link, which counts for it no more");
    assert_eq!(said[6..], ["  WakeOnLan=off", "  MTUBytes=9000", "  MTUBytes=8950"]);

    // One that comes before ours would, and one that the NIC met under the name that the kernel gave it.
    host.files(
        "/etc/systemd/network",
        "link",
        &[("00-b.link", "[Match]\nOriginalName=eth*\n[Link]\nRxBufferSize=max\n")],
    );
    let mut nic = host.known_nic();
    let noted = ("ID_NET_LINK_FILE".to_owned(), "/etc/systemd/network/00-b.link".to_owned());
    nic.udev.as_mut().unwrap().extend([noted]);
    host.nic("ens7", nic);
    let planned = plans(&host, Intent::Os);
    let said = planned[0].steps[0].does.lines();
    assert_eq!(
        (said[0].as_str(), said.last().unwrap().as_str()),
        ("write /etc/systemd/network/0-hostready-ens7.link:", "  RxBufferSize=max")
    );
    host.files("/etc/systemd/network", "link", &[("!.link", "[Match]\nOriginalName=ens*\n")]);
    assert_eq!(refusal(&host), "no file that is written comes before !.link");
}

#[test]
fn what_a_file_cannot_keep_or_take_along_is_refused() {
    let own = |text: &str| {
        let mut host = host();
        host.link_file(text);
        refusal(&host)
    };
    let why = own("[Match]\nOriginalName=*\n[Link]\nName=lan0\n");
    assert_eq!(why, "/etc/systemd/network/10-a.link names it lan0: somebody wants it so; change it there");
    let why = own("[Match]\nDriver=virtio_net\n[Link]\nNamePolicy=path\n[SR-IOV]\nVirtualFunction=0\n");
    assert_eq!(why, "/etc/systemd/network/10-a.link has a section [SR-IOV], which is not taken along");
    let why = own("[Match]\nHost=hv*\n[Link]\nMTUBytes=9000\n");
    assert!(why.starts_with("whether /etc/systemd/network/10-a.link counts is not known"), "{why}");

    let with = |change: &dyn Fn(&mut Host)| {
        let mut host = host();
        change(&mut host);
        refusal(&host)
    };
    let why = with(&|host| host.links.get_mut("ens7").unwrap().permanent_mac = None);
    assert!(why.starts_with("its driver knows no permanent address"), "{why}");
    let why = with(&|host| drop(host.links.insert("other".to_owned(), host.links["ens7"].clone())));
    assert_eq!(why, "other has the same permanent address, 52:54:00:a0:00:07");
    // udev applies no .link file at all.
    let why = with(&|host| {
        host.files("/etc/udev/rules.d", "rules", &[("80-net-setup-link.rules", "")]);
    });
    assert!(why.starts_with("a .link file would not keep it: ens7 gets the kernel's own name"), "{why}");
    let why = with(&|host| room(host, 41 * MIB));
    assert_eq!(why, "/boot has 41 MiB free, and an initial ramdisk made again needs 42 MiB: `disk.boot` first");
    let why = with(&|host| drop(host.answers.remove(&Query::Space(BOOT.to_owned()))));
    assert!(!why.is_empty());
}

#[test]
fn without_a_tool_no_ramdisk_is_made_and_the_plan_says_so() {
    let mut host = host();
    host.say(Query::Exists(TOOLS[0].0.to_owned()), Answer::Exists(false));
    room(&mut host, 0);
    let planned = plans(&host, Intent::Os);
    assert_eq!((planned[0].steps.len(), planned[0].refused.as_ref()), (1, None));
    assert!(planned[0].risk.as_ref().unwrap().contains("no program is installed"));
    host.say(Query::Exists(TOOLS[1].0.to_owned()), Answer::Exists(true));
    room(&mut host, 42 * MIB);
    assert!(lines(&plans(&host, Intent::Os))[1].starts_with("dracut --regenerate-all --force"));
}

#[test]
fn of_several_the_ramdisks_are_made_once_and_all_must_turn_green() {
    let mut host = host();
    let (link, nic) = (host.links["ens7"].clone(), host.known_nic());
    let mac = Some("52:54:00:a0:00:08".to_owned());
    host.links.insert("ens8".to_owned(), Link { permanent_mac: mac.clone(), mac, ..link });
    host.nic("ens8", nic);
    let both = plans(&host, Intent::Os);
    assert_eq!((both.len(), both[0].subject.as_str()), (1, "ens7,ens8"));
    let (seven, eight) = ("/etc/systemd/network/10-hostready-ens7.link", "/etc/systemd/network/10-hostready-ens8.link");
    let undo: Vec<String> = both[0].steps.iter().rev().flat_map(|step| &step.undoes).flat_map(Deed::lines).collect();
    let gone = |path: &str| format!("remove {path}");
    assert_eq!(undo, [gone(seven), gone(eight), gone(seven), "update-initramfs -u -k all".to_owned()]);
    let made = both[0].steps.iter().filter(|step| matches!(step.does, Deed::Run(_))).count();
    assert_eq!((both[0].steps.len(), made), (3, 1));

    written(&mut host, &both);
    with_context(&host, Intent::Os, |context| assert!(is_mended(&both[0], context.findings)));
    let text = "[Match]\nPermanentMACAddress=52:54:00:a0:00:07\n[Link]\nName=ens7\n";
    host.files("/etc/systemd/network", "link", &[("10-hostready-ens7.link", text)]);
    with_context(&host, Intent::Os, |context| assert!(!is_mended(&both[0], context.findings), "the second is not"));
}

#[test]
fn a_pin_of_an_earlier_boot_goes_by_undo_alone() {
    use crate::fix::standing::{Left, Standing};
    use crate::fix::turn::turned;
    use crate::model::run::Entry;
    let mut standing = Standing::default();
    standing.take(&Entry::Planned { actions: plans(&host(), Intent::Os) });
    standing.take(&Entry::Done { action: 0, step: 0, already: false });
    standing.take(&Entry::Intent { action: 0, step: 1 });
    standing.request = Some(serde_json::from_value(json!({
        "run": "a", "wanted": [], "accepted": [], "lock_timeout_s": 1, "timeout_s": 1, "profiles": [], "state": "/s",
        "fail_on": "block",
    })).unwrap());
    assert_eq!(standing.left(), Left::Actions(vec![0]), "in the same boot it is taken back");
    // Made again, the ramdisks are made again, too, though they were written to since the pin was planned.
    let back = turned("a", &standing);
    let again: Vec<&Deed> = back[0].steps.iter().flat_map(|step| &step.undoes).collect();
    let run = again.iter().find_map(|deed| if let Deed::Run(run) = deed { Some(run) } else { None }).unwrap();
    assert_eq!(run.until, None);
    standing.boot_id = Some("another".to_owned());
    assert_eq!(standing.left(), Left::Actions(Vec::new()));
    assert_eq!(standing.to_undo().count(), 2);
}

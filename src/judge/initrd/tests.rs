use super::*;
use crate::catalog::Settings;
use crate::catalog::kind::boot::{BOOT, GRUB};
use crate::catalog::kind::packages::STATUS;
use crate::facts::Run;
use crate::model::answer::{Asked, Entry, EntryKind};
use crate::model::report::Intent;
use crate::model::sorted::SortedMap;
use crate::model::{Answer, Answers, Status};

const KERNEL: &str = "6.1.0-50-amd64";
const INITRD: &str = "/boot/initrd.img-6.1.0-50-amd64";
const MENU: &str =
    "menuentry 'Debian' {\n linux /boot/vmlinuz-6.1.0-50-amd64\n initrd /boot/initrd.img-6.1.0-50-amd64\n}\n";
const BARE: &str = "menuentry 'Debian' {\n linux /boot/vmlinuz-6.1.0-50-amd64\n}\n";

struct Host(SortedMap<Query, Asked>);

impl Host {
    fn new(kernels: &[&str]) -> Self {
        let entry = |name: &&str| Entry { name: (*name).to_owned(), kind: EntryKind::File, bytes: 1, target: None };
        let mut host = Self(SortedMap::new());
        host.answer(
            Query::Listing(BOOT.to_owned()),
            Reading::Known(Answer::Listing(kernels.iter().map(entry).collect())),
        );
        for file in GRUB.into_iter().chain([STATUS]) {
            host.file(file, None);
        }
        host
    }

    fn answer(&mut self, query: Query, reading: Reading<Answer>) -> &mut Self {
        self.0.insert(query, Asked { reading, micros: 0 });
        self
    }

    fn file(&mut self, path: &str, text: Option<&str>) -> &mut Self {
        let reading = text.map_or(Reading::Absent, |text| Reading::Known(Answer::Text(text.as_bytes().to_vec())));
        self.answer(Query::File(path.to_owned()), reading)
    }

    fn menu(&mut self, text: &str) -> &mut Self {
        self.file("/boot/grub/grub.cfg", Some(text))
    }

    fn packaged(&mut self) -> &mut Self {
        self.file(STATUS, Some(&format!("Package: linux-image-{KERNEL}\nStatus: install ok installed\n")))
    }

    /// What `listing:PATH` says of a link.
    fn link(&mut self, path: &str, target: &str) -> &mut Self {
        let name = path.trim_start_matches('/').to_owned();
        let link = Entry { name, kind: EntryKind::Link, bytes: 1, target: Some(target.to_owned()) };
        self.answer(Query::Listing(path.to_owned()), Reading::Known(Answer::Listing(vec![link])))
    }

    fn space(&mut self, mount_point: &str) -> &mut Self {
        let space = serde_json::from_value(serde_json::json!({
            "available": 1, "device": "254:0", "existing": BOOT, "filesystem_type": "ext4", "free": 1, "inodes": 1,
            "inodes_available": 1, "mount_point": mount_point, "no_exec": false, "read_only": false, "size": 1,
        }));
        self.answer(Query::Space(BOOT.to_owned()), Reading::Known(Answer::Space(space.unwrap())))
    }

    fn initrd(&mut self, bytes: u64, fault: Option<&str>, not_followed: Option<&str>) -> &mut Self {
        let owned = |text: Option<&str>| text.map(str::to_owned);
        let formats = vec!["cpio".to_owned()];
        let (fault, not_followed) = (owned(fault), owned(not_followed));
        let initrd = Initrd { bytes, formats, fault, not_followed, early_only: false };
        self.answer(Query::Initrd(INITRD.to_owned()), Reading::Known(Answer::Initrd(initrd)))
    }

    fn early(&mut self, path: &str) -> &mut Self {
        let formats = vec!["cpio".to_owned()];
        let initrd = Initrd { bytes: 3072, formats, fault: None, not_followed: None, early_only: true };
        self.answer(Query::Initrd(path.to_owned()), Reading::Known(Answer::Initrd(initrd)))
    }

    fn all(&self) -> Vec<Outcome> {
        let answers = Answers(self.0.clone());
        let run = Run { intent: Intent::Reboot, asked_at: "2026-11-20T09:14:02Z" };
        judge(&Facts::new(&answers, &Settings::default(), run))
    }

    fn judge(&self) -> Outcome {
        let mut outcomes = self.all();
        assert_eq!(outcomes.len(), 1);
        outcomes.remove(0)
    }

    fn typed(&self) -> Vec<String> {
        self.judge().by_hand.iter().map(|argv| argv.join(" ")).collect()
    }

    fn says(&self) -> (Status, Option<&'static str>) {
        let outcome = self.judge();
        (outcome.status, outcome.cause)
    }
}

#[test]
fn a_kernel_of_one_s_own_may_do_without() {
    let mut host = Host::new(&["vmlinuz-6.1.0-50-amd64"]);
    host.menu(BARE).answer(Query::Initrd(INITRD.to_owned()), Reading::Absent);
    assert_eq!(host.says(), (Status::Pass, None));
    host.packaged();
    assert_eq!(host.says(), (Status::Fail, Some("missing")));
    host.initrd(1, None, None);
    let outcome = host.judge();
    assert_eq!(outcome.cause, Some("missing"));
    assert!(outcome.detail.contains("when the menu was written"), "{}", outcome.detail);
}

#[test]
fn what_is_named_must_be_there_and_whole() {
    let mut host = Host::new(&["vmlinuz-6.1.0-50-amd64"]);
    host.menu(MENU);
    assert_eq!(host.says(), (Status::Unknown, Some("not-asked")), "the follow-up asks");
    assert_eq!(host.initrd(9, None, None).says(), (Status::Pass, None));
    assert_eq!(host.initrd(0, Some("it ends"), None).says(), (Status::Fail, Some("empty")));
    assert_eq!(host.initrd(9, Some("it ends"), None).says(), (Status::Fail, Some("truncated")));
    let outcome = host.initrd(9, None, Some("it is packed with bzip2")).judge();
    assert_eq!((outcome.status, outcome.at_most), (Status::Unknown, Some(Level::Warn)));
    host.answer(Query::Initrd(INITRD.to_owned()), Reading::unreadable(TroubleCause::TimedOut, "late"));
    assert_eq!(host.judge().at_most, Some(Level::Warn));
    host.answer(Query::Initrd(INITRD.to_owned()), Reading::unreadable(TroubleCause::Denied, "denied"));
    assert_eq!((host.says(), host.judge().at_most), ((Status::Unknown, Some("denied")), None));
}

/// grub-mkconfig writes this where /boot holds microcode.cpio, intel-ucode.img and their like.
#[test]
fn what_the_processor_needs_may_lie_in_a_file_of_its_own() {
    let mut host = Host::new(&["vmlinuz-6.1.0-50-amd64"]);
    let early = "/boot/microcode.cpio";
    host.menu(&MENU.replace("initrd /boot", &format!("initrd {early} /boot"))).early(early).packaged();
    let says = |host: &Host| -> Vec<(Status, String, Option<&'static str>)> {
        host.all().into_iter().map(|it| (it.status, it.subject, it.cause)).collect()
    };
    let passes = |path: &str| (Status::Pass, path.to_owned(), None);
    assert_eq!(says(host.initrd(9, None, None)), [passes(early), passes(INITRD)]);
    // The fault is that of the file that has it.
    let cut = says(host.initrd(9, Some("it ends"), None));
    assert_eq!(cut, [passes(early), (Status::Fail, INITRD.to_owned(), Some("truncated"))]);
    host.answer(Query::Initrd(INITRD.to_owned()), Reading::Absent);
    assert_eq!(says(&host), [passes(early), (Status::Fail, INITRD.to_owned(), Some("missing"))]);
    // Cut off right behind its own first part.
    assert_eq!(says(host.early(INITRD)), [(Status::Fail, INITRD.to_owned(), Some("truncated"))]);
    host.menu(MENU);
    assert_eq!(says(&host), [(Status::Fail, INITRD.to_owned(), Some("truncated"))]);
}

#[test]
fn a_kernel_with_nothing_but_microcode_has_no_initial_ramdisk() {
    let mut host = Host::new(&["vmlinuz-6.1.0-50-amd64"]);
    host.menu(&MENU.replace("/boot/initrd.img-6.1.0-50-amd64", "/boot/intel-ucode.img")).early("/boot/intel-ucode.img");
    assert_eq!(host.says(), (Status::Pass, None), "one of one's own");
    let outcome = host.packaged().judge();
    assert_eq!((outcome.status, outcome.cause, outcome.subject.as_str()), (Status::Fail, Some("missing"), INITRD));
}

#[test]
fn a_menu_of_yesterday_starts_a_kernel_that_is_gone() {
    let mut host = Host::new(&["vmlinuz-6.1.0-51-amd64"]);
    assert_eq!(host.menu(MENU).says(), (Status::Fail, Some("no-kernel")));
    assert_eq!(host.typed(), ["ls -l /boot", "update-grub"]);
}

#[test]
fn how_it_is_mended_depends_on_what_is_wrong() {
    const MADE: &str = "update-initramfs -c -k 6.1.0-50-amd64";
    let look = format!("lsinitramfs {INITRD}");
    let mut host = Host::new(&["vmlinuz-6.1.0-50-amd64"]);
    host.menu(MENU).answer(Query::Initrd(INITRD.to_owned()), Reading::Absent);
    assert_eq!(host.typed(), ["ls -l /boot", MADE, "update-grub"], "there is none to update");
    for (bytes, fault) in [(0, None), (9, Some("it ends"))] {
        host.initrd(bytes, fault, None);
        assert_eq!(host.typed(), ["ls -l /boot", &look, "update-initramfs -u -k 6.1.0-50-amd64"]);
    }
    host.initrd(9, None, None).menu(BARE).packaged();
    assert_eq!(host.typed(), ["ls -l /boot", &look, "update-grub"], "only the menu does not know of it");
    let other = MENU.replace("/boot/initrd.img-", "/boot/microcode-");
    let named = INITRD.replace("/boot/initrd.img-", "/boot/microcode-");
    host.menu(&other).answer(Query::Initrd(named), Reading::Absent);
    assert_eq!(host.says(), (Status::Fail, Some("missing")));
    assert!(host.typed().is_empty(), "no tool makes a file of that name");
}

#[test]
fn the_link_in_the_root_is_followed() {
    let mut host = Host::new(&["vmlinuz-6.1.0-50-amd64"]);
    host.menu("menuentry 'Debian' {\n linux /vmlinuz root=/dev/sda1\n initrd /initrd.img\n}\n").initrd(9, None, None);
    let outcome = host.judge();
    assert_eq!((outcome.status, outcome.at_most), (Status::Unknown, Some(Level::Warn)), "nobody read the link");
    host.link("/vmlinuz", "boot/vmlinuz-6.1.0-50-amd64").space("/");
    let whole = Initrd { bytes: 9, formats: Vec::new(), fault: None, not_followed: None, early_only: false };
    host.answer(Query::Initrd("/initrd.img".to_owned()), Reading::Known(Answer::Initrd(whole)));
    let outcome = host.judge();
    assert_eq!((outcome.status, outcome.subject.as_str()), (Status::Pass, "/initrd.img"));
    assert_eq!(outcome.observed["kernel"], KERNEL);
    // The boot loader does not see the root where /boot is a filesystem of its own.
    assert_eq!(host.space(BOOT).judge().at_most, Some(Level::Warn));
}

#[test]
fn a_kernel_in_a_directory_below_is_not_called_gone() {
    let mut host = Host::new(&["vmlinuz-6.1.0-51-amd64"]);
    let outcome = host.menu(&MENU.replace("/boot/", "/boot/sub/")).judge();
    assert_eq!((outcome.status, outcome.at_most), (Status::Unknown, Some(Level::Warn)));
}

#[test]
fn a_kernel_of_no_bytes_is_none() {
    let mut host = Host::new(&[]);
    let empty = |name: &str| Entry { name: name.to_owned(), kind: EntryKind::File, bytes: 0, target: None };
    let listing = |entries| Reading::Known(Answer::Listing(entries));
    host.menu(MENU).initrd(9, None, None);
    host.answer(Query::Listing(BOOT.to_owned()), listing(vec![empty("vmlinuz-6.1.0-50-amd64")]));
    assert_eq!(host.says(), (Status::Fail, Some("no-kernel")));
    let dangling = Entry { kind: EntryKind::DanglingLink, ..empty("vmlinuz-6.1.0-50-amd64") };
    host.answer(Query::Listing(BOOT.to_owned()), listing(vec![dangling]));
    assert_eq!(host.says(), (Status::Fail, Some("no-kernel")));
    host.file("/boot/grub/grub.cfg", None);
    host.answer(Query::Listing(BOOT.to_owned()), listing(vec![empty("vmlinuz-6.1.0-50-amd64")]));
    assert_eq!(host.says(), (Status::Fail, Some("no-kernel")), "nor is there another");
    let other = Entry { bytes: 1, ..empty("vmlinuz-6.1.0-49-amd64") };
    host.answer(Query::Listing(BOOT.to_owned()), listing(vec![empty("vmlinuz-6.1.0-50-amd64"), other]));
    assert_eq!(host.judge().observed["kernel"], "6.1.0-49-amd64");
}

#[test]
fn where_no_menu_tells_it_is_the_newest() {
    let mut host = Host::new(&["vmlinuz-6.1.0-9-amd64", "vmlinuz-6.1.0-50-amd64"]);
    for menu in [None, Some("blscfg\n")] {
        host.file("/boot/grub/grub.cfg", menu).initrd(9, None, None);
        let outcome = host.judge();
        assert_eq!((outcome.status, outcome.subject.as_str()), (Status::Pass, INITRD));
        assert_eq!(outcome.observed["chosen_by"], "the newest in /boot");
    }
}

#[test]
fn a_menu_that_may_not_be_read_is_unknown_and_a_container_has_no_kernel() {
    let mut host = Host::new(&["vmlinuz-6.1.0-50-amd64"]);
    let denied = Reading::unreadable(TroubleCause::Denied, "cannot look at /boot/grub/grub.cfg");
    host.answer(Query::File("/boot/grub/grub.cfg".to_owned()), denied);
    assert_eq!(host.says(), (Status::Unknown, Some("denied")));
    assert_eq!(Host::new(&[]).says(), (Status::Skip, Some("not-present")));
}

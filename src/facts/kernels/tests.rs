use super::*;

/// What `dpkg --compare-versions` says of pairs of kernels' names.
#[test]
fn versions_are_in_the_order_of_dpkg() {
    let table = include_str!("../../../tests/fixtures/versions-by-dpkg.txt");
    let mut compared = 0;
    for line in table.lines() {
        let [one, sign, other] = line.split(' ').collect::<Vec<_>>()[..] else { panic!("{line}") };
        let expected = match sign {
            "<" => Ordering::Less,
            ">" => Ordering::Greater,
            _ => Ordering::Equal,
        };
        assert_eq!(compare(one, other), expected, "{line}");
        assert_eq!(compare(other, one), expected.reverse(), "{line}, the other way");
        assert_eq!(compare(one, one), Ordering::Equal);
        compared += 1;
    }
    assert!(compared > 100);
    assert_eq!(compare("6.12-rc7-amd64", "6.12-amd64"), Ordering::Less, "a candidate comes first");
    assert_eq!(compare("99999999999999999999999", "1"), Ordering::Greater, "a number beyond all numbers");
}

fn entry(name: &str, kind: EntryKind) -> answer::Entry {
    answer::Entry { name: name.to_owned(), kind, bytes: 1, target: None }
}

fn files(names: &[&str]) -> Vec<answer::Entry> {
    names.iter().map(|name| entry(name, EntryKind::File)).collect()
}

#[test]
fn the_newest_is_the_newest_kernel_and_nothing_that_lies_beside() {
    let mut boot = files(&[
        "config-6.9.0-1-amd64",
        "vmlinuz-6.1.0-9-amd64",
        "vmlinuz-6.1.0-50-amd64",
        "vmlinuz-6.1.0-60-amd64.dpkg-new",
        "vmlinuz-6.1.0-70-amd64.old",
        "vmlinuz-0-rescue-5f0c1e4b",
        "vmlinuz.old",
        "initrd.img-6.1.0-80-amd64",
    ]);
    boot.push(entry("vmlinuz-7.0.0-1-amd64", EntryKind::DanglingLink));
    let newest = NextKernel::newest(&boot).unwrap();
    assert_eq!(newest.version.as_deref(), Some("6.1.0-50-amd64"));
    assert_eq!(newest.image, "/boot/vmlinuz-6.1.0-50-amd64");
    assert_eq!(newest.initrds, ["/boot/initrd.img-6.1.0-50-amd64"]);
    assert_eq!(NextKernel::newest(&files(&["grub", "initrd.img-6.1.0-80-amd64"])), None);
}

#[test]
fn a_path_of_the_menu_is_found_in_boot_whichever_filesystem_it_is_on() {
    for written in
        ["/vmlinuz-6.1", "/boot/vmlinuz-6.1", "/@/boot/vmlinuz-6.1", "/BOOT/debian@/vmlinuz-6.1", "vmlinuz-6.1"]
    {
        assert_eq!(in_boot(written), "/boot/vmlinuz-6.1", "{written}");
    }
}

#[test]
fn a_link_in_boot_tells_the_version_of_what_it_leads_to() {
    let menu = |linux: &str| {
        let mut entry = Entry::default();
        entry.linux = Some(linux.to_owned());
        entry
    };
    let mut link = entry("vmlinuz", EntryKind::Link);
    link.target = Some("vmlinuz-6.1.0-50-amd64".to_owned());
    let next = NextKernel::of_entry(&menu("/boot/vmlinuz"), &[link]).unwrap();
    assert_eq!((next.version.as_deref(), next.image.as_str()), (Some("6.1.0-50-amd64"), "/boot/vmlinuz"));
    let next = NextKernel::of_entry(&menu("/boot/bzImage"), &[]).unwrap();
    assert_eq!((next.version, next.initrds.len()), (None, 0));
    assert_eq!(NextKernel::of_entry(&Entry::default(), &[]), None, "an entry that starts no kernel");
}

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

/// What the menu's path leads to where these files are seen.
fn next(linux: &str, initrds: &[&str], files: &[(&str, &answer::Entry)]) -> NextKernel {
    let mut menu = Entry::default();
    menu.linux = Some(linux.to_owned());
    menu.initrds = initrds.iter().map(|path| (*path).to_owned()).collect();
    let files = files.iter().map(|(directory, file)| (format!("{directory}/{}", file.name), *file)).collect();
    NextKernel::of_entry(&menu, &files).unwrap()
}

#[test]
fn an_empty_kernel_is_not_the_newest_while_there_is_another() {
    let mut boot = files(&["vmlinuz-6.1.0-9-amd64", "vmlinuz-6.1.0-50-amd64"]);
    boot[1].bytes = 0;
    let newest = NextKernel::newest(&boot).unwrap();
    assert_eq!((newest.image.as_str(), newest.found), ("/boot/vmlinuz-6.1.0-9-amd64", Found::Kernel));
    let newest = NextKernel::newest(&boot[1..]).unwrap();
    assert_eq!((newest.image.as_str(), newest.found), ("/boot/vmlinuz-6.1.0-50-amd64", Found::Empty));
}

#[test]
fn a_path_of_the_menu_is_found_in_boot_whichever_filesystem_it_is_on() {
    let file = entry("vmlinuz-6.1", EntryKind::File);
    for written in
        ["/vmlinuz-6.1", "/boot/vmlinuz-6.1", "/@/boot/vmlinuz-6.1", "/BOOT/debian@/vmlinuz-6.1", "vmlinuz-6.1"]
    {
        let initrd = written.replace("vmlinuz", "initrd.img");
        let next = next(written, &[&initrd], &[("/boot", &file)]);
        assert_eq!((next.image.as_str(), next.found), ("/boot/vmlinuz-6.1", Found::Kernel), "{written}");
        assert_eq!(next.initrds, ["/boot/initrd.img-6.1"], "{written}");
    }
}

#[test]
fn only_a_version_in_boot_itself_tells_that_a_kernel_is_gone() {
    let other = entry("vmlinuz-6.2", EntryKind::File);
    for (written, image, found) in [
        ("/boot/vmlinuz-6.1", "/boot/vmlinuz-6.1", Found::Nothing),
        ("/vmlinuz-6.1", "/boot/vmlinuz-6.1", Found::Nothing),
        ("/@/boot/vmlinuz-6.1", "/boot/vmlinuz-6.1", Found::Nothing),
        ("/BOOT/debian@/vmlinuz-6.1", "/boot/vmlinuz-6.1", Found::Nothing),
        ("/boot/sub/vmlinuz-6.1", "/boot/sub/vmlinuz-6.1", Found::Unseen),
        ("/sub/vmlinuz-6.1", "/boot/vmlinuz-6.1", Found::Unseen),
        ("/boot/vmlinuz", "/boot/vmlinuz", Found::Unseen),
        ("/vmlinuz", "/vmlinuz", Found::Unseen),
    ] {
        let next = next(written, &[], &[("/boot", &other)]);
        assert_eq!((next.image.as_str(), next.found), (image, found), "{written}");
    }
}

#[test]
fn a_link_tells_the_version_of_what_it_leads_to() {
    let mut link = entry("vmlinuz", EntryKind::Link);
    link.target = Some("vmlinuz-6.1.0-50-amd64".to_owned());
    let found = next("/boot/vmlinuz", &[], &[("/boot", &link)]);
    assert_eq!((found.version.as_deref(), found.image.as_str()), (Some("6.1.0-50-amd64"), "/boot/vmlinuz"));
    // Where /boot is a filesystem of its own.
    let found = next("/vmlinuz", &["/initrd.img"], &[("/boot", &link)]);
    assert_eq!((found.image.as_str(), &*found.initrds), ("/boot/vmlinuz", &["/boot/initrd.img".to_owned()][..]));
    // Where it is not, Debian's links lie in the root.
    link.target = Some("boot/vmlinuz-6.1.0-50-amd64".to_owned());
    let kernel = entry("vmlinuz-6.1.0-50-amd64", EntryKind::File);
    let found = next("/vmlinuz", &["/initrd.img"], &[("", &link), ("/boot", &kernel)]);
    assert_eq!((found.version.as_deref(), found.found), (Some("6.1.0-50-amd64"), Found::Kernel));
    assert_eq!((found.image.as_str(), &*found.initrds), ("/vmlinuz", &["/initrd.img".to_owned()][..]));
    link.kind = EntryKind::DanglingLink;
    assert_eq!(next("/vmlinuz", &[], &[("", &link), ("/boot", &kernel)]).found, Found::Empty);
    let found = next("/boot/bzImage", &[], &[]);
    assert_eq!((found.version, found.initrds.len()), (None, 0));
    assert_eq!(NextKernel::of_entry(&Entry::default(), &SortedMap::new()), None, "an entry that starts no kernel");
}

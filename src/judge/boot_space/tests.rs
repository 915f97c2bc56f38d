use super::*;

fn file(name: &str, bytes: u64) -> Entry {
    Entry { name: name.to_owned(), kind: EntryKind::File, bytes, target: None }
}

#[test]
fn sizes_are_those_of_the_release_upgrader() {
    let kernel = "5.15.0-130-generic";
    let boot = [
        file("vmlinuz-5.15.0-130-generic", 11 * MIB),
        file("System.map-5.15.0-130-generic", 6 * MIB),
        file("config-5.15.0-130-generic", MIB),
        file("initrd.img-5.15.0-130-generic", 100 * MIB),
        // Left behind by an interrupted upgrade, and what belongs to others.
        file("initrd.img-5.15.0-130-generic.new", 50 * MIB),
        file("vmlinuz-5.15.0-130-generic.dpkg-tmp", 11 * MIB),
        file("config-5.15.0-130-generic.bak", MIB),
        file("vmlinuz-5.15.0-91-generic", 11 * MIB),
    ];
    assert_eq!(sizes(&boot, kernel), (19 * MIB, 105 * MIB));
    let small = [file("vmlinuz-5.15.0-130-generic", 11 * MIB), file("initrd.img-5.15.0-130-generic", 6 * MIB)];
    assert_eq!(sizes(&small, kernel), (12 * MIB, 7 * MIB), "the margin is a mebibyte at least");
    assert_eq!(sizes(&small[..1], kernel).1, USUAL_INITRD + USUAL_INITRD / 20, "where none is there");
}

//! Initial ramdisks packed by the real programs (tests/fixtures/initrd/make), whole, cut off and damaged.

use std::io::Cursor;
use std::time::Duration;

use super::*;

macro_rules! fixture {
    ($name:literal) => {
        ($name, include_bytes!(concat!("../../../../tests/fixtures/initrd/", $name)).as_slice())
    };
}

const EARLY: &[u8] = include_bytes!("../../../../tests/fixtures/initrd/early.cpio");

/// What can be followed, and the format that it is.
const PACKED: [((&str, &[u8]), &str); 11] = [
    (fixture!("main.zst"), "zstd"),
    (fixture!("plain.zst"), "zstd"),
    (fixture!("main.lz4"), "lz4"),
    (fixture!("full.lz4"), "lz4"),
    (fixture!("frame.lz4"), "lz4"),
    (fixture!("main.xz"), "xz"),
    (fixture!("blocks.xz"), "xz"),
    (fixture!("main.gz"), "gzip"),
    (fixture!("named.gz"), "gzip"),
    (fixture!("main.cpio"), "cpio"),
    (fixture!("early.cpio"), "cpio"),
];

fn look(bytes: &[u8]) -> Initrd {
    let deadline = Instant::now() + Duration::from_secs(60);
    match described(Path::new("/boot/initrd.img"), Cursor::new(bytes), bytes.len() as u64, deadline) {
        Reading::Known(initrd) => initrd,
        other => panic!("{other:?}"),
    }
}

fn is_whole(bytes: &[u8]) -> bool {
    let initrd = look(bytes);
    initrd.fault.is_none() && initrd.not_followed.is_none() && !initrd.early_only
}

/// As they lie in /boot: what the processor needs, padding, and the system.
fn behind_early(packed: &[u8]) -> Vec<u8> {
    [EARLY, &[0; 512], packed].concat()
}

#[test]
fn a_whole_one_is_followed_to_its_end() {
    for ((name, bytes), format) in PACKED.into_iter().filter(|((name, _), _)| *name != "early.cpio") {
        let alone = look(bytes);
        assert_eq!((alone.fault, alone.not_followed), (None, None), "{name}");
        assert_eq!(alone.formats, [format], "{name}");
        let whole = look(&behind_early(bytes));
        assert_eq!((whole.fault, whole.not_followed), (None, None), "{name} behind another");
        assert_eq!(whole.formats.last().map(String::as_str), Some(format), "{name}");
        assert_eq!(whole.formats[0], "cpio", "{name}");
        let padded = [bytes, &[0; 300]].concat();
        assert!(is_whole(&padded), "{name}, padded: {:?}", look(&padded));
    }
}

#[test]
fn every_cut_is_told() {
    for ((name, bytes), _) in PACKED {
        // Zeros behind the last archive are padding, whoever wrote them.
        let content = bytes.iter().rposition(|byte| *byte != 0).unwrap();
        let step = bytes.len() / 300 + 1;
        let last = content.saturating_sub(40);
        for cut in (0..content).step_by(step).chain(last..=content) {
            let initrd = look(&bytes[..cut]);
            assert!(initrd.fault.is_some(), "{name}, {cut} of {} bytes: {initrd:?}", bytes.len());
        }
    }
}

#[test]
fn a_cut_between_the_blocks_of_lz4_is_told() {
    let ((_, bytes), _) = PACKED[2];
    let first = u32::from_le_bytes(bytes[4..8].try_into().unwrap()) as usize;
    let initrd = look(&bytes[..8 + first]);
    assert!(initrd.fault.unwrap().starts_with("it ends within its lz4 part"));
}

#[test]
fn a_cut_within_what_precedes_the_system_is_told() {
    let whole = behind_early(PACKED[0].0.1);
    for cut in (0..EARLY.len() + 520).step_by(3) {
        let initrd = look(&whole[..cut]);
        assert!(initrd.fault.is_some() || initrd.early_only, "{cut}: {initrd:?}");
    }
}

/// `intel-ucode.img`, `microcode.cpio` and their like lie in files of their own.
#[test]
fn what_is_only_there_for_the_processor_is_whole_and_holds_no_system() {
    for bytes in [EARLY.to_vec(), [EARLY, &[0; 512], EARLY].concat()] {
        let initrd = look(&bytes);
        assert_eq!((initrd.fault, initrd.not_followed, initrd.early_only), (None, None, true));
    }
    assert!(!look(&behind_early(PACKED[9].0.1)).early_only, "plain cpio with a system in it");
    // As dracut marks its own: a file of one byte, put before the rest.
    let numbers = [1, 0o100644, 0, 0, 1, 0, 1, 0, 0, 0, 0, 11, 0].map(|number| format!("{number:08x}")).concat();
    let marked = [format!("070701{numbers}early_cpio\0\0\0\0").as_bytes(), b"1\0\0\0", EARLY].concat();
    let initrd = look(&marked);
    assert_eq!((initrd.fault, initrd.early_only), (None, true));
    let zeros = look(&[0; 512]);
    assert!(zeros.fault.is_some() && !zeros.early_only);
    let old: Initrd = serde_json::from_str(r#"{"bytes": 1, "formats": ["zstd"], "fault": null}"#).unwrap();
    assert!(!old.early_only, "of a recording that does not tell");
}

/// A file whose last blocks never reached the disk before the power went.
#[test]
fn zeros_in_the_place_of_the_end_are_told() {
    // The blocks of that one are so short that fewer than a row of zeros may be left of one.
    for ((name, bytes), _) in PACKED.into_iter().filter(|((name, _), _)| *name != "frame.lz4") {
        for part in 1..10 {
            let mut zeroed = bytes.to_vec();
            let from = bytes.len() * part / 10;
            if zeroed[from..].iter().all(|byte| *byte == 0) {
                continue;
            }
            zeroed[from..].fill(0);
            assert!(look(&zeroed).fault.is_some(), "{name} from {from} on: {:?}", look(&zeroed));
        }
        assert!(look(&vec![0; bytes.len()]).fault.is_some(), "{name}: zeros alone");
    }
}

#[test]
fn damage_never_panics_and_never_runs_past_the_end() {
    for ((name, bytes), _) in PACKED {
        for at in (0..bytes.len()).step_by(bytes.len() / 12 + 1) {
            for flip in [0x01, 0xff] {
                let mut damaged = bytes.to_vec();
                damaged[at] ^= flip;
                let initrd = look(&damaged);
                assert_eq!(initrd.bytes, bytes.len() as u64, "{name}");
            }
        }
    }
}

#[test]
fn what_cannot_be_followed_says_so_and_is_no_fault() {
    for ((name, bytes), format) in
        [(fixture!("main.bz2"), "bzip2"), (fixture!("main.lzma"), "lzma"), (fixture!("main.lzo"), "lzop")]
    {
        let initrd = look(&behind_early(bytes));
        assert_eq!(initrd.fault, None, "{name}");
        assert_eq!(initrd.formats, ["cpio", format]);
        let why = initrd.not_followed.unwrap();
        assert!(why.starts_with("from byte 3072 on") && why.contains(format), "{why}");
    }
    let appended = look(&[PACKED[5].0.1, PACKED[9].0.1].concat());
    assert_eq!(appended.fault, None);
    assert!(appended.not_followed.unwrap().contains("something follows"), "an archive behind xz");
    let garbage = look(b"#!/bin/sh\necho this is no initrd\n");
    assert!(garbage.not_followed.unwrap().starts_with("from byte 0 on"));
}

#[test]
fn archives_of_every_kind_follow_each_other() {
    let parts: Vec<u8> = [0, 2, 4, 7, 9, 5].into_iter().flat_map(|at| PACKED[at].0.1.to_vec()).collect();
    let initrd = look(&parts);
    assert_eq!((initrd.fault, initrd.not_followed), (None, None));
    assert_eq!(initrd.formats, ["zstd", "lz4", "gzip", "cpio", "xz"]);
}

#[test]
fn a_file_that_is_none_is_no_answer() {
    let directory = tempfile::tempdir().unwrap();
    let soon = Instant::now() + Duration::from_secs(5);
    assert!(matches!(initrd(directory.path(), soon), Reading::Unreadable(_)));
    assert_eq!(initrd(&directory.path().join("none"), soon), Reading::Absent);
    let late = described(Path::new("x"), Cursor::new(EARLY), EARLY.len() as u64, Instant::now());
    assert!(matches!(late, Reading::Unreadable(trouble) if trouble.cause == TroubleCause::TimedOut));
}

//! Which journals may go: those that hold nothing of this boot or of the one before.
//!
//! journald's own vacuum cannot promise that. It counts what rotation has just added, and deletes by the time at which a
//! file begins, so a file that reaches into the boot that is to be looked into goes with the oldest. The header of a file
//! says in which boot it was last written to, and entries are only ever added at the end: whatever was last written to
//! two boots ago holds nothing younger.
//! <https://systemd.io/JOURNAL_FILE_FORMAT/>

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

const SIGNATURE: &[u8] = b"LPKSHHRH";
const BOOT_ID: usize = 56;
const TAIL_REALTIME: usize = 192;
const LENGTH: usize = 200;

/// The last entry of a journal file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tail {
    pub boot: u128,
    /// Microseconds since 1970.
    pub realtime: u64,
}

impl Tail {
    /// None where this is no journal: then nobody knows what it holds.
    pub fn of(path: &Path) -> Option<Self> {
        Self::parse(&header(path).ok()?)
    }

    fn parse(header: &[u8]) -> Option<Self> {
        let boot = header.get(BOOT_ID..BOOT_ID + 16)?.try_into().ok()?;
        let realtime = header.get(TAIL_REALTIME..TAIL_REALTIME + 8)?.try_into().ok()?;
        let tail = Self { boot: u128::from_be_bytes(boot), realtime: u64::from_le_bytes(realtime) };
        (header.starts_with(SIGNATURE) && tail.boot != 0).then_some(tail)
    }
}

fn header(path: &Path) -> io::Result<Vec<u8>> {
    let flags = nix::libc::O_NONBLOCK | nix::libc::O_NOFOLLOW;
    let file = File::options().read(true).custom_flags(flags).open(path)?;
    let mut bytes = Vec::new();
    file.take(LENGTH as u64).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// The boots of which nothing may go: this one, and the last before it of which there is anything.
#[derive(Debug, PartialEq, Eq)]
pub struct Spared([u128; 2]);

impl Spared {
    pub fn new(current: u128, tails: impl Iterator<Item = Tail>) -> Self {
        let before = tails.filter(|tail| tail.boot != current).max_by_key(|tail| tail.realtime);
        Self([current, before.map_or(current, |tail| tail.boot)])
    }

    pub fn has(&self, tail: Tail) -> bool {
        self.0.contains(&tail.boot)
    }
}

/// A boot as the kernel writes it, with dashes.
pub fn parse_boot(text: &str) -> Option<u128> {
    let digits: String = text.trim().chars().filter(|character| *character != '-').collect();
    (digits.len() == 32).then(|| u128::from_str_radix(&digits, 16).ok()).flatten()
}

#[cfg(test)]
pub mod tests {
    use super::*;

    /// What a journal begins with that was last written to then.
    pub fn written(boot: u128, realtime: u64) -> Vec<u8> {
        let mut header = vec![0; 8192];
        header[..SIGNATURE.len()].copy_from_slice(SIGNATURE);
        header[BOOT_ID..BOOT_ID + 16].copy_from_slice(&boot.to_be_bytes());
        header[TAIL_REALTIME..TAIL_REALTIME + 8].copy_from_slice(&realtime.to_le_bytes());
        header
    }

    #[test]
    fn this_boot_and_the_last_before_it_are_spared() {
        let tail = |boot, realtime| Tail { boot, realtime };
        let spared = Spared::new(9, [tail(1, 10), tail(7, 30), tail(9, 40), tail(3, 20)].into_iter());
        assert_eq!(spared, Spared([9, 7]));
        assert!(spared.has(tail(7, 5)) && !spared.has(tail(3, 20)));
        assert_eq!(Spared::new(9, std::iter::empty()), Spared([9, 9]));
    }

    #[test]
    fn what_is_no_journal_has_no_last_entry() {
        assert_eq!(Tail::parse(&written(5, 7)), Some(Tail { boot: 5, realtime: 7 }));
        assert_eq!(Tail::parse(&written(0, 7)), None, "never written to");
        assert_eq!(Tail::parse(&written(5, 7)[..100]), None);
        assert_eq!(Tail::parse(&[1; 8192]), None);
        assert_eq!(parse_boot("00000000-0000-0000-0000-0000000000ff\n"), Some(255));
        assert_eq!(parse_boot("x"), None);
    }
}

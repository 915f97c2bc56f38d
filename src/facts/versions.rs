//! Which of two versions is the higher, as dpkg sees it.

use std::cmp::Ordering;
use std::iter::Peekable;
use std::str::Bytes;

/// `EPOCH:UPSTREAM-REVISION`, of which epoch and revision may be missing.
/// <https://manpages.debian.org/stable/dpkg-dev/deb-version.7.en.html>
pub fn compare(one: &str, other: &str) -> Ordering {
    let (epoch, upstream, revision) = parts(one);
    let (others_epoch, others_upstream, others_revision) = parts(other);
    let upstreams = || compare_part(upstream, others_upstream);
    epoch.cmp(&others_epoch).then_with(upstreams).then_with(|| compare_part(revision, others_revision))
}

fn parts(version: &str) -> (u64, &str, &str) {
    let epoch = version.split_once(':').and_then(|(epoch, rest)| Some((epoch.parse().ok()?, rest)));
    let (epoch, rest) = epoch.unwrap_or((0, version));
    let (upstream, revision) = rest.rsplit_once('-').unwrap_or((rest, ""));
    (epoch, upstream, revision)
}

fn compare_part(one: &str, other: &str) -> Ordering {
    let (mut one, mut other) = (one.bytes().peekable(), other.bytes().peekable());
    while one.peek().is_some() || other.peek().is_some() {
        let order = compare_words(&mut one, &mut other).then_with(|| number(&mut one).cmp(&number(&mut other)));
        if order.is_ne() {
            return order;
        }
    }
    Ordering::Equal
}

/// What stands before the next digit.
fn compare_words(one: &mut Peekable<Bytes<'_>>, other: &mut Peekable<Bytes<'_>>) -> Ordering {
    loop {
        let next = |bytes: &mut Peekable<Bytes<'_>>| bytes.next_if(|byte| !byte.is_ascii_digit());
        match (next(one), next(other)) {
            (None, None) => return Ordering::Equal,
            (one, other) => match weight(one).cmp(&weight(other)) {
                Ordering::Equal => {}
                order => return order,
            },
        }
    }
}

/// `~` before the end, the end before letters, letters before the rest.
fn weight(byte: Option<u8>) -> i32 {
    match byte {
        Some(b'~') => -1,
        None => 0,
        Some(letter) if letter.is_ascii_alphabetic() => i32::from(letter),
        Some(other) => i32::from(other) + 256,
    }
}

fn number(bytes: &mut Peekable<Bytes<'_>>) -> u64 {
    let mut number: u64 = 0;
    while let Some(digit) = bytes.next_if(u8::is_ascii_digit) {
        number = number.saturating_mul(10).saturating_add(u64::from(digit - b'0'));
    }
    number
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each as `dpkg --compare-versions` has it; that without epochs is tested with the names of kernels.
    #[test]
    fn an_epoch_counts_more_than_all_that_follows() {
        for (lower, higher) in [
            ("9.0.0-4", "1:7.2+dfsg-7"),
            ("1:7.2+dfsg-7+deb12u16", "1:10.0.2+ds-2"),
            ("1:9.2p1-2+deb12u3", "1:10.0p1-7"),
            ("3.1.0-2", "3.1.0-2+deb12u1"),
            ("2.17.9-0ubuntu0.22.04.1", "3.3.0-1build1"),
            ("2.0~rc1-1", "2.0-1"),
            ("2.0-1", "2.0-rc1-1"),
            ("0.106-2", "1.0-2ubuntu1"),
        ] {
            assert_eq!(compare(lower, higher), Ordering::Less, "{lower} {higher}");
            assert_eq!(compare(higher, lower), Ordering::Greater, "{higher} {lower}");
        }
        assert_eq!(compare("0:1.0-1", "1.0-1"), Ordering::Equal);
    }
}

//! Patterns as fnmatch(3) and udev understand them.

/// `*`, `?`, `[a-z]`, `[!a-z]`, and `\` before what stands for itself. An open `[` stands for itself.
pub fn matches(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
    // Where to go on when what follows the last `*` did not fit: there the `*` takes one character more.
    let (mut at, mut read, mut star) = (0, 0, None);
    loop {
        match pattern.get(at) {
            Some('*') => {
                at += 1;
                star = Some((at, read));
                continue;
            }
            Some(_) if read < text.len() => {
                if let Some(length) = step(&pattern[at..], text[read]) {
                    at += length;
                    read += 1;
                    continue;
                }
            }
            None if read == text.len() => return true,
            _ => {}
        }
        match star {
            Some((after, from)) if from < text.len() => {
                star = Some((after, from + 1));
                (at, read) = (after, from + 1);
            }
            _ => return false,
        }
    }
}

/// How much of the pattern one character uses up; none where it does not fit.
fn step(pattern: &[char], character: char) -> Option<usize> {
    match pattern {
        ['?', ..] => Some(1),
        ['\\', literal, ..] => (*literal == character).then_some(2),
        ['[', rest @ ..] => match set(rest, character) {
            Some((true, length)) => Some(length + 1),
            Some((false, _)) => None,
            None => (character == '[').then_some(1),
        },
        [literal, ..] => (*literal == character).then_some(1),
        [] => None,
    }
}

/// Whether the set that begins after its `[` holds the character, and where it ends; none where it has no end.
fn set(pattern: &[char], character: char) -> Option<(bool, usize)> {
    let negated = matches!(pattern.first(), Some('!' | '^'));
    let start = usize::from(negated);
    // A `]` right at the start stands for itself.
    let end = (start + 1..pattern.len()).find(|at| pattern[*at] == ']')?;
    let mut members = &pattern[start..end];
    let mut holds = false;
    while let Some((first, rest)) = members.split_first() {
        if let ['-', last, after @ ..] = rest {
            holds |= (*first..=*last).contains(&character);
            members = after;
        } else {
            holds |= *first == character;
            members = rest;
        }
    }
    Some((holds != negated, end + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_whole_texts() {
        for (pattern, right, wrong) in [
            ("*", &["", "a", "a/b"][..], &[][..]),
            ("eth*", &["eth", "eth0", "eth10"], &["ens3", "weth0"]),
            ("e*p*0", &["enp3s0", "eppp0"], &["ens0", "enp3s1"]),
            ("en?3", &["ens3", "enp3"], &["en3", "ens13"]),
            ("en[op]*", &["eno1", "enp3s0"], &["ens3"]),
            ("en[!op]*", &["ens3"], &["eno1", "en"]),
            ("eth[0-3]", &["eth0", "eth3"], &["eth4", "eth", "eth-"]),
            ("x[]a]y", &["x]y", "xay"], &["xby"]),
            ("a\\*", &["a*"], &["ab"]),
            ("a[b", &["a[b"], &["ab"]),
            ("*-usb-*", &["pci-0000:00:14.0-usb-0:1:1.0"], &["pci-0000:00:14.0"]),
            ("", &[""], &["a"]),
        ] {
            for text in right {
                assert!(matches(pattern, text), "{pattern} {text}");
            }
            for text in wrong {
                assert!(!matches(pattern, text), "{pattern} {text}");
            }
        }
    }

    #[test]
    fn hard_patterns_end_in_time() {
        assert!(!matches(&"a*".repeat(2000), &"a".repeat(2000).replace("aa", "ab")));
    }
}

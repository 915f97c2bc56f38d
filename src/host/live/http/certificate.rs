//! What a certificate says of itself, for the message alone: whether it is to be believed is the verifier's to say.

/// The parts that a message names.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Names<'a> {
    issuer: &'a [u8],
    subject: &'a [u8],
}

const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
const INTEGER: u8 = 0x02;
const OBJECT_IDENTIFIER: u8 = 0x06;
/// UTF8String, PrintableString, TeletexString, IA5String
const TEXTS: [u8; 4] = [0x0c, 0x13, 0x14, 0x16];
/// The version, which the first one leaves out.
const VERSION: u8 = 0xa0;

const COMMON_NAME: [u8; 3] = [0x55, 0x04, 0x03];
const ORGANISATION: [u8; 3] = [0x55, 0x04, 0x0a];

/// Longer names are cut.
const LONGEST_NAME: usize = 64;

impl<'a> Names<'a> {
    /// `None` for what is no certificate as far as its names.
    pub fn of(certificate: &'a [u8]) -> Option<Self> {
        let (certificate, _) = take(certificate, SEQUENCE)?;
        let (mut rest, _) = take(certificate, SEQUENCE)?;
        if let Some((_, after)) = take(rest, VERSION) {
            rest = after;
        }
        let (_serial, rest) = take(rest, INTEGER)?;
        let (_algorithm, rest) = take(rest, SEQUENCE)?;
        let (issuer, rest) = take(rest, SEQUENCE)?;
        let (_validity, rest) = take(rest, SEQUENCE)?;
        let (subject, _) = take(rest, SEQUENCE)?;
        Some(Self { issuer, subject })
    }

    pub fn is_self_signed(&self) -> bool {
        self.issuer == self.subject
    }

    /// The name of its issuer, fit for a message.
    pub fn issuer(&self) -> Option<String> {
        readable(self.issuer)
    }

    pub fn subject(&self) -> Option<String> {
        readable(self.subject)
    }

    pub fn is_issued_by(&self, other: &Self) -> bool {
        self.issuer == other.subject
    }
}

/// One element of this kind, and what follows it.
fn take(bytes: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (&[found, length], rest) = bytes.split_first_chunk::<2>()?;
    if found != tag {
        return None;
    }
    let (length, rest) = match length {
        0..=0x7f => (usize::from(length), rest),
        0x81..=0x83 => {
            let (digits, rest) = rest.split_at_checked(usize::from(length & 0x7f))?;
            (digits.iter().fold(0, |length, digit| length << 8 | usize::from(*digit)), rest)
        }
        _ => return None,
    };
    rest.split_at_checked(length)
}

/// The common name of a distinguished name, or else its organisation.
fn readable(name: &[u8]) -> Option<String> {
    part(name, COMMON_NAME).or_else(|| part(name, ORGANISATION))
}

fn part(mut name: &[u8], wanted: [u8; 3]) -> Option<String> {
    while let Some((set, rest)) = take(name, SET) {
        name = rest;
        let (pair, _) = take(set, SEQUENCE)?;
        let (kind, value) = take(pair, OBJECT_IDENTIFIER)?;
        if kind == wanted {
            let text = TEXTS.iter().find_map(|tag| take(value, *tag))?.0;
            return printable(&String::from_utf8_lossy(text));
        }
    }
    None
}

/// A peer's text, so that it can do no harm in a terminal or a log: nothing but letters, digits, ASCII punctuation
/// and blanks, and not much of it.
pub fn printable(text: &str) -> Option<String> {
    let harmless = |char: char| char.is_alphanumeric() || char.is_ascii_graphic() || char == ' ';
    let text = text.trim();
    let mut shown: String =
        text.chars().take(LONGEST_NAME).map(|char| if harmless(char) { char } else { '?' }).collect();
    if text.chars().nth(LONGEST_NAME).is_some() {
        shown.push_str("...");
    }
    (!shown.is_empty()).then_some(shown)
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, DnType, KeyPair};

    use super::*;

    fn self_signed(names: &[(DnType, &str)]) -> Vec<u8> {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name = rcgen::DistinguishedName::new();
        for (kind, name) in names {
            params.distinguished_name.push(kind.clone(), *name);
        }
        params.self_signed(&KeyPair::generate().unwrap()).unwrap().der().to_vec()
    }

    fn issuer(names: &[(DnType, &str)]) -> Option<String> {
        Names::of(&self_signed(names)).unwrap().issuer()
    }

    #[test]
    fn the_common_name_is_found_among_others() {
        let all = [(DnType::CountryName, "DE"), (DnType::OrganizationName, "Cloud"), (DnType::CommonName, "Cloud CA")];
        assert_eq!(issuer(&all).as_deref(), Some("Cloud CA"));
        assert_eq!(issuer(&all[..2]).as_deref(), Some("Cloud"));
        assert_eq!(issuer(&all[..1]), None);
        assert_eq!(issuer(&[]), None);
        assert!(Names::of(&self_signed(&all)).unwrap().is_self_signed());
    }

    #[test]
    fn a_name_does_no_harm_where_it_is_shown() {
        let evil = "a\u{1b}[2Jb\nc\u{202e}d\u{7f}";
        assert_eq!(issuer(&[(DnType::CommonName, evil)]).as_deref(), Some("a?[2Jb?c?d?"));
        let long = issuer(&[(DnType::CommonName, &"ä".repeat(200))]).unwrap();
        assert_eq!(long, format!("{}...", "ä".repeat(LONGEST_NAME)));
        assert_eq!(printable(" \n "), None);
    }

    #[test]
    fn damage_is_no_certificate_and_no_crash() {
        let whole = self_signed(&[(DnType::CommonName, "Cloud CA")]);
        for length in 0..whole.len() {
            let _ = Names::of(&whole[..length]).map(|names| (names.issuer(), names.subject()));
        }
        for at in 0..whole.len() {
            for value in [0, 0x7f, 0x80, 0x83, 0x84, 0xff] {
                let mut damaged = whole.clone();
                damaged[at] = value;
                let _ = Names::of(&damaged).map(|names| (names.issuer(), names.subject()));
            }
        }
        assert_eq!(Names::of(b""), None);
        assert_eq!(Names::of(&whole[1..]), None);
    }

    /// Made by `openssl x509 -req -signkey`, which writes the first version of certificates.
    #[test]
    fn the_first_version_has_names_too() {
        let names = Names::of(include_bytes!("../../../../tests/fixtures/certificates/version-1.der")).unwrap();
        assert_eq!(names.subject().as_deref(), Some("pcd.cloud.example"));
        assert!(names.is_self_signed());
    }
}

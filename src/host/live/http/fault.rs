//! What does not verify in a certificate, in words that follow on "its certificate does not verify:".

use std::error::Error;
use std::time::{Duration, UNIX_EPOCH};

use rustls::CertificateError;
use rustls::pki_types::{CertificateDer, UnixTime};

use super::certificate::{Names, printable};

const SELF_SIGNED: &str = "it is self-signed; if it is yours, name its file as `ca_file`";

/// `others` are the certificates that the server sent beside its own.
pub fn in_words(
    fault: &CertificateError,
    certificate: &CertificateDer<'_>,
    others: &[CertificateDer<'_>],
    anybody_trusted: bool,
) -> String {
    use CertificateError as E;
    let names = Names::of(certificate);
    match fault {
        E::UnknownIssuer if !anybody_trusted => {
            "this host trusts no authority at all: are the ca-certificates installed?".to_owned()
        }
        E::UnknownIssuer => unknown_issuer(certificate, others),
        _ if is_authority_itself(fault) => match names {
            Some(names) if names.is_self_signed() => SELF_SIGNED.to_owned(),
            _ => "it is marked as that of an authority, and not of a server".to_owned(),
        },
        E::BadSignature => {
            let issuer = names.and_then(|names| names.issuer()).map_or_else(String::new, |name| format!(" `{name}`"));
            format!("it is not signed by the authority{issuer} that this host trusts: was that one renewed?")
        }
        fault => {
            let own = of_its_own(fault, names);
            // Whoever mends the date or the name would meet it next.
            let self_signed = names.is_some_and(|names| names.is_self_signed());
            if self_signed { format!("{own}; it is self-signed, too") } else { own }
        }
    }
}

/// The server could not show, or we not see, that the key of its certificate is its own.
pub fn of_signature(fault: &rustls::Error) -> String {
    use CertificateError as E;
    match fault {
        rustls::Error::InvalidCertificate(E::BadSignature) => {
            "the server did not sign with its key, or that key is too short: RSA takes 2048 bits".to_owned()
        }
        _ => "its key is of a kind that this program cannot check".to_owned(),
    }
}

/// The verifier has no case of its own for this one; the name is that of its inner error.
pub fn is_authority_itself(fault: &CertificateError) -> bool {
    matches!(fault, CertificateError::Other(other) if format!("{other:?}").contains("CaUsedAsEndEntity"))
}

fn unknown_issuer(certificate: &CertificateDer<'_>, others: &[CertificateDer<'_>]) -> String {
    let Some(own) = Names::of(certificate) else { return "its issuer is unknown to this host".to_owned() };
    if own.is_self_signed() {
        return SELF_SIGNED.to_owned();
    }
    // The issuer that is missing is that of the last certificate that the server's chain leads to.
    let mut last = own;
    for _ in others {
        let next = others.iter().filter_map(|other| Names::of(other)).find(|other| last.is_issued_by(other));
        match next.filter(|_| !last.is_self_signed()) {
            Some(next) => last = next,
            None => break,
        }
    }
    let name = last.issuer().map_or_else(String::new, |name| format!(": `{name}`"));
    let hint = if others.is_empty() {
        "; it is not installed here, or the server does not send the certificates between"
    } else {
        ""
    };
    format!("its issuer is unknown to this host{name}{hint}")
}

fn of_its_own(fault: &CertificateError, names: Option<Names<'_>>) -> String {
    use CertificateError as E;
    match fault {
        E::ExpiredContext { time, not_after } => format!("it expired on {}, and {}", date(*not_after), clock(*time)),
        E::Expired => "it has expired, if this host's clock is right".to_owned(),
        E::NotValidYetContext { time, not_before } => {
            format!("it is not yet valid: it begins on {}, and {}", date(*not_before), clock(*time))
        }
        E::NotValidYet => "it is not yet valid, if this host's clock is right".to_owned(),
        E::NotValidForNameContext { presented, .. } if presented.is_empty() => {
            match names.and_then(|names| names.subject()) {
                Some(name) => format!("it names no host: its common name `{name}` alone does not count"),
                None => "it names no host".to_owned(),
            }
        }
        E::NotValidForNameContext { presented, .. } => {
            format!("it has the wrong name: it is for {}", listed(presented))
        }
        E::NotValidForName => "it has the wrong name".to_owned(),
        E::Revoked => "it is revoked".to_owned(),
        fault if innermost(fault).contains("UnsupportedCertVersion") => {
            "it is of version 1, which nobody takes any more: make a new one".to_owned()
        }
        fault => innermost(fault),
    }
}

fn innermost(fault: &CertificateError) -> String {
    match fault {
        CertificateError::Other(other) => other.source().map_or_else(|| other.to_string(), |inner| inner.to_string()),
        other => other.to_string(),
    }
}

/// The names of a certificate without the words of the verifier around them: `DnsName("a.example")`, `IpAddress(::1)`.
fn listed(presented: &[String]) -> String {
    let bare = |name: &String| {
        let inner = name.split_once('(').map_or(name.as_str(), |(_, rest)| rest.trim_end_matches(')'));
        printable(inner.trim_matches('"'))
    };
    let mut shown: Vec<String> = presented.iter().take(4).filter_map(bare).collect();
    if presented.len() > shown.len() {
        shown.push("others".to_owned());
    }
    shown.join(", ")
}

fn clock(now: UnixTime) -> String {
    format!("this host's clock says {}; if that is wrong, set the clock", date(now))
}

fn date(time: UnixTime) -> String {
    // A certificate may claim a year that no formatter knows.
    const LAST: u64 = 253_402_300_799;
    humantime::format_rfc3339_seconds(UNIX_EPOCH + Duration::from_secs(time.as_secs().min(LAST))).to_string()
}

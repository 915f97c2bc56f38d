//! Does a URL answer? Any status will do: the question is who is there, not what he says.

use std::error::Error;
use std::fmt::Display;
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant, UNIX_EPOCH};

use rustls::CertificateError;
use rustls::pki_types::{CertificateDer, UnixTime};
use ureq::http::Uri;
use ureq::tls::{Certificate, RootCerts, TlsConfig, TlsProvider};
use ureq::unversioned::transport::{Connector, RustlsConnector};
use ureq::{Agent, Timeout};

use super::bounded::remaining;
use super::reach::{Endpoint, Failure, connect, contact_by};
use super::transport::{AlreadyResolved, Connected};
use crate::model::answer::Contact;
use crate::model::query::HttpTarget;
use crate::model::{Reading, TroubleCause};

/// What is kept back of the time, so that the probe itself tells what it waited for.
const RESERVE: Duration = Duration::from_millis(100);

/// Asks `url` (http or https) once, without proxy or redirects, and tells by `deadline` how far it came.
/// Certificates are judged by what this host trusts (`SSL_CERT_FILE` is heard).
pub fn http(target: &HttpTarget, deadline: Instant) -> Reading<Contact> {
    http_trusting(&target.url, deadline, Vec::new())
}

/// The same, with `extra` authorities beside those of the host.
pub fn http_trusting(url: &str, deadline: Instant, extra: Vec<CertificateDer<'static>>) -> Reading<Contact> {
    // Neither the URL nor the parser's error goes into a message: a URL may hold a password.
    let Some(target) = Target::parse(url) else {
        let detail = "a URL is written `http://host[:port]/path` or `https://host[:port]/path`";
        return Reading::unreadable(TroubleCause::Malformed, detail);
    };
    let what = target.to_string();
    contact_by(deadline, &what, move || target.probe(deadline - RESERVE.min(remaining(deadline) / 10), extra))
}

struct Target {
    uri: Uri,
    endpoint: Endpoint,
    encrypted: bool,
}

/// Host and port: all of a URL that may be said aloud.
impl Display for Target {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Endpoint { host, port } = &self.endpoint;
        if host.contains(':') { write!(out, "[{host}]:{port}") } else { write!(out, "{host}:{port}") }
    }
}

impl Target {
    fn parse(url: &str) -> Option<Self> {
        let uri: Uri = url.parse().ok()?;
        let encrypted = match uri.scheme_str()? {
            "http" => false,
            "https" => true,
            _ => return None,
        };
        let authority = uri.authority()?;
        let host = authority.host().trim_start_matches('[').trim_end_matches(']');
        // A port that is no number is not the same as no port.
        let bare = authority.as_str().rsplit_once('@').map_or(authority.as_str(), |(_, bare)| bare);
        let port = match bare.strip_prefix(authority.host())? {
            "" => {
                if encrypted {
                    443
                } else {
                    80
                }
            }
            _ => authority.port_u16()?,
        };
        let endpoint = Endpoint::new(host, port)?;
        Some(Self { uri, endpoint, encrypted })
    }

    fn probe(&self, deadline: Instant, extra: Vec<CertificateDer<'static>>) -> Reading<Contact> {
        let trusted = if self.encrypted { trusted(extra) } else { Vec::new() };
        let nobody_trusted = trusted.is_empty();
        let stream = match connect(&self.endpoint, deadline) {
            Ok(stream) => stream,
            Err(Failure::NotReached(reason)) => return Reading::Known(Contact::NotReached { reason }),
            Err(Failure::Trouble(trouble)) => return Reading::Unreadable(trouble),
        };
        let peer = stream.peer_addr().map_or_else(|_| self.to_string(), |address| self.endpoint.names(address));
        let connector = Connected::new(stream).chain(RustlsConnector::default());
        let agent = Agent::with_parts(configured(trusted, deadline), connector, AlreadyResolved);
        let contact = match agent.get(&self.uri).call() {
            Ok(response) => Contact::Reached { status: Some(response.status().as_u16()) },
            Err(error) => self.failed(&error, &peer, nobody_trusted),
        };
        Reading::Known(contact)
    }

    fn failed(&self, error: &ureq::Error, peer: &str, nobody_trusted: bool) -> Contact {
        let reason = match (tls_fault(error), error) {
            (Some(rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer)), _) if nobody_trusted => {
                let reason = "this host trusts no authority at all: are the ca-certificates installed?".to_owned();
                return Contact::BadCertificate { reason: format!("{self}: {reason}") };
            }
            (Some(rustls::Error::InvalidCertificate(fault)), _) => {
                return Contact::BadCertificate { reason: format!("{self}: {}", certificate_fault(fault)) };
            }
            (Some(fault), _) => format!("{peer} accepts connections, but TLS fails: {fault}"),
            (None, ureq::Error::Timeout(Timeout::Connect)) => {
                format!("{peer} accepts connections, but did not finish the TLS handshake in time")
            }
            (None, ureq::Error::Timeout(_)) => format!("{peer} accepts connections, but did not answer in time"),
            (None, ureq::Error::Io(fault)) => closed(peer, fault),
            (None, ureq::Error::Protocol(_)) => format!("{peer} answers, but not with HTTP"),
            (None, other) => format!("{peer} accepts connections, but the request fails: {other}"),
        };
        Contact::NotReached { reason }
    }
}

fn closed(peer: &str, fault: &io::Error) -> String {
    match fault.kind() {
        io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe => {
            format!("{peer} closed the connection without an answer")
        }
        _ => format!("{peer} accepts connections, but then: {fault}"),
    }
}

/// What the host trusts. A file of it that cannot be read is passed over; without any, the handshake tells.
fn trusted(extra: Vec<CertificateDer<'static>>) -> Vec<Certificate<'static>> {
    let host = rustls_native_certs::load_native_certs().certs;
    host.iter().chain(&extra).map(|certificate| Certificate::from_der(certificate).to_owned()).collect()
}

fn configured(trusted: Vec<Certificate<'static>>, deadline: Instant) -> ureq::config::Config {
    let tls = TlsConfig::builder()
        .provider(TlsProvider::Rustls)
        .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .root_certs(RootCerts::Specific(Arc::new(trusted)))
        .build();
    Agent::config_builder()
        .proxy(None)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .http_status_as_error(false)
        .user_agent(concat!("hostready/", env!("CARGO_PKG_VERSION")))
        .timeout_global(Some(remaining(deadline).max(Duration::from_millis(1))))
        .tls_config(tls)
        .build()
}

fn tls_fault(error: &ureq::Error) -> Option<&rustls::Error> {
    match error {
        ureq::Error::Rustls(fault) => Some(fault),
        ureq::Error::Io(fault) => fault.get_ref()?.downcast_ref(),
        _ => None,
    }
}

fn certificate_fault(fault: &CertificateError) -> String {
    use CertificateError as E;
    match fault {
        E::ExpiredContext { time, not_after } => {
            format!("the certificate expired on {}, and {}", date(*not_after), clock(*time))
        }
        E::Expired => "the certificate has expired, if this host's clock is right".to_owned(),
        E::NotValidYetContext { time, not_before } => {
            format!("the certificate is not yet valid: it begins on {}, and {}", date(*not_before), clock(*time))
        }
        E::NotValidYet => "the certificate is not yet valid, if this host's clock is right".to_owned(),
        E::NotValidForNameContext { presented, .. } if presented.is_empty() => {
            "the certificate has the wrong name: it names no host (a common name alone does not count)".to_owned()
        }
        E::NotValidForNameContext { presented, .. } => {
            format!("the certificate has the wrong name: it is for {}", names(presented))
        }
        E::NotValidForName => "the certificate has the wrong name".to_owned(),
        E::UnknownIssuer => {
            "the certificate's issuer is unknown to this host: it is self-signed or from an authority not installed here"
                .to_owned()
        }
        // The verifier has no case of its own for this one; the name is that of its inner error.
        E::Other(other) if format!("{other:?}").contains("CaUsedAsEndEntity") => {
            "the certificate is self-signed: it is that of an authority, used as a server's".to_owned()
        }
        E::Revoked => "the certificate is revoked".to_owned(),
        E::BadSignature => {
            "the certificate is not signed by the authority of that name which this host trusts: was it renewed?".to_owned()
        },
        other => format!("the certificate does not verify: {}", innermost(other)),
    }
}

fn innermost(fault: &CertificateError) -> String {
    match fault {
        CertificateError::Other(other) => other.source().map_or_else(|| other.to_string(), |inner| inner.to_string()),
        other => other.to_string(),
    }
}

/// The names of a certificate without the words of the verifier around them: `DnsName("a.example")`.
fn names(presented: &[String]) -> String {
    let bare = |name: &String| name.split('"').nth(1).unwrap_or(name).to_owned();
    let mut shown: Vec<String> = presented.iter().take(4).map(bare).collect();
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

#[cfg(test)]
mod tests;

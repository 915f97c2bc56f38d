//! Does a URL answer? Any status will do: the question is who is there, not what he says.

mod authorities;
mod certificate;
mod crypto;
mod exchange;
mod fault;
mod proxy;
mod tls;
mod url;

use std::io::{self, Read, Write};
use std::time::{Duration, Instant};

use rustls::pki_types::ServerName;

use super::bounded::remaining;
use super::reach::{Failure, connect, contact_by};
use super::transport::Timed;
use crate::model::answer::Contact;
use crate::model::query::HttpTarget;
use crate::model::{Reading, Trouble, TroubleCause};
pub use authorities::HostAuthorities;
use exchange::{Fault, exchange, request};
use tls::Trust;
use url::Url;

/// What is kept back of the time, so that the probe itself tells what it waited for.
const RESERVE: Duration = Duration::from_millis(100);

/// Asks `target` (http or https) once, without redirects, and tells by `deadline` how far it came. Certificates are
/// judged by what this host trusts, and by `ca_file`, the content of the file that the target names.
pub fn http(
    target: &HttpTarget,
    ca_file: Option<Reading<Vec<u8>>>,
    host: &HostAuthorities,
    deadline: Instant,
) -> Reading<Contact> {
    let Some(url) = Url::parse(&target.url) else {
        return Reading::unreadable(TroubleCause::Malformed, url::FORM);
    };
    let proxy = match target.proxy.as_ref().map(|proxy| Url::parse(proxy)) {
        Some(None) => return Reading::unreadable(TroubleCause::Malformed, "a proxy is written `http://host:port`"),
        Some(proxy) => proxy,
        None => None,
    };
    let (what, target, host) = (url.to_string(), target.clone(), host.clone());
    contact_by(deadline, &what, move || {
        let trust = match trust(&url, &target, ca_file, &host) {
            Ok(trust) => trust,
            Err(trouble) => return Reading::Unreadable(trouble),
        };
        let deadline = deadline - RESERVE.min(remaining(deadline) / 10);
        match (Probe { url, proxy, deadline }).run(trust) {
            Ok(contact) => Reading::Known(contact),
            Err(Failure::NotReached(reason)) => Reading::Known(Contact::NotReached { reason }),
            Err(Failure::Trouble(trouble)) => Reading::Unreadable(trouble),
        }
    })
}

/// `None` where nothing is encrypted.
fn trust(
    url: &Url,
    target: &HttpTarget,
    ca_file: Option<Reading<Vec<u8>>>,
    host: &HostAuthorities,
) -> Result<Option<Trust>, Trouble> {
    match (url.encrypted, &target.ca_file, ca_file) {
        (false, ..) => Ok(None),
        (true, ..) if target.insecure => Ok(Some(Trust::Anybody)),
        (true, Some(path), content) => {
            let content = match content {
                Some(Reading::Known(content)) => content,
                Some(Reading::Unreadable(trouble)) => return Err(trouble),
                Some(Reading::Absent) | None => {
                    return Err(Trouble::new(TroubleCause::Failed, format!("the ca_file {path} is not there")));
                }
            };
            let malformed = |what| Trouble::new(TroubleCause::Malformed, format!("the ca_file {path}: {what}"));
            host.get().with_pem(&content).map(|all| Some(Trust::Authorities(all))).map_err(malformed)
        }
        (true, None, _) => Ok(Some(Trust::Authorities(host.get()))),
    }
}

struct Probe {
    url: Url,
    proxy: Option<Url>,
    deadline: Instant,
}

impl Probe {
    fn run(&self, trust: Option<Trust>) -> Result<Contact, Failure> {
        let (stream, peer) = self.connect()?;
        let stream = match &self.proxy {
            Some(_) if trust.is_some() => proxy::tunnel(stream, &self.url, &peer).map_err(Failure::NotReached)?,
            _ => stream,
        };
        let Some(trust) = trust else { return self.ask(stream, &peer, None) };
        let peer = match &self.proxy {
            Some(proxy) => format!("{} behind the proxy {proxy}", self.url),
            None => peer,
        };
        let verified = matches!(trust, Trust::Authorities(_));
        match tls::handshake(stream, self.name()?, trust) {
            Ok(stream) => self.ask(stream, &peer, Some(verified)),
            Err(tls::Failure::Certificate(reason)) => Ok(Contact::BadCertificate { reason }),
            Err(failure) => Err(Failure::NotReached(no_handshake(&failure, &peer))),
        }
    }

    /// The connection, and who is at the other end of it: the target, or the proxy before it.
    fn connect(&self) -> Result<(Timed, String), Failure> {
        let first = self.proxy.as_ref().unwrap_or(&self.url);
        let prefix = if self.proxy.is_some() { "the proxy " } else { "" };
        let stream = connect(&first.endpoint, self.deadline).map_err(|failure| match failure {
            Failure::NotReached(reason) => Failure::NotReached(format!("{prefix}{reason}")),
            trouble => trouble,
        })?;
        let peer = stream.peer_addr().map_or_else(|_| first.to_string(), |address| first.endpoint.names(address));
        Ok((Timed::new(stream, self.deadline), format!("{prefix}{peer}")))
    }

    /// The name that the certificate must be for.
    fn name(&self) -> Result<ServerName<'static>, Failure> {
        let host = self.url.endpoint.host.trim_end_matches('.').to_owned();
        ServerName::try_from(host).map_err(|_| {
            let detail = format!("no certificate can be for the name {}", self.url.endpoint.host);
            Failure::Trouble(Trouble::new(TroubleCause::Malformed, detail))
        })
    }

    fn ask(&self, mut stream: impl Read + Write, peer: &str, verified: Option<bool>) -> Result<Contact, Failure> {
        let open_proxy = self.proxy.is_some() && !self.url.encrypted;
        let what = if open_proxy { self.url.absolute() } else { self.url.path.clone() };
        match exchange(&mut stream, &request(&format!("GET {what}"), &self.url.authority())) {
            Ok(head) if open_proxy && proxy::speaks_for_itself(&head) => {
                Err(Failure::NotReached(proxy::refused(head.status, &self.url, peer)))
            }
            Ok(head) => Ok(Contact::Reached { status: Some(head.status), verified }),
            Err(fault) => Err(Failure::NotReached(no_answer(&fault, peer))),
        }
    }
}

fn no_handshake(failure: &tls::Failure, peer: &str) -> String {
    match failure {
        tls::Failure::Io(error) if error.kind() == io::ErrorKind::TimedOut => {
            format!("{peer} accepts connections, but did not finish the TLS handshake in time")
        }
        tls::Failure::Io(error) => match error.kind() {
            io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe => {
                format!("{peer} closed the connection in the TLS handshake")
            }
            _ => format!("{peer} accepts connections, but then: {error}"),
        },
        tls::Failure::Tls(error) => no_tls(error, peer),
        tls::Failure::Certificate(reason) => format!("{peer}: its certificate does not verify: {reason}"),
    }
}

fn no_answer(fault: &Fault, peer: &str) -> String {
    match fault {
        Fault::Closed => format!("{peer} closed the connection without an answer"),
        Fault::NotHttp => format!("{peer} answers, but not with HTTP"),
        Fault::Io(error) if error.kind() == io::ErrorKind::TimedOut => {
            format!("{peer} accepts connections, but did not answer in time")
        }
        Fault::Io(error) => match error.get_ref().and_then(|inner| inner.downcast_ref()) {
            Some(error) => no_tls(error, peer),
            None => format!("{peer} accepts connections, but then: {error}"),
        },
    }
}

fn no_tls(error: &rustls::Error, peer: &str) -> String {
    use rustls::AlertDescription as Alert;
    match error {
        rustls::Error::AlertReceived(Alert::CertificateRequired) => {
            format!("{peer} answers only those who show a certificate of their own")
        }
        rustls::Error::AlertReceived(Alert::ProtocolVersion) => {
            format!("{peer} speaks no version of TLS from 1.2 on")
        }
        rustls::Error::AlertReceived(Alert::HandshakeFailure) => {
            format!("{peer} speaks TLS, and has no kind of key or cipher in common with this program")
        }
        rustls::Error::InvalidMessage(_) => format!("{peer} accepts connections, but does not speak TLS"),
        error => format!("{peer} accepts connections, but TLS fails: {error}"),
    }
}

#[cfg(test)]
mod tests;

use std::net::Shutdown;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};

use rcgen::{
    BasicConstraints, Certificate, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer,
    KeyPair, date_time_ymd,
};
use rustls::client::danger::ServerCertVerifier as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use super::*;

type Authority = CertifiedIssuer<'static, KeyPair>;

fn authority(name: &str) -> Authority {
    CertifiedIssuer::self_signed(for_authority(name), KeyPair::generate().unwrap()).unwrap()
}

fn for_authority(name: &str) -> CertificateParams {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params
}

fn for_names(names: &[&str]) -> CertificateParams {
    CertificateParams::new(names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>()).unwrap()
}

/// A server that answers 401 to whoever shakes hands with it.
struct Server {
    port: u16,
    /// What each of its connections heard inside of TLS.
    heard: Receiver<Vec<u8>>,
}

impl Server {
    fn start(chain: Vec<CertificateDer<'static>>, key: &KeyPair) -> Self {
        Self::of(chain, key, rustls::DEFAULT_VERSIONS, rustls::server::WebPkiClientVerifier::no_client_auth())
    }

    fn of(
        chain: Vec<CertificateDer<'static>>,
        key: &KeyPair,
        versions: &[&'static rustls::SupportedProtocolVersion],
        clients: Arc<dyn rustls::server::danger::ClientCertVerifier>,
    ) -> Self {
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_protocol_versions(versions)
            .unwrap()
            .with_client_cert_verifier(clients)
            .with_single_cert(chain, key)
            .unwrap();
        let config = Arc::new(config);
        let (say, heard) = channel();
        let port = serve(move |stream| {
            let connection = ServerConnection::new(config.clone()).unwrap();
            let mut stream = StreamOwned::new(connection, stream);
            let mut request = vec![0; 4096];
            let amount = stream.read(&mut request).unwrap_or_default();
            request.truncate(amount);
            let _ = stream.write_all(b"HTTP/1.1 401 X\r\nContent-Length: 0\r\n\r\n");
            let _ = say.send(request);
            // What is left unread when it is closed resets the connection, and the last words are lost on the way.
            let _ = stream.sock.shutdown(Shutdown::Write);
            let _ = io::copy(&mut stream.sock, &mut io::sink());
        });
        Self { port, heard }
    }

    fn target(&self) -> HttpTarget {
        HttpTarget::from(format!("https://localhost:{}/", self.port).as_str())
    }

    fn asked_trusting(&self, pem: &str) -> Contact {
        asked_with_file(self.target(), Reading::Known(pem.as_bytes().to_vec())).known().unwrap()
    }

    fn heard(&self) -> String {
        String::from_utf8(self.heard.recv_timeout(Duration::from_secs(5)).unwrap()).unwrap()
    }
}

pub fn asked_with_file(mut target: HttpTarget, content: Reading<Vec<u8>>) -> Reading<Contact> {
    target.ca_file = Some("/etc/ssl/own.pem".to_owned().try_into().unwrap());
    http(&target, Some(content), &HostAuthorities::default(), within(5000))
}

/// A server with a certificate for `localhost`, and the authority to trust for it.
pub fn good_server() -> (u16, String) {
    let ours = authority("ours");
    let (certificate, key) = issued(for_names(&["localhost"]), Some(&ours));
    (Server::start(vec![certificate], &key).port, ours.pem())
}

fn issued(params: CertificateParams, signer: Option<&Authority>) -> (CertificateDer<'static>, KeyPair) {
    let key = KeyPair::generate().unwrap();
    let certificate: Certificate = match signer {
        Some(signer) => params.signed_by(&key, signer).unwrap(),
        None => params.self_signed(&key).unwrap(),
    };
    (certificate.der().clone(), key)
}

/// Asks a server whose certificate is signed by `signer`, while the authority `trusted` is trusted.
fn judged(params: CertificateParams, signer: Option<&Authority>, trusted: &Authority) -> Contact {
    let (certificate, key) = issued(params, signer);
    Server::start(vec![certificate], &key).asked_trusting(&trusted.pem())
}

/// The reason for which the certificate is turned down.
fn bad(params: CertificateParams, signer: Option<&Authority>, trusted: &Authority) -> String {
    turned_down(judged(params, signer, trusted))
}

fn turned_down(contact: Contact) -> String {
    match contact {
        Contact::BadCertificate { reason } => reason,
        other => panic!("{other:?}"),
    }
}

fn verified(status: u16, verified: bool) -> Contact {
    Contact::Reached { status: Some(status), verified: Some(verified) }
}

#[test]
fn a_certificate_of_an_authority_in_the_file_is_good() {
    let ours = authority("ours");
    assert_eq!(judged(for_names(&["localhost"]), Some(&ours), &ours), verified(401, true));
    let (certificate, key) = issued(for_names(&["127.0.0.1"]), Some(&ours));
    let server = Server::start(vec![certificate], &key);
    let target = HttpTarget::from(format!("https://127.0.0.1:{}/x?y", server.port).as_str());
    let contact = asked_with_file(target, Reading::Known(ours.pem().into_bytes())).known();
    assert_eq!(contact, Some(verified(401, true)));
    assert!(server.heard().starts_with(&format!("GET /x?y HTTP/1.1\r\nHost: 127.0.0.1:{}\r\n", server.port)));
}

#[test]
fn a_certificate_that_does_not_verify_is_never_sent_a_request() {
    let (ours, theirs) = (authority("ours"), authority("theirs"));
    let mut expired = for_names(&["localhost"]);
    expired.not_after = date_time_ymd(2020, 2, 3);
    for (params, signer) in [
        (for_names(&["localhost"]), None),
        (for_names(&["localhost"]), Some(&theirs)),
        (for_names(&["other.example"]), Some(&ours)),
        (expired, Some(&ours)),
    ] {
        let (certificate, key) = issued(params, signer);
        let server = Server::start(vec![certificate], &key);
        turned_down(server.asked_trusting(&ours.pem()));
        assert_eq!(server.heard(), "");
    }
}

#[test]
fn any_certificate_will_do_where_that_is_configured() {
    let mut wrong_in_all = for_names(&["other.example"]);
    wrong_in_all.not_after = date_time_ymd(2020, 2, 3);
    let (certificate, key) = issued(wrong_in_all, None);
    let server = Server::start(vec![certificate], &key);
    let contact = ask(&HttpTarget { insecure: true, ..server.target() }, 5000).known();
    assert_eq!(contact, Some(verified(401, false)));
    assert!(server.heard().starts_with("GET / HTTP/1.1\r\n"));
}

#[test]
fn a_wrong_name_is_told_with_the_names_that_it_has() {
    let ours = authority("ours");
    let reason = bad(for_names(&["hv-07.example", "hv-08.example"]), Some(&ours), &ours);
    assert_eq!(reason, "it has the wrong name: it is for hv-07.example, hv-08.example");
    let reason = bad(for_names(&["192.0.2.7"]), Some(&ours), &ours);
    assert_eq!(reason, "it has the wrong name: it is for 192.0.2.7");
    let many: Vec<String> = (0..9).map(|number| format!("hv-{number}.example")).collect();
    let reason = bad(CertificateParams::new(many).unwrap(), Some(&ours), &ours);
    assert!(reason.ends_with("hv-3.example, others"), "{reason}");
}

#[test]
fn a_common_name_alone_does_not_count() {
    let ours = authority("ours");
    let mut params = for_names(&[]);
    params.distinguished_name.push(DnType::CommonName, "localhost");
    assert_eq!(bad(params, Some(&ours), &ours), "it names no host: its common name `localhost` alone does not count");
}

#[test]
fn a_certificate_out_of_its_time_hints_at_the_clock() {
    let ours = authority("ours");
    let mut expired = for_names(&["localhost"]);
    expired.not_after = date_time_ymd(2020, 2, 3);
    let reason = bad(expired.clone(), Some(&ours), &ours);
    assert!(reason.starts_with("it expired on 2020-02-03T00:00:00Z, and this host's clock says 2"), "{reason}");
    assert!(reason.ends_with("; if that is wrong, set the clock"), "{reason}");
    let reason = bad(expired, None, &ours);
    assert!(reason.ends_with("; it is self-signed, too"), "{reason}");
    let mut early = for_names(&["localhost"]);
    (early.not_before, early.not_after) = (date_time_ymd(2090, 1, 1), date_time_ymd(2091, 1, 1));
    let reason = bad(early, Some(&ours), &ours);
    assert!(reason.starts_with("it is not yet valid: it begins on 2090-01-01T00:00:00Z, and this host's"), "{reason}");
}

#[test]
fn an_unknown_issuer_is_named_and_told_from_a_self_signed_certificate() {
    let (ours, theirs) = (authority("ours"), authority("theirs \u{1b}[1m"));
    let reason = bad(for_names(&["localhost"]), Some(&theirs), &ours);
    assert!(
        reason.starts_with("its issuer is unknown to this host: `theirs ?[1m`; it is not installed here"),
        "{reason}"
    );
    let self_signed = "it is self-signed; if it is yours, name its file as `ca_file`";
    assert_eq!(bad(for_names(&["localhost"]), None, &ours), self_signed);
    let mut as_authority = for_names(&["localhost"]);
    as_authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    assert_eq!(bad(as_authority.clone(), None, &ours), self_signed);
    let reason = bad(as_authority, Some(&ours), &ours);
    assert_eq!(reason, "it is marked as that of an authority, and not of a server");
    let reason = bad(for_names(&["localhost"]), Some(&authority("ours")), &ours);
    assert_eq!(reason, "it is not signed by the authority `ours` that this host trusts: was that one renewed?");
}

#[test]
fn of_a_chain_the_issuer_that_is_missing_is_named() {
    let (root, other) = (authority("root"), authority("other"));
    let key = KeyPair::generate().unwrap();
    let between = for_authority("between").signed_by(&key, &root).unwrap();
    let issuer = Issuer::new(for_authority("between"), key);
    let key = KeyPair::generate().unwrap();
    let certificate = for_names(&["localhost"]).signed_by(&key, &issuer).unwrap().der().clone();

    let alone = Server::start(vec![certificate.clone()], &key);
    let reason = turned_down(alone.asked_trusting(&root.pem()));
    assert!(reason.contains("unknown to this host: `between`") && reason.contains("does not send"), "{reason}");
    let whole = Server::start(vec![certificate.clone(), between.der().clone()], &key);
    assert_eq!(whole.asked_trusting(&root.pem()), verified(401, true));
    assert_eq!(turned_down(whole.asked_trusting(&other.pem())), "its issuer is unknown to this host: `root`");
    let with_root = Server::start(vec![certificate, root.der().clone(), between.der().clone()], &key);
    assert_eq!(turned_down(with_root.asked_trusting(&other.pem())), "its issuer is unknown to this host: `root`");
}

/// `openssl req -x509` makes such ones, and a file with just that certificate is what operators then have.
#[test]
fn a_self_signed_certificate_that_is_in_the_file_itself_is_good() {
    for is_ca in [IsCa::Ca(BasicConstraints::Unconstrained), IsCa::ExplicitNoCa, IsCa::NoCa] {
        let mut params = for_names(&["localhost"]);
        params.is_ca = is_ca;
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap();
        let server = Server::start(vec![certificate.der().clone()], &key);
        assert_eq!(server.asked_trusting(&certificate.pem()), verified(401, true), "{is_ca:?}");
        // Another one of the same name is not.
        let again = params.self_signed(&KeyPair::generate().unwrap()).unwrap();
        turned_down(server.asked_trusting(&again.pem()));
    }
    for (names, year, reason) in [(["localhost"], 2020, "expired"), (["other.example"], 2090, "wrong name")] {
        let mut params = for_names(&names);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.not_after = date_time_ymd(year, 2, 3);
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap();
        let server = Server::start(vec![certificate.der().clone()], &key);
        let said = turned_down(server.asked_trusting(&certificate.pem()));
        assert!(said.contains(reason), "{said}");
        assert_eq!(server.heard(), "");
    }
}

#[test]
fn a_certificate_for_another_purpose_is_told() {
    let ours = authority("ours");
    let mut params = for_names(&["localhost"]);
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    let reason = bad(params, Some(&ours), &ours);
    assert!(reason.contains("client") || reason.contains("purpose"), "{reason}");
}

#[test]
fn the_first_version_of_certificates_is_told() {
    let old =
        CertificateDer::from(include_bytes!("../../../../../tests/fixtures/certificates/version-1.der").as_slice());
    let trust =
        Trust::Authorities(authorities::Authorities::default().with_pem(authority("a").pem().as_bytes()).unwrap());
    let judge = tls::Judge::new(trust, Arc::new(rustls::crypto::ring::default_provider()));
    let name = ServerName::try_from("pcd.cloud.example").unwrap();
    let verdict = judge.verify_server_cert(&old, &[], &name, &[], rustls::pki_types::UnixTime::now());
    assert!(verdict.is_err());
    let tls::Failure::Certificate(reason) = judge.failure(io::Error::other("refused")) else { panic!() };
    assert_eq!(reason, "it is of version 1, which nobody takes any more: make a new one; it is self-signed, too");
}

#[test]
fn without_any_authority_the_host_is_at_fault() {
    let judge = tls::Judge::new(
        Trust::Authorities(authorities::Authorities::default()),
        Arc::new(rustls::crypto::ring::default_provider()),
    );
    let (certificate, _) = issued(for_names(&["localhost"]), Some(&authority("ours")));
    let name = ServerName::try_from("localhost").unwrap();
    assert!(judge.verify_server_cert(&certificate, &[], &name, &[], rustls::pki_types::UnixTime::now()).is_err());
    let tls::Failure::Certificate(reason) = judge.failure(io::Error::other("refused")) else { panic!() };
    assert!(reason.contains("ca-certificates"), "{reason}");
}

#[test]
fn a_file_of_authorities_that_cannot_be_used_is_told_and_nobody_is_asked() {
    let (certificate, key) = issued(for_names(&["localhost"]), None);
    let server = Server::start(vec![certificate], &key);
    let trouble = |content| match asked_with_file(server.target(), content) {
        Reading::Unreadable(trouble) => (trouble.cause, trouble.detail),
        other => panic!("{other:?}"),
    };
    let (cause, detail) = trouble(Reading::Absent);
    assert_eq!((cause, detail.as_str()), (TroubleCause::Failed, "the ca_file /etc/ssl/own.pem is not there"));
    let (cause, detail) = trouble(Reading::Known(Vec::new()));
    assert_eq!((cause, detail.as_str()), (TroubleCause::Malformed, "the ca_file /etc/ssl/own.pem: it is empty"));
    let (cause, _) = trouble(Reading::unreadable(TroubleCause::Denied, "cannot look at it"));
    assert_eq!(cause, TroubleCause::Denied);
    assert!(server.heard.recv_timeout(Duration::from_millis(50)).is_err());
}

#[test]
fn a_server_that_wants_a_certificate_of_ours_is_told() {
    let ours = authority("ours");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let roots = authorities::Authorities::default().with_pem(ours.pem().as_bytes()).unwrap().roots;
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let clients = rustls::server::WebPkiClientVerifier::builder_with_provider(roots.clone(), provider.clone());
        let (certificate, key) = issued(for_names(&["localhost"]), Some(&ours));
        let server = Server::of(vec![certificate], &key, &[version], clients.build().unwrap());
        let reason = not_reached(server.asked_trusting(&ours.pem()));
        assert!(reason.ends_with("answers only those who show a certificate of their own"), "{reason}");
    }
}

#[test]
fn both_versions_of_tls_are_spoken() {
    let ours = authority("ours");
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let (certificate, key) = issued(for_names(&["localhost"]), Some(&ours));
        let clients = rustls::server::WebPkiClientVerifier::no_client_auth();
        let server = Server::of(vec![certificate], &key, &[version], clients);
        assert_eq!(server.asked_trusting(&ours.pem()), verified(401, true));
        let contact = ask(&HttpTarget { insecure: true, ..server.target() }, 5000).known();
        assert_eq!(contact, Some(verified(401, false)));
    }
}

/// No server that can be made here has such a key; `openssl s_server` with one is turned down in these words.
#[test]
fn a_key_that_cannot_be_checked_is_asked_for_all_the_same_and_told() {
    let trust = Trust::Authorities(authorities::Authorities::default());
    let judge = tls::Judge::new(trust, Arc::new(rustls::crypto::ring::default_provider()));
    assert!(judge.supported_verify_schemes().contains(&rustls::SignatureScheme::ECDSA_NISTP521_SHA512));
    let misbehaved = rustls::PeerMisbehaved::SignedHandshakeWithUnadvertisedSigScheme;
    assert!(fault::of_signature(&misbehaved.into()).contains("of a kind that this program cannot check"));
    let bad = rustls::Error::InvalidCertificate(rustls::CertificateError::BadSignature);
    assert!(fault::of_signature(&bad).contains("too short"));
}

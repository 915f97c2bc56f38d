use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, date_time_ymd};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use super::*;

fn http(url: &str, deadline: Instant) -> Reading<Contact> {
    super::http(&HttpTarget::from(url), deadline)
}

fn within(millis: u64) -> Instant {
    Instant::now() + Duration::from_millis(millis)
}

/// Serves every connection in a thread of its own; gives the port.
fn serve(handle: impl Fn(TcpStream) + Send + Clone + 'static) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let handle = handle.clone();
            thread::spawn(move || handle(stream));
        }
    });
    port
}

fn answer(mut stream: impl Read + Write, bytes: &[u8]) {
    let mut request = [0; 4096];
    if stream.read(&mut request).is_ok() {
        let _ = stream.write_all(bytes);
    }
}

fn contact(url: &str) -> Contact {
    http(url, within(5000)).known().unwrap()
}

fn not_reached(contact: Contact) -> String {
    match contact {
        Contact::NotReached { reason } => reason,
        other => panic!("{other:?}"),
    }
}

#[test]
fn any_status_is_an_answer_and_redirects_are_not_followed() {
    for status in [200_u16, 204, 302, 401, 404, 503] {
        let port = serve(move |stream| {
            let head =
                format!("HTTP/1.1 {status} X\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 5000000\r\n\r\n");
            answer(stream, head.as_bytes());
        });
        assert_eq!(contact(&format!("http://127.0.0.1:{port}/x")), Contact::Reached { status: Some(status) });
    }
}

#[test]
fn a_silent_server_costs_the_deadline_and_no_more() {
    let port = serve(|stream| {
        thread::sleep(Duration::from_secs(30));
        drop(stream);
    });
    for scheme in ["http", "https"] {
        let started = Instant::now();
        let reason = not_reached(http(&format!("{scheme}://127.0.0.1:{port}/"), within(600)).known().unwrap());
        assert!(started.elapsed() < Duration::from_millis(1500), "{:?}", started.elapsed());
        assert!(reason.starts_with(&format!("127.0.0.1:{port} accepts connections, but did not")), "{reason}");
    }
}

#[test]
fn a_server_that_drips_is_late_too() {
    let port = serve(|mut stream| {
        while stream.write_all(b"H").is_ok() {
            thread::sleep(Duration::from_millis(50));
        }
    });
    let started = Instant::now();
    for scheme in ["http", "https"] {
        not_reached(http(&format!("{scheme}://127.0.0.1:{port}/"), within(600)).known().unwrap());
    }
    assert!(started.elapsed() < Duration::from_secs(3));
}

#[test]
fn what_is_no_http_server_is_said_to_be_none() {
    let port = serve(|stream| answer(stream, b"SSH-2.0-OpenSSH_9.2\r\n\r\n"));
    let reason = not_reached(contact(&format!("http://127.0.0.1:{port}/")));
    assert!(reason.contains("not with HTTP"), "{reason}");
    let reason = not_reached(contact(&format!("https://127.0.0.1:{port}/")));
    assert!(reason.contains("TLS fails"), "{reason}");
    let port = serve(drop);
    let reason = not_reached(contact(&format!("http://127.0.0.1:{port}/")));
    assert!(reason.contains("closed the connection") || reason.contains("but then"), "{reason}");
}

#[test]
fn a_password_is_never_said() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let reason = not_reached(contact(&format!("http://admin:hunter2@127.0.0.1:{port}/?token=hunter2")));
    assert!(reason.contains("refused") && !reason.contains("hunter2") && !reason.contains("admin"), "{reason}");
    let reading = http("http://admin:hunter2@127.0.0.1:port/", within(1000));
    assert!(!format!("{reading:?}").contains("hunter2"));
}

#[test]
fn malformed_urls_are_not_asked() {
    for url in
        ["", "/path", "host:80", "ftp://host/", "http://", "https://host:99999/", "http://a b/", "http://host:x/"]
    {
        let reading = http(url, within(1000));
        assert!(
            matches!(reading, Reading::Unreadable(ref trouble) if trouble.cause == TroubleCause::Malformed),
            "{url} {reading:?}"
        );
    }
    assert_eq!(Target::parse("https://[::1]/").unwrap().to_string(), "[::1]:443");
    assert_eq!(Target::parse("http://u:p@host/").unwrap().to_string(), "host:80");
}

type Authority = CertifiedIssuer<'static, KeyPair>;

fn authority(name: &str) -> Authority {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

fn for_names(names: &[&str]) -> CertificateParams {
    CertificateParams::new(names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>()).unwrap()
}

fn serve_tls(certificate: CertificateDer<'static>, key: &KeyPair) -> u16 {
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap();
    let config = Arc::new(config);
    serve(move |stream| {
        let connection = ServerConnection::new(config.clone()).unwrap();
        answer(StreamOwned::new(connection, stream), b"HTTP/1.1 401 X\r\nContent-Length: 0\r\n\r\n");
    })
}

/// Asks a server whose certificate is signed by `signer`, while the authority `trusted` is trusted.
fn judged(params: CertificateParams, signer: Option<&Authority>, trusted: &Authority) -> Contact {
    let key = KeyPair::generate().unwrap();
    let certificate = match signer {
        Some(signer) => params.signed_by(&key, signer).unwrap(),
        None => params.self_signed(&key).unwrap(),
    };
    let port = serve_tls(certificate.der().clone(), &key);
    let extra = vec![trusted.der().clone()];
    http_trusting(&format!("https://localhost:{port}/"), within(5000), extra).known().unwrap()
}

fn bad(contact: Contact) -> String {
    match contact {
        Contact::BadCertificate { reason } => reason,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_certificate_of_a_trusted_authority_is_good() {
    let trusted = authority("ours");
    assert_eq!(judged(for_names(&["localhost"]), Some(&trusted), &trusted), Contact::Reached { status: Some(401) });
}

#[test]
fn a_wrong_name_is_told_with_the_names_that_it_has() {
    let trusted = authority("ours");
    let reason = bad(judged(for_names(&["hv-07.example", "hv-08.example"]), Some(&trusted), &trusted));
    assert!(reason.ends_with("wrong name: it is for hv-07.example, hv-08.example"), "{reason}");
    let reason = bad(judged(for_names(&[]), Some(&trusted), &trusted));
    assert!(reason.contains("it names no host"), "{reason}");
}

#[test]
fn a_certificate_out_of_its_time_hints_at_the_clock() {
    let trusted = authority("ours");
    let mut expired = for_names(&["localhost"]);
    expired.not_after = date_time_ymd(2020, 2, 3);
    let reason = bad(judged(expired, Some(&trusted), &trusted));
    assert!(reason.contains("expired on 2020-02-03T00:00:00Z") && reason.contains("clock"), "{reason}");
    let mut early = for_names(&["localhost"]);
    early.not_before = date_time_ymd(2090, 1, 1);
    early.not_after = date_time_ymd(2091, 1, 1);
    let reason = bad(judged(early, Some(&trusted), &trusted));
    assert!(reason.contains("not yet valid") && reason.contains("2090-01-01") && reason.contains("clock"), "{reason}");
}

#[test]
fn an_unknown_issuer_and_a_self_signed_certificate_are_told() {
    let (trusted, stranger) = (authority("ours"), authority("theirs"));
    let reason = bad(judged(for_names(&["localhost"]), Some(&stranger), &trusted));
    assert!(reason.contains("issuer is unknown to this host"), "{reason}");
    let reason = bad(judged(for_names(&["localhost"]), None, &trusted));
    assert!(reason.contains("self-signed"), "{reason}");
    let mut as_authority = for_names(&["localhost"]);
    as_authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let reason = bad(judged(as_authority, None, &trusted));
    assert!(reason.contains("is self-signed"), "{reason}");
}

#[test]
fn an_authority_renewed_under_its_old_name_is_told() {
    let reason = bad(judged(for_names(&["localhost"]), Some(&authority("ours")), &authority("ours")));
    assert!(reason.contains("was it renewed?"), "{reason}");
}

mod certificates;
mod proxies;

use std::net::{TcpListener, TcpStream};
use std::thread;

use super::*;

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

fn ask(target: &HttpTarget, millis: u64) -> Reading<Contact> {
    http(target, None, &HostAuthorities::default(), within(millis))
}

fn contact(url: &str) -> Contact {
    ask(&HttpTarget::from(url), 5000).known().unwrap()
}

fn url(scheme: &str, port: u16) -> HttpTarget {
    HttpTarget::from(format!("{scheme}://127.0.0.1:{port}/").as_str())
}

fn answered(status: u16) -> Contact {
    Contact::Reached { status: Some(status), verified: None }
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
        assert_eq!(contact(&format!("http://127.0.0.1:{port}/x")), answered(status));
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
        let reason = not_reached(ask(&url(scheme, port), 600).known().unwrap());
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
        not_reached(ask(&url(scheme, port), 600).known().unwrap());
    }
    assert!(started.elapsed() < Duration::from_secs(3));
}

#[test]
fn what_is_no_http_server_is_said_to_be_none() {
    let port = serve(|stream| answer(stream, b"SSH-2.0-OpenSSH_9.2\r\n\r\n"));
    let reason = not_reached(contact(&format!("http://127.0.0.1:{port}/")));
    assert!(reason.contains("not with HTTP"), "{reason}");
    let reason = not_reached(contact(&format!("https://127.0.0.1:{port}/")));
    assert!(reason.contains("does not speak TLS"), "{reason}");
    let port = serve(drop);
    let reason = not_reached(contact(&format!("http://127.0.0.1:{port}/")));
    assert!(reason.contains("closed the connection") || reason.contains("but then"), "{reason}");
}

#[test]
fn a_password_is_never_said() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let reason = not_reached(contact(&format!("http://127.0.0.1:{port}/?token=hunter2")));
    assert!(reason.contains("refused") && !reason.contains("hunter2"), "{reason}");
    let reading = ask(&HttpTarget::from("http://admin:hunter2@127.0.0.1/"), 1000);
    assert!(matches!(reading, Reading::Unreadable(_)) && !format!("{reading:?}").contains("hunter2"), "{reading:?}");
}

#[test]
fn malformed_urls_are_not_asked() {
    let wrong_proxy =
        HttpTarget { proxy: Some("http://127.0.0.1:9".to_owned().try_into().unwrap()), ..HttpTarget::from("x") };
    for target in [HttpTarget::from("ftp://host/"), HttpTarget::from("host:80"), wrong_proxy] {
        let reading = ask(&target, 1000);
        assert!(
            matches!(reading, Reading::Unreadable(ref trouble) if trouble.cause == TroubleCause::Malformed),
            "{target} {reading:?}"
        );
    }
}

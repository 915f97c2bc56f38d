use std::net::Shutdown;
use std::sync::mpsc::{Receiver, channel};

use super::certificates::{asked_with_file, good_server};
use super::*;

/// A proxy that forwards: tunnels for CONNECT, one request for the rest. Gives its port and the first lines it heard.
fn forwarding() -> (u16, Receiver<String>) {
    let (say, heard) = channel();
    let port = serve(move |mut client| {
        let Some(head) = read_head(&mut client) else { return };
        let line = head.lines().next().unwrap_or_default().to_owned();
        let words: Vec<&str> = line.split(' ').collect();
        let (authority, request) = match words[0] {
            "CONNECT" => (words[1].to_owned(), None),
            method => {
                let rest = words[1].trim_start_matches("http://");
                let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
                (authority.to_owned(), Some(head.replacen(&line, &format!("{method} {path} HTTP/1.1"), 1)))
            }
        };
        let _ = say.send(line.clone());
        let Ok(mut server) = TcpStream::connect(&authority) else {
            let _ = client.write_all(b"HTTP/1.1 503 X\r\nX-Squid-Error: ERR_CONNECT_FAIL 111\r\n\r\n");
            return;
        };
        match request {
            Some(request) => drop(server.write_all(request.as_bytes())),
            None => drop(client.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n")),
        }
        let (mut from_client, mut to_server) = (client.try_clone().unwrap(), server.try_clone().unwrap());
        thread::spawn(move || {
            let _ = io::copy(&mut from_client, &mut to_server);
            let _ = to_server.shutdown(Shutdown::Write);
        });
        let _ = io::copy(&mut server, &mut client);
        let _ = client.shutdown(Shutdown::Both);
    });
    (port, heard)
}

fn read_head(stream: &mut TcpStream) -> Option<String> {
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte).ok()?;
        head.push(byte[0]);
    }
    String::from_utf8(head).ok()
}

/// A proxy that answers everybody the same.
fn saying(answer: &'static str) -> u16 {
    serve(move |mut client| {
        if read_head(&mut client).is_some() {
            let _ = client.write_all(answer.as_bytes());
        }
    })
}

fn through(proxy: u16, url: &str) -> HttpTarget {
    let proxy = format!("http://localhost:{proxy}");
    HttpTarget { proxy: Some(proxy.try_into().unwrap()), ..HttpTarget::from(url) }
}

fn reason(proxy: u16, url: &str) -> String {
    not_reached(ask(&through(proxy, url), 5000).known().unwrap())
}

#[test]
fn http_is_asked_by_its_whole_url() {
    let server = serve(|stream| answer(stream, b"HTTP/1.1 401 X\r\n\r\n"));
    let (proxy, heard) = forwarding();
    let url = format!("http://127.0.0.1:{server}/x?y");
    assert_eq!(ask(&through(proxy, &url), 5000).known(), Some(answered(401)));
    assert_eq!(heard.recv().unwrap(), format!("GET {url} HTTP/1.1"));
}

#[test]
fn https_is_asked_in_a_tunnel_and_its_certificate_is_judged() {
    let (server, pem) = good_server();
    let (proxy, heard) = forwarding();
    let target = through(proxy, &format!("https://localhost:{server}/"));
    let contact = asked_with_file(target, Reading::Known(pem.clone().into_bytes())).known();
    assert_eq!(contact, Some(Contact::Reached { status: Some(401), verified: Some(true) }));
    assert_eq!(heard.recv().unwrap(), format!("CONNECT localhost:{server} HTTP/1.1"));
    let target = through(proxy, &format!("https://127.0.0.1:{server}/"));
    let contact = asked_with_file(target, Reading::Known(pem.into_bytes())).known();
    assert!(matches!(contact, Some(Contact::BadCertificate { .. })), "{contact:?}");
}

#[test]
fn a_proxy_that_is_not_there_is_told_from_a_target_that_is_not() {
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    for scheme in ["http", "https"] {
        let said = reason(closed, &format!("{scheme}://cloud.example/"));
        assert!(
            said.starts_with(&format!("the proxy localhost (127.0.0.1:{closed}) refused the connection")),
            "{said}"
        );
        let (proxy, _heard) = forwarding();
        let said = reason(proxy, &format!("{scheme}://127.0.0.1:{closed}/"));
        let expected = format!("the proxy localhost (127.0.0.1:{proxy}) cannot reach 127.0.0.1:{closed} (HTTP 503)");
        assert_eq!(said, expected);
    }
}

macro_rules! recorded {
    ($name:literal) => {
        include_str!(concat!("../../../../../tests/fixtures/proxies/", $name))
    };
}

#[test]
fn what_a_proxy_refuses_is_told_with_its_status() {
    for (connect, get, expected) in [
        (recorded!("squid-connect-fails"), recorded!("squid-get-fails"), "cannot reach h:80 (HTTP 503)"),
        (
            recorded!("squid-connect-denied"),
            recorded!("squid-get-denied"),
            "does not allow connections to h:80 (HTTP 403)",
        ),
        (recorded!("tinyproxy-connect-fails"), recorded!("tinyproxy-get-fails"), "cannot reach h:80 (HTTP 500)"),
        (NO_PASSWORD, NO_PASSWORD, "wants a password (HTTP 407), and there is none to give"),
        ("HTTP/1.1 504 X\r\n\r\n", "HTTP/1.1 504 X\r\n\r\n", "cannot reach h:80 (HTTP 504)"),
    ] {
        for (answer, url) in [(connect, "https://h:80/"), (get, "http://h/")] {
            let proxy = saying(answer);
            assert_eq!(reason(proxy, url), format!("the proxy localhost (127.0.0.1:{proxy}) {expected}"), "{url}");
        }
    }
    let denied = reason(saying(recorded!("tinyproxy-connect-denied")), "https://h/");
    assert!(denied.ends_with("does not allow connections to h:443 (HTTP 403)"), "{denied}");
}

const NO_PASSWORD: &str = "HTTP/1.1 407 X\r\nProxy-Authenticate: Basic realm=\"x\"\r\n\r\n";

#[test]
fn what_a_target_behind_the_proxy_answers_is_an_answer() {
    for status in [403, 500, 503] {
        let server = serve(move |stream| answer(stream, format!("HTTP/1.1 {status} X\r\n\r\n").as_bytes()));
        let (proxy, _heard) = forwarding();
        let contact = ask(&through(proxy, &format!("http://127.0.0.1:{server}/")), 5000).known();
        assert_eq!(contact, Some(answered(status)));
    }
}

#[test]
fn what_is_no_proxy_or_hangs_is_told() {
    assert!(reason(saying("SSH-2.0-x\r\n"), "https://h/").ends_with("does not answer as a proxy does"));
    assert!(reason(saying(""), "https://h/").ends_with("closed the connection without an answer"));
    let silent = serve(|stream| {
        thread::sleep(Duration::from_secs(30));
        drop(stream);
    });
    for url in ["https://h/", "http://h/"] {
        let said = not_reached(ask(&through(silent, url), 600).known().unwrap());
        assert!(said.starts_with("the proxy localhost (") && said.ends_with("did not answer in time"), "{said}");
    }
}

#[test]
fn what_fails_behind_the_proxy_is_laid_at_the_door_of_the_target() {
    let server = serve(|stream| answer(stream, b"no TLS\r\n\r\n"));
    let (proxy, _heard) = forwarding();
    let said = reason(proxy, &format!("https://localhost:{server}/"));
    let start =
        format!("localhost:{server} behind the proxy localhost:{proxy} accepts connections, but does not speak TLS");
    assert!(said.starts_with(&start), "{said}");
}

//! Servers that stand in for those of a cloud: names, a management plane, the proxy before it.

use std::fs;
use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream, UdpSocket};
use std::sync::Arc;
use std::thread;

use anyhow::{Context, Result, bail};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use super::stand_in::ready;

/// `stand-in serve …`
pub fn serve(words: &[&str]) -> Result<()> {
    match words {
        ["names", name, address, broken] => names(name, address, broken),
        ["https", address, name, authority] => https(address, name, authority),
        ["http", address, status] => {
            let answer = answer(status);
            each(address, move |mut stream| {
                if head(&mut stream).is_some() {
                    let _ = stream.write_all(answer.as_bytes());
                }
            })
        }
        ["proxy", address] => each(address, forward),
        _ => bail!("no such server: {words:?}"),
    }
}

fn answer(status: &str) -> String {
    format!("HTTP/1.1 {status} X\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
}

fn each(address: &str, handle: impl Fn(TcpStream) + Send + Sync + 'static) -> Result<()> {
    let listener = TcpListener::bind(address).with_context(|| format!("cannot listen at {address}"))?;
    ready()?;
    let handle = Arc::new(handle);
    for stream in listener.incoming() {
        let (stream, handle) = (stream?, Arc::clone(&handle));
        thread::spawn(move || handle(stream));
    }
    bail!("nobody listens any more")
}

/// A name server that knows the IPv4 address of one name, and is broken for IPv6: it answers with an error
/// (`SERVFAIL`, `NXDOMAIN`) or not at all (`silent`).
fn names(name: &str, address: &str, broken: &str) -> Result<()> {
    const A: u16 = 1;
    let address: std::net::Ipv4Addr = address.parse()?;
    let socket = UdpSocket::bind("127.0.0.1:53")?;
    ready()?;
    let mut query = [0; 512];
    loop {
        let (length, from) = socket.recv_from(&mut query)?;
        let query = &query[..length];
        // A header of 12 bytes, then the labels of the name, each with its length, and the type.
        let mut asked = Vec::new();
        let mut at = 12;
        while let Some(&length @ 1..=63) = query.get(at) {
            asked.push(String::from_utf8_lossy(&query[at + 1..at + 1 + usize::from(length)]).into_owned());
            at += 1 + usize::from(length);
        }
        let kind = u16::from_be_bytes([query[at + 1], query[at + 2]]);
        let is_known = asked.join(".") == name;
        let (code, answers) = match (is_known, kind, broken) {
            (true, A, _) => (0, 1),
            (true, _, "silent") => continue,
            (true, _, "SERVFAIL") => (2, 0),
            _ => (3, 0),
        };
        let mut reply = query[..2].to_vec();
        reply.extend([0x81, 0x80 | code, 0, 1, 0, answers, 0, 0, 0, 0]);
        reply.extend(&query[12..at + 5]);
        if answers == 1 {
            // The name that stands at byte 12, type A, class IN, a minute to live.
            reply.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4]);
            reply.extend(address.octets());
        }
        socket.send_to(&reply, from)?;
    }
}

/// Answers 401 under this name. `authority` is the file that gets the certificate to trust for it; with `self-signed`
/// in its place there is none.
fn https(address: &str, name: &str, authority: &str) -> Result<()> {
    let params = CertificateParams::new(vec![name.to_owned()])?;
    let key = KeyPair::generate()?;
    let certificate = if authority == "self-signed" {
        params.self_signed(&key)?
    } else {
        let mut own = CertificateParams::new(Vec::new())?;
        own.distinguished_name.push(DnType::CommonName, "Cloud CA");
        own.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(own, KeyPair::generate()?)?;
        fs::write(authority, issuer.pem())?;
        params.signed_by(&key, &issuer)?
    };
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key)?;
    let config = Arc::new(config);
    each(address, move |stream| {
        let Ok(connection) = ServerConnection::new(Arc::clone(&config)) else { return };
        let mut stream = StreamOwned::new(connection, stream);
        if head(&mut stream).is_some() {
            let _ = stream.write_all(answer("401").as_bytes());
        }
    })
}

/// Passes on what it is asked for, as a forward proxy does.
fn forward(mut client: TcpStream) {
    let Some(head) = head(&mut client) else { return };
    let line = head.lines().next().unwrap_or_default();
    let mut words = line.split(' ');
    let (method, what) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    eprintln!("{line}");
    let rest = what.trim_start_matches("http://");
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let Ok(mut server) = TcpStream::connect(authority) else {
        let _ = client.write_all(b"HTTP/1.1 502 X\r\nConnection: close\r\n\r\n");
        return;
    };
    let _ = match method {
        "CONNECT" => client.write_all(b"HTTP/1.1 200 X\r\n\r\n"),
        _ => server.write_all(head.replacen(what, path, 1).as_bytes()),
    };
    let (Ok(mut from), Ok(mut to)) = (client.try_clone(), server.try_clone()) else { return };
    thread::spawn(move || io::copy(&mut from, &mut to));
    let _ = io::copy(&mut server, &mut client);
    let _ = client.shutdown(Shutdown::Both);
}

fn head(stream: &mut impl Read) -> Option<String> {
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte).ok()?;
        head.push(byte[0]);
    }
    String::from_utf8(head).ok()
}

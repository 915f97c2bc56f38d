//! Processes that stand in for others inside a lab: guests, holders of locks, servers that hang.
//!
//! They are this test program under another name, so that a lab needs nothing that is not built here.

use std::env;
use std::fs::{self, File, OpenOptions};
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::os::fd::AsRawFd as _;
use std::os::unix::net::{UnixDatagram, UnixListener};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Command, ExitCode};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use nix::fcntl::{FallocateFlags, FcntlArg, fallocate, fcntl};
use nix::libc;
use nix::mount::{MsFlags, mount};
use nix::sys::socket::{
    AddressFamily, Backlog, MsgFlags, SockFlag, SockProtocol, SockType, UnixAddr, bind, connect, listen, recv, socket,
};

use super::{killer, servers};

/// Plays the part that the program was started under, if it was started under one.
pub fn play() -> Option<ExitCode> {
    let words: Vec<String> = env::args().collect();
    let name = Path::new(words.first()?).file_name()?.to_str()?;
    let words: Vec<&str> = words.iter().skip(1).map(String::as_str).collect();
    let played = match (name, words.as_slice()) {
        (name, _) if name.starts_with("qemu-system-") => ready_for_ever(),
        ("stand-in", ["idle"]) => ready_for_ever(),
        ("stand-in", ["lock", path]) => lock(path),
        ("stand-in", ["accept", path]) => accept(path),
        ("stand-in", ["knock", address]) => knock(address),
        ("stand-in", ["hear", path]) => hear(path),
        ("stand-in", ["babble", path]) => babble(path),
        ("stand-in", ["say", address, words]) => say(address, words),
        ("stand-in", ["full-backlog", path]) => full_backlog(path),
        ("stand-in", ["delete-open", path, bytes]) => delete_open(path, bytes),
        ("stand-in", ["dead-fuse", path]) => dead_fuse(path),
        ("stand-in", ["kill", words @ ..]) => killer::kill_at(words),
        ("stand-in", ["serve", words @ ..]) => servers::serve(words),
        ("stand-in", words) => Err(anyhow::anyhow!("no such part: {words:?}")),
        _ => return None,
    };
    Some(match played {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    })
}

pub fn ready() -> Result<()> {
    if let Some(path) = env::var_os("NOTIFY_SOCKET") {
        UnixDatagram::unbound()?.send_to(b"READY=1", path)?;
    }
    Ok(())
}

fn ready_for_ever() -> Result<()> {
    ready()?;
    loop {
        thread::sleep(Duration::from_secs(3600));
    }
}

/// Holds a record lock on a file, as dpkg and apt do.
fn lock(path: &str) -> Result<()> {
    let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)?;
    let whole = libc::flock {
        l_type: libc::F_WRLCK as libc::c_short,
        l_whence: libc::SEEK_SET as libc::c_short,
        l_start: 0,
        l_len: 0,
        l_pid: 0,
    };
    fcntl(&file, FcntlArg::F_SETLK(&whole)).with_context(|| format!("cannot lock {path}"))?;
    ready_for_ever()
}

/// Opens a connection and never says a word.
fn knock(address: &str) -> Result<()> {
    let _stream = TcpStream::connect(address).with_context(|| format!("nobody opens at {address}"))?;
    ready_for_ever()
}

/// Writes down what neighbours tell each other without being asked, one line each: who, and of which address.
fn hear(path: &str) -> Result<()> {
    let all = SockProtocol::EthAll;
    let wire = socket(AddressFamily::Packet, SockType::Raw, SockFlag::SOCK_CLOEXEC, all)?;
    let mut said = File::create(path)?;
    let mut frame = [0; 2048];
    loop {
        let length = recv(wire.as_raw_fd(), &mut frame, MsgFlags::empty())?;
        let frame = &frame[..length];
        let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(":");
        let line = match frame {
            // Of itself, to everybody.
            [0xff, _, _, _, _, _, _, _, _, _, _, _, 8, 6, arp @ ..] if arp.get(14..18) == arp.get(24..28) => {
                format!("{} {}", hex(&arp[8..14]), arp[14..18].iter().map(u8::to_string).collect::<Vec<_>>().join("."))
            }
            [0x33, 0x33, 0, 0, 0, 1, _, _, _, _, _, _, 0x86, 0xdd, ip @ ..] if ip.get(6) == Some(&58) => {
                let Some([136, _, _, _, _, _, _, _, rest @ ..]) = ip.get(40..) else { continue };
                let Some(target) = rest.first_chunk::<16>() else { continue };
                format!("{} {}", hex(&rest[18..24]), std::net::Ipv6Addr::from(*target))
            }
            _ => continue,
        };
        writeln!(said, "{line}")?;
    }
}

/// Listens, takes every connection and never says a word.
fn accept(path: &str) -> Result<()> {
    if Path::new(path).exists() {
        fs::remove_file(path)?;
    }
    let listener = UnixListener::bind(path)?;
    ready()?;
    let mut taken = Vec::new();
    for stream in listener.incoming() {
        taken.push(stream?);
    }
    bail!("nobody listens any more")
}

/// Listens, and answers everybody with the same nonsense.
fn babble(path: &str) -> Result<()> {
    if Path::new(path).exists() {
        fs::remove_file(path)?;
    }
    let listener = UnixListener::bind(path)?;
    ready()?;
    for stream in listener.incoming() {
        let _ = stream?.write_all(b"{\"id\": [}} \xff\xfe\n");
    }
    bail!("nobody listens any more")
}

/// Listens at an address of TCP and says the same line to everybody, or not a word where it is empty.
fn say(address: &str, line: &str) -> Result<()> {
    let listener = TcpListener::bind(address).with_context(|| format!("cannot listen at {address}"))?;
    ready()?;
    let mut taken = Vec::new();
    for stream in listener.incoming() {
        let mut stream = stream?;
        if !line.is_empty() {
            stream.write_all(format!("{line}\r\n").as_bytes())?;
        }
        taken.push(stream);
    }
    bail!("nobody listens any more")
}

/// Listens, takes no connection, and is so full that the next one blocks.
fn full_backlog(path: &str) -> Result<()> {
    if Path::new(path).exists() {
        fs::remove_file(path)?;
    }
    let address = UnixAddr::new(path)?;
    let listener = socket(AddressFamily::Unix, SockType::Stream, SockFlag::SOCK_CLOEXEC, None)?;
    bind(listener.as_raw_fd(), &address)?;
    listen(&listener, Backlog::new(1)?)?;
    let mut waiting = Vec::new();
    loop {
        let client = socket(AddressFamily::Unix, SockType::Stream, SockFlag::SOCK_NONBLOCK, None)?;
        match connect(client.as_raw_fd(), &address) {
            Ok(()) => waiting.push(client),
            Err(nix::errno::Errno::EAGAIN) => return ready_for_ever(),
            Err(errno) => return Err(errno.into()),
        }
    }
}

/// Keeps a deleted file open, in two processes.
fn delete_open(path: &str, bytes: &str) -> Result<()> {
    let file = File::create(path)?;
    fallocate(&file, FallocateFlags::empty(), 0, bytes.parse()?)?;
    fs::remove_file(path)?;
    let mut second = Command::new(env::current_exe()?);
    second.arg0("stand-in");
    second.arg("idle").env_remove("NOTIFY_SOCKET").stdin(file.try_clone()?);
    let _child = second.spawn()?;
    // It keeps the descriptor that it was going to hand on.
    drop(second);
    ready_for_ever()
}

/// Mounts a filesystem whose server reads every request and answers none but the first: worse than a dead one,
/// because whoever asks cannot be killed.
fn dead_fuse(path: &str) -> Result<()> {
    const INIT: u32 = 26;
    let mut device = OpenOptions::new().read(true).write(true).open("/dev/fuse")?;
    let options = format!("fd={},rootmode=40000,user_id=0,group_id=0,allow_other", device.as_raw_fd());
    mount(Some("lab"), path, Some("fuse.lab"), MsFlags::empty(), Some(options.as_str()))?;
    let mut request = vec![0; 1 << 17];
    loop {
        let length = device.read(&mut request)?;
        let [_, code, low, high] = [0, 4, 8, 12].map(|at| word(&request[..length], at));
        if code != INIT {
            continue;
        }
        // fuse_out_header (length, error, the number of the request), fuse_init_out (7.31), see <linux/fuse.h>.
        let reply = [80, 0, low, high, 7, 31, 4096, 0, 0, 4096, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        let bytes: Vec<u8> = reply.iter().flat_map(|word: &u32| word.to_ne_bytes()).collect();
        device.write_all(&bytes)?;
        ready()?;
    }
}

fn word(bytes: &[u8], at: usize) -> u32 {
    let mut word = [0; 4];
    word.copy_from_slice(&bytes[at..at + 4]);
    u32::from_ne_bytes(word)
}

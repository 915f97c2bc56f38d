use std::cell::Cell;
use std::fs;
use std::os::unix::fs::symlink;

use super::*;

/// Recorded: a relay that listens at port 5672 and is connected to 192.0.2.2:5671, and an agent that reached it by an
/// IPv6 socket.
const TCP: &str = "\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode                                                     
   0: 0100007F:1628 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 5689743 1 00000000793feeb1 100 0 0 10 0                   
   1: 010200C0:80A2 020200C0:1627 01 00000000:00000000 00:00000000 00000000     0        0 5689742 1 0000000017229353 20 0 0 10 -1                   
   2: 0100007F:1628 0100007F:8A48 01 00000000:00000000 00:00000000 00000000     0        0 5689744 1 00000000514797de 20 0 0 10 -1                   
";
const TCP6: &str = "\
  sl  local_address                         remote_address                        st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0000000000000000FFFF00000100007F:8A48 0000000000000000FFFF00000100007F:1628 01 00000000:00000000 00:00000000 00000000     0        0 5689766 2 00000000d034f0e9 20 0 0 10 -1
";

fn stage(proc: &Path, pid: u32, unit: &str, sockets: &[u64]) {
    let process = proc.join(pid.to_string());
    for directory in ["fd", "ns", "net"] {
        fs::create_dir_all(process.join(directory)).unwrap();
    }
    fs::write(process.join("comm"), "python3\n").unwrap();
    fs::write(process.join("cgroup"), format!("0::/system.slice/{unit}\n")).unwrap();
    fs::write(process.join("net/tcp"), TCP).unwrap();
    fs::write(process.join("net/tcp6"), TCP6).unwrap();
    symlink("net:[4026532248]", process.join("ns/net")).unwrap();
    for (number, inode) in sockets.iter().enumerate() {
        symlink(format!("socket:[{inode}]"), process.join(format!("fd/{number}"))).unwrap();
    }
    symlink("/dev/null", process.join("fd/99")).unwrap();
}

fn staged() -> tempfile::TempDir {
    let proc = tempfile::tempdir().unwrap();
    stage(proc.path(), 1, "init.scope", &[1]);
    stage(proc.path(), 6425, "relay.service", &[5689742, 5689743, 5689744]);
    stage(proc.path(), 6467, "agent.service", &[5689766]);
    proc
}

fn ends(reading: Reading<Vec<Connection>>) -> Vec<String> {
    let told = |it: Connection| {
        let words = [(it.accepted, " accepted"), (it.relays, " relays")];
        let words: String = words.into_iter().filter(|(is, _)| *is).map(|(_, word)| word).collect();
        format!("{} -> {} {}{words}", it.local, it.peer, it.unit.unwrap_or_default())
    };
    reading.known().unwrap().into_iter().map(told).collect()
}

#[test]
fn a_loopback_connection_leads_to_what_its_far_end_holds() {
    let proc = staged();
    assert_eq!(
        ends(sample(proc.path(), "agent.service")),
        ["127.0.0.1:35400 -> 127.0.0.1:5672 agent.service", "192.0.2.1:32930 -> 192.0.2.2:5671 relay.service relays"]
    );
    assert_eq!(
        ends(sample(proc.path(), "relay.service")),
        ["192.0.2.1:32930 -> 192.0.2.2:5671 relay.service", "127.0.0.1:5672 -> 127.0.0.1:35400 relay.service accepted"],
        "what came in over loopback leads nowhere"
    );
    assert_eq!(ends(sample(proc.path(), "other.service")), [""; 0]);
}

#[test]
fn a_table_that_makes_no_sense_and_one_that_is_hidden_are_unreadable() {
    let proc = staged();
    for damaged in [TCP.replace("5689742", "x"), TCP.replace("0100007F:1628", "0100007F"), format!("{TCP}   3: 01")] {
        fs::write(proc.path().join("6467/net/tcp"), damaged).unwrap();
        assert!(matches!(sample(proc.path(), "agent.service"), Reading::Unreadable(_)));
    }
    fs::remove_dir_all(proc.path().join("1")).unwrap();
    let hidden = sample(proc.path(), "agent.service");
    assert!(matches!(hidden, Reading::Unreadable(trouble) if trouble.cause == TroubleCause::Denied));
}

#[test]
fn what_has_no_answer_is_counted() {
    let mut table = Table::default();
    table.add(&TCP.replacen("00000000     0        0 5689742", "0000000b     0        3 5689742", 1)).unwrap();
    let counts: Vec<_> = table.established.iter().map(|row| row.unanswered).collect();
    assert_eq!(counts, [14, 0]);
}

#[test]
fn only_what_both_samples_saw_stands() {
    let to = |local: &str, peer: &str| Connection {
        local: local.to_owned(),
        peer: peer.to_owned(),
        ..Connection::default()
    };
    let one = |local: &str| to(local, "203.0.113.9:443");
    let samples = Cell::new(0);
    let sample = || {
        samples.set(samples.get() + 1);
        Reading::Known(vec![one("192.0.2.7:1"), one(&format!("192.0.2.7:{}", 10 + samples.get()))])
    };
    assert_eq!(standing(sample, || ()), Reading::Known(vec![one("192.0.2.7:1")]));
    let accepted = Connection { accepted: true, ..one("192.0.2.7:22") };
    for nothing in [vec![], vec![to("127.0.0.1:35400", "127.0.0.1:5672")], vec![accepted]] {
        let sample = || Reading::Known(nothing.clone());
        assert_eq!(standing(sample, || panic!("waits for nothing")), Reading::Known(nothing.clone()));
    }
}

#[test]
fn our_own_connections_are_found_in_the_kernel() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let client = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let _server = listener.accept().unwrap();
    let found = Host { proc: Path::new("/proc") }.connections(&[std::process::id()], &[]).known().unwrap();
    let own = client.local_addr().unwrap().to_string();
    let ours = found.iter().find(|connection| connection.local == own).unwrap();
    assert_eq!((ours.peer.clone(), ours.accepted), (client.peer_addr().unwrap().to_string(), false));
    assert!(found.iter().any(|connection| connection.peer == own && connection.accepted));
}

//! What sshd says of a line, and what is said here. The lab holds the same against the real sshd.

use super::*;

fn read_text(text: &str) -> Configuration {
    read("/etc/ssh/sshd_config", text.as_bytes(), &Options::default(), Some(Version(9, 2)), &|_| Vec::new())
}

fn faults(text: &str) -> Vec<(usize, String)> {
    read_text(text).faults.into_iter().map(|fault| (fault.line, fault.message)).collect()
}

#[test]
fn t() {
    let t = std::fs::read_to_string("/tmp/h5-sshd/t.bookworm").unwrap();
    for line in t.lines() {
        let (rc, rest) = line.split_once(" [").unwrap();
        let (text, said) = rest.split_once("] ").unwrap_or((rest.trim_end_matches(']'), ""));
        let (text, said) = if text.contains("[::") {
            let at = rest.rfind("\\n] ").unwrap();
            (&rest[..at + 2], &rest[at + 4..])
        } else {
            (text, said)
        };
        let text = text
            .replace("\\n", "\n")
            .replace("\\t", "\t")
            .replace("\\f", "\x0c")
            .replace("\\r", "\r")
            .replace("\\000", "\0")
            .replace("%%", "%")
            .replace("\\\\", "\\");
        let ours = faults(&text);
        if (rc == "0") != ours.is_empty() {
            println!("{text:?}: sshd {rc} {said}, we {ours:?}");
        }
    }
    println!("{:?}", faults("foo bar\n"));
}

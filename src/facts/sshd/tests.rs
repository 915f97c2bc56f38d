//! What the lab cannot show against the real sshd: versions, files that include others, damage.

use serde_json::Value;

use super::*;
use crate::model::TroubleCause;

const PATH: &str = "/etc/ssh/sshd_config";

/// What Debian 12 ships.
fn debian() -> String {
    let scenario = include_str!("../../../tests/hosts/scenarios/ssh-answers/scenario.json");
    let scenario: Value = serde_json::from_str(scenario).unwrap();
    scenario["patch"]["answers"][format!("file:{PATH}")]["reading"]["known"]["text"].as_str().unwrap().to_owned()
}

fn read_as(version: Option<Version>, text: &str) -> Configuration {
    read(PATH, text.as_bytes(), &Options::default(), version, &|_| Vec::new())
}

/// Reads `text`, with these files beside it.
fn read_with(text: &str, files: &[(&'static str, &'static str)]) -> Configuration {
    let include = |pattern: &str| {
        let named = files.iter().filter(|(path, _)| *path == pattern);
        named.map(|(path, text)| Included::File { path: (*path).to_owned(), text: text.as_bytes() }).collect()
    };
    read(PATH, text.as_bytes(), &Options::default(), Some(Version(9, 2)), &include)
}

fn places(configuration: &Configuration) -> Vec<(&str, usize)> {
    configuration.faults.iter().map(|fault| (fault.file.as_str(), fault.line)).collect()
}

fn endpoints(configuration: &Configuration) -> Vec<String> {
    configuration.endpoints().iter().map(Endpoint::to_string).collect()
}

#[test]
fn what_debian_ships_is_taken() {
    let configuration = read_as(Some(Version(9, 2)), &debian());
    assert_eq!(places(&configuration), []);
    assert_eq!(endpoints(&configuration), ["0.0.0.0:22", "[::]:22"]);
    assert_eq!(configuration.host_keys().len(), 3);
}

#[test]
fn names_are_judged_only_of_a_version_that_is_known() {
    let text = "NoSuchKeyword yes\nCiphers no-such-cipher\nNoSuchKeyword 'open\n";
    for (version, faults) in [(None, 0), (Version::parse("1:10.2p1-1"), 0), (Version::parse("1:8.9p1-3ubuntu0.13"), 3)]
    {
        assert_eq!(read_as(version, text).faults.len(), faults, "{version:?}");
    }
    assert_eq!(Version::parse("1:10.0p1-7+deb13u4"), Some(Version::KNOWN));
    assert_eq!(Version::parse("none"), None);
}

#[test]
fn a_subsystem_may_be_told_again_from_9_5_on() {
    let text = "Subsystem sftp /usr/lib/openssh/sftp-server\nSubsystem sftp internal-sftp\n";
    assert_eq!(places(&read_as(Some(Version(9, 2)), text)), [(PATH, 2)]);
    assert_eq!(places(&read_as(Some(Version(9, 6)), text)), []);
}

#[test]
fn what_a_file_says_of_match_ends_with_it() {
    let configuration = read_with("Include one.conf\nPort 2222\n", &[("/etc/ssh/one.conf", "Match user root\n")]);
    assert_eq!((places(&configuration), endpoints(&configuration).len()), (vec![], 2));
    // Within a block nothing holds for all, whatever the file says.
    let files = [("/etc/ssh/one.conf", "Match all\nPort 2222\n")];
    assert_eq!(places(&read_with("Match user root\nInclude one.conf\n", &files)), [("/etc/ssh/one.conf", 2)]);
    assert_eq!(places(&read_with("Match all\nInclude one.conf\n", &files)), []);
}

#[test]
fn files_that_include_each_other_end() {
    let twice = "Include one.conf one.conf\nInclude one.conf\n";
    let configuration = read_with("Include one.conf\n", &[("/etc/ssh/one.conf", twice)]);
    assert_eq!(places(&configuration), [("/etc/ssh/one.conf", 1)]);
}

#[test]
fn what_is_not_read_is_said_and_holds_back_what_it_may_hold() {
    let include = |path: &str| {
        let trouble = Trouble::new(TroubleCause::Denied, "not root");
        vec![Included::Unread { path: path.to_owned(), trouble }]
    };
    let text = b"AuthorizedKeysCommand /bin/true\nInclude /etc/site/*.conf\n";
    let configuration = read(PATH, text, &Options::default(), Some(Version(9, 2)), &include);
    assert_eq!((places(&configuration), configuration.unread.len()), (vec![], 1));
    assert_eq!(configuration.unread[0].path, "/etc/site/*.conf");
}

#[test]
fn addresses_ports_and_families_are_combined_as_sshd_does() {
    for (text, expected) in [
        ("ListenAddress 192.0.2.7\nPort 22\nPort 2222\n", &["192.0.2.7:22", "192.0.2.7:2222"][..]),
        ("ListenAddress 192.0.2.7:830\nListenAddress [2001:db8::7]\n", &["192.0.2.7:830", "[2001:db8::7]:22"]),
        ("ListenAddress fe80::1%eth0\n", &["[fe80::1%eth0]:22"]),
        ("ListenAddress hv-07.example\n", &["hv-07.example:22"]),
        ("AddressFamily inet6\nAddressFamily inet\n", &["[::]:22"]),
        ("Port 22\nPort 22\nAddressFamily inet\n", &["0.0.0.0:22"]),
        ("Match user root\nX11Forwarding no\nMatch all\nPort 2222\nAddressFamily inet\n", &["0.0.0.0:2222"]),
    ] {
        assert_eq!(endpoints(&read_as(Some(Version(9, 2)), text)), expected, "{text}");
    }
    let domain = read_as(None, "ListenAddress 192.0.2.7 rdomain mgmt\n").endpoints();
    assert_eq!(domain[0].domain.as_deref(), Some("mgmt"));
}

#[test]
fn options_of_the_command_line_win() {
    let environment =
        b"# SSHD_OPTS=-p 1\nOTHER=x\nSSHD_OPTS=\"-4 -Dp2200 -o Port=1 -o LogLevel=nonsense -f /etc/own\"\n";
    let options = Options::of_environment(environment);
    assert_eq!((options.file.as_deref(), options.ports.as_slice()), (Some("/etc/own"), &[2200][..]));
    let configuration = read("/etc/own", b"Port 22\n", &options, None, &|_| Vec::new());
    assert_eq!(endpoints(&configuration), ["0.0.0.0:2200"]);
    assert_eq!(places(&configuration), [("the options of sshd", 1)]);
    assert_eq!(Options::of_environment(b"SSHD_OPTS=\n"), Options::default());
}

#[test]
fn what_systemd_says_of_a_socket_is_an_endpoint_or_none() {
    for (text, expected) in [
        ("0.0.0.0:22", Some("0.0.0.0:22")),
        ("[::]:2222", Some("[::]:2222")),
        ("[fe80::1%eth0]:22", Some("[fe80::1%eth0]:22")),
        ("/run/ssh-unix-local/socket", None),
        ("vsock::22", None),
        ("@abstract", None),
        ("", None),
    ] {
        assert_eq!(Endpoint::parse(text).map(|endpoint| endpoint.to_string()).as_deref(), expected, "{text}");
    }
}

#[test]
fn damage_never_panics() {
    let text = debian() + "\nMatch user \"a b\",c address 10.0.0.0/8\n  ListenAddress [::1]:22 'x' \\\" é=\n";
    for at in (0..text.len()).step_by(11) {
        for damage in [0x00, 0x22, 0x3d, 0xff] {
            let mut bytes = text.clone().into_bytes();
            bytes[at] = damage;
            let configuration = read(PATH, &bytes, &Options::default(), Some(Version(9, 2)), &|_| Vec::new());
            assert!(!configuration.endpoints().is_empty(), "byte {at}");
        }
        read(PATH, &text.as_bytes()[..at], &Options::default(), None, &|_| Vec::new());
    }
}

//! A snapshot verified against an unchanged host has no finding, and whatever single thing is removed or altered gives
//! exactly one: a headline where it blocks, a warning where it does not.
//!
//! The things are enumerated from a recorded host, so that what a later recording has is covered by itself.

// A test stages files and starts programs, and may stop at the first thing that is not as expected.
#![allow(clippy::disallowed_methods, clippy::unwrap_used)]

mod alterations;
mod kernel;
mod labels;
mod switch;
mod system;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Output};
use std::sync::Arc;

use libtest_mimic::{Arguments, Failed, Trial};
use serde_json::Value;

use alterations::{Alteration, Expected};

const PROGRAM: &str = env!("CARGO_BIN_EXE_hostready");

/// No two of these have anything to do with each other.
const INDEPENDENT: [&str; 5] = [
    "link renamed: ens7",
    "address gone: ens3 ",
    "link gone: bond1.200",
    "port gone: br-data/bond0",
    "service stopped: ssh.service",
];

/// Where both are wrong, the first tells of the other.
const TOGETHER: [[&str; 2]; 1] = [
    // A fake bridge reaches the outside by its parent's port.
    ["port gone: br-data/bond0", "port gone: br-data/vlan300"],
];

/// What an alteration is called begins so, and what it is told by is one of these: an id and its cause.
const TOLD_BY: [(&str, &[&str]); 26] = [
    ("link gone: ", &["network.link-kept missing", "ovs.port-kept missing"]),
    (
        "link unplugged: ",
        &[
            "network.link-kept down",
            "network.link-kept bond-member-missing",
            "ovs.uplink link-down",
            "ovs.uplink bond-member-down",
        ],
    ),
    (
        "link renamed: ",
        &["ovs.port-kept nic-renamed", "network.address-kept missing", "network.link-kept bond-member-missing"],
    ),
    ("MTU lost: ", &["network.link-kept mtu"]),
    ("address gone: ", &["network.address-kept missing"]),
    ("route gone: ", &["network.route-kept "]),
    ("rule gone: ", &["network.rule-kept "]),
    ("resolver without: ", &["network.dns-kept servers-changed"]),
    ("bridge gone: ", &["ovs.bridge-kept missing"]),
    ("port gone: ", &["ovs.port-kept detached", "ovs.port-kept missing"]),
    ("port on another bridge: ", &["ovs.port-kept wrong-bridge"]),
    ("switch ", &["ovs.bridge-kept attributes-changed"]),
    ("bridge ", &["ovs.bridge-kept attributes-changed"]),
    ("port ", &["ovs.port-kept attributes-changed"]),
    ("interface ", &["ovs.port-kept attributes-changed"]),
    ("service switched off: ", &["services.kept disabled", "services.unit disabled"]),
    ("service masked: ", &["services.kept masked", "services.unit masked"]),
    ("package gone: ", &["packages.kept removed"]),
    ("package older: ", &["packages.kept downgraded", "packages.mixed-versions "]),
    ("package free: ", &["packages.kept hold-lost"]),
    ("guest stopped: ", &["guests.kept "]),
    ("route altered: ", &["network.route-kept "]),
    ("address altered: ", &["network.address-kept missing"]),
    ("resolver altered: ", &["network.dns-kept servers-changed"]),
    ("rule altered: ", &["network.rule-kept "]),
    ("service stopped: ", &["services.kept stopped", "services.kept inactive"]),
];

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let base = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/hosts/bases/hypervisor.json");
    let mut host: Value = serde_json::from_str(&fs::read_to_string(base).unwrap()).unwrap();
    if host["answers"].get("routes").is_none() {
        let why = "the recorded host does not hold what a snapshot holds";
        let trials = vec![Trial::test(why, || Ok(())).with_ignored_flag(true)];
        return libtest_mimic::run(&arguments, trials).exit_code();
    }
    labels::add(&mut host);
    system::hold(&mut host["answers"]);
    let before = Arc::new(Before::new(host));
    let mut trials: Vec<Trial> = Vec::new();
    for alteration in alterations::all(&before.host) {
        let before = Arc::clone(&before);
        trials.push(Trial::test(alteration.name.clone(), move || before.hold(&alteration)));
    }
    for (number, one) in INDEPENDENT.iter().enumerate() {
        for other in &INDEPENDENT[number + 1..] {
            let before = Arc::clone(&before);
            trials.push(Trial::test(format!("both: {one}, {other}"), move || before.hold_both(one, other)));
        }
    }
    for [first, other] in TOGETHER {
        let before = Arc::clone(&before);
        trials.push(Trial::test(format!("together: {first}, {other}"), move || before.hold_together(first, other)));
    }
    let unchanged = Arc::clone(&before);
    trials.push(Trial::test("unchanged", move || unchanged.is_whole()));
    assert!(trials.len() > 50, "only {} things to alter", trials.len());
    libtest_mimic::run(&arguments, trials).exit_code()
}

/// The recorded host, its snapshot, and what is wrong with it by itself.
struct Before {
    host: Value,
    directory: tempfile::TempDir,
    own: Vec<Told>,
}

/// A finding that no other explains.
#[derive(Clone, PartialEq, Eq)]
struct Told {
    name: String,
    blocks: bool,
    detail: String,
    /// The id and the cause.
    kind: String,
}

impl Before {
    fn new(host: Value) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let mut before = Self { host, directory, own: Vec::new() };
        let recording = before.write("before", &before.host);
        let output = program(&["snapshot", "--name", "before", "--json", "--from", &text(&recording)]);
        fs::write(before.path("baseline"), &output.stdout).unwrap();
        assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
        before.own = before.verify("unchanged", &before.host).unwrap();
        before
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(format!("{}.json", name.replace(['/', ' '], "_")))
    }

    fn write(&self, name: &str, host: &Value) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, serde_json::to_vec(host).unwrap()).unwrap();
        path
    }

    /// What `verify` tells of a host: the headlines and the warnings that nothing explains.
    fn verify(&self, name: &str, host: &Value) -> Result<Vec<Told>, Failed> {
        let mut host = host.clone();
        // It was rebooted since.
        let boot_id = "file:/proc/sys/kernel/random/boot_id";
        host["answers"][boot_id]["reading"]["known"]["text"] = "0c2d5d6a-54bf-4f0c-9d6b-6a1f6c3f7a11\n".into();
        let file = self.write(name, &host);
        let baseline = self.path("baseline");
        let output = program(&["verify", "--json", "--from", &text(&file), "--baseline", &text(&baseline)]);
        fs::remove_file(&file)?;
        let report: Value = serde_json::from_slice(&output.stdout)
            .map_err(|error| format!("{error}: {}", String::from_utf8_lossy(&output.stderr)))?;
        let rows = report["findings"].as_array().cloned().unwrap_or_default();
        let is_told = |row: &&Value| {
            matches!(row["status"].as_str(), Some("fail" | "unknown"))
                && row["caused_by"].is_null()
                && (row["severity"] != "info" || row["blocking"] == true)
        };
        let told = |row: &Value| Told {
            name: format!("{} {} {}", word(row, "id"), word(row, "subject"), word(row, "cause")),
            blocks: row["blocking"] == true,
            detail: word(row, "detail"),
            kind: format!("{} {}", word(row, "id"), word(row, "cause")),
        };
        Ok(rows.iter().filter(is_told).map(told).collect())
    }

    fn is_whole(&self) -> Result<(), Failed> {
        let new: Vec<String> =
            self.own.iter().filter(|told| told.blocks || told.name.contains("kept")).map(shown).collect();
        if new.is_empty() { Ok(()) } else { Err(new.join("\n").into()) }
    }

    /// Each is told as it is alone.
    fn hold_both(&self, one: &str, other: &str) -> Result<(), Failed> {
        let alone = alterations::all(&self.host);
        let of_one = begins(&alone, one)?;
        let both = alterations::all(&of_one.host);
        let told = self.verify(&format!("{one} and {other}"), &begins(&both, other)?.host)?;
        for alteration in [of_one, begins(&alone, other)?] {
            let expected = self.verify(&format!("{one} without {other}"), &alteration.host)?;
            let lost = expected.iter().filter(|it| it.blocks && !told.iter().any(|told| told.name == it.name));
            let lost: Vec<String> = lost.map(shown).collect();
            if !lost.is_empty() {
                let told: Vec<String> = told.iter().map(shown).collect();
                return Err(format!("not told: {}\ntold:\n{}", lost.join("\n"), told.join("\n")).into());
            }
        }
        Ok(())
    }

    /// Whichever went first.
    fn hold_together(&self, first: &str, other: &str) -> Result<(), Failed> {
        let alone = alterations::all(&self.host);
        let expected = self.new_headlines(first, &begins(&alone, first)?.host)?;
        for (one, next) in [(first, other), (other, first)] {
            let both = alterations::all(&begins(&alone, one)?.host);
            let told = self.new_headlines(one, &begins(&both, next)?.host)?;
            if told != expected {
                return Err(format!("{expected:?} expected, and told is {told:?}").into());
            }
        }
        Ok(())
    }

    fn new_headlines(&self, name: &str, host: &Value) -> Result<Vec<String>, Failed> {
        let told = self.verify(name, host)?;
        Ok(told.into_iter().filter(|told| told.blocks && !self.own.contains(told)).map(|told| told.name).collect())
    }

    fn hold(&self, alteration: &Alteration) -> Result<(), Failed> {
        let told = self.verify(&alteration.name, &alteration.host)?;
        let new: Vec<&Told> = told.iter().filter(|told| !self.own.contains(told)).collect();
        let (headlines, warnings): (Vec<&Told>, Vec<&Told>) = new.iter().partition(|told| told.blocks);
        let right = |told: &&Told| is_told_by(&alteration.name, &told.kind);
        let is_right = match alteration.expected {
            Expected::Headline => headlines.len() == 1 && headlines.iter().all(right),
            Expected::Warning => headlines.is_empty() && warnings.len() == 1 && warnings.iter().all(right),
        };
        if is_right {
            return Ok(());
        }
        let all: Vec<String> = new.into_iter().map(shown).collect();
        Err(format!("{:?} expected, and told is:\n{}", alteration.expected, all.join("\n")).into())
    }
}

fn is_told_by(alteration: &str, kind: &str) -> bool {
    let kinds = TOLD_BY.iter().find(|(name, _)| alteration.starts_with(name));
    kinds.is_some_and(|(_, kinds)| kinds.contains(&kind))
}

fn begins<'a>(all: &'a [Alteration], name: &str) -> Result<&'a Alteration, Failed> {
    all.iter().find(|it| it.name.starts_with(name)).ok_or_else(|| format!("nothing is called {name}").into())
}

fn shown(told: &Told) -> String {
    format!("{}{}: {}", if told.blocks { "" } else { "(warning) " }, told.name, told.detail)
}

fn word(row: &Value, key: &str) -> String {
    row[key].as_str().unwrap_or_default().to_owned()
}

fn text(path: &Path) -> String {
    path.display().to_string()
}

fn program(arguments: &[&str]) -> Output {
    Command::new(PROGRAM).args(arguments).env_remove("HOSTREADY_BLESS").output().unwrap()
}

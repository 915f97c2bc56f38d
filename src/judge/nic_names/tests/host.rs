//! A host with one NIC that a real udev named.

use serde_json::Value;

use crate::catalog::Settings;
use crate::catalog::kind::boot::COMMAND_LINE;
use crate::catalog::kind::network::{LINK_DIRECTORIES, NETPLAN_DIRECTORIES, RULE_DIRECTORIES};
use crate::catalog::kind::packages::STATUS;
use crate::facts::{Facts, Run};
use crate::judge::nic_names::judge;
use crate::judge::outcome::Outcome;
use crate::model::answer::{Answer, Answers, Asked, Content, Link, Nic};
use crate::model::report::Intent;
use crate::model::sorted::SortedMap;
use crate::model::{Query, Reading, Status};

const DEFAULT_LINK: &str = "[Match]\nOriginalName=*\n[Link]\nNamePolicy=keep kernel database onboard slot path\n";

pub struct Host {
    pub answers: SortedMap<Query, Reading<Answer>>,
    pub links: SortedMap<String, Link>,
}

impl Host {
    /// `ens7`, in a slot of its own, a port of the switch.
    pub fn new() -> Self {
        let machine: Value = serde_json::from_str(include_str!("../../../../tests/hosts/naming/i440fx.json")).unwrap();
        let nic: Nic = serde_json::from_value(machine["ens7"]["nic"].clone()).unwrap();
        let link: Link = serde_json::from_value(machine["ens7"]["link"].clone()).unwrap();
        let mut host = Self { answers: SortedMap::new(), links: SortedMap::new() };
        host.links.insert("ens7".to_owned(), Link { master: Some("ovs-system".to_owned()), ..link });
        host.links.insert("lo".to_owned(), Link::default());
        host.links.insert("br0".to_owned(), Link { kind: Some("bridge".to_owned()), ..Link::default() });
        for directory in LINK_DIRECTORIES {
            host.files(directory, "link", &[]).say(Query::Directory(directory.to_owned()), Answer::Names(Vec::new()));
        }
        for directory in RULE_DIRECTORIES {
            host.files(directory, "rules", &[]);
        }
        for directory in NETPLAN_DIRECTORIES {
            host.files(directory, "yaml", &[]);
        }
        host.files("/usr/lib/systemd/network", "link", &[("99-default.link", DEFAULT_LINK)]);
        host.say(Query::Addresses, Answer::Addresses(Vec::new()));
        host.answers.insert(Query::Ovsdb(Settings::default().ovs.socket()), Reading::Absent);
        host.text(COMMAND_LINE, "quiet\n").udev("252.39-1~deb12u1").os("debian", "12");
        host.nic("ens7", nic);
        host
    }

    pub fn say(&mut self, query: Query, answer: Answer) -> &mut Self {
        self.answers.insert(query, Reading::Known(answer));
        self
    }

    pub fn text(&mut self, path: &str, text: &str) -> &mut Self {
        self.say(Query::File(path.to_owned()), Answer::Text(text.as_bytes().to_vec()))
    }

    pub fn files(&mut self, directory: &str, end: &str, files: &[(&str, &str)]) -> &mut Self {
        let content = |text: &str| Reading::Known(Content(text.as_bytes().to_vec()));
        let files = files.iter().map(|(name, text)| (name.to_string(), content(text))).collect();
        self.say(Query::Files(format!("{directory}/*.{end}")), Answer::Files(files))
    }

    pub fn link_file(&mut self, text: &str) -> &mut Self {
        self.files("/etc/systemd/network", "link", &[("10-a.link", text)])
    }

    pub fn udev(&mut self, version: &str) -> &mut Self {
        self.text(STATUS, &format!("Package: udev\nStatus: install ok installed\nVersion: {version}\n"))
    }

    pub fn with_netplan(&mut self) -> &mut Self {
        let package = |(name, version)| format!("Package: {name}\nStatus: install ok installed\nVersion: {version}\n");
        let packages = [("udev", "252.39-1~deb12u1"), ("netplan.io", "0.106-2+deb12u1")].map(package);
        self.text(STATUS, &packages.join("\n"))
    }

    pub fn os(&mut self, id: &str, version: &str) -> &mut Self {
        self.text("/etc/os-release", &format!("ID={id}\nVERSION_ID=\"{version}\"\n"))
    }

    pub fn nic(&mut self, name: &str, nic: Nic) -> &mut Self {
        self.say(Query::Nic(name.to_owned()), Answer::Nic(nic))
    }

    pub fn known_nic(&self) -> Nic {
        match &self.answers[&Query::Nic("ens7".to_owned())] {
            Reading::Known(Answer::Nic(nic)) => nic.clone(),
            other => panic!("{other:?}"),
        }
    }

    /// Somebody renamed it by hand.
    pub fn renamed(&mut self, name: &str) -> &mut Self {
        let link = self.links.remove("ens7").unwrap();
        self.links.insert(name.to_owned(), link);
        let nic = self.known_nic();
        self.nic(name, nic)
    }

    pub fn judge(&self, intent: Intent) -> Vec<Outcome> {
        self.with_facts(intent, judge)
    }

    pub fn with_facts<T>(&self, intent: Intent, look: impl Fn(&Facts<'_>) -> T) -> T {
        let mut answers = self.answers.clone();
        answers.insert(Query::Links, Reading::Known(Answer::Links(self.links.clone())));
        let asked = |(query, reading)| (query, Asked { reading, micros: 0 });
        let answers = Answers(answers.into_iter().map(asked).collect());
        let settings = Settings::default();
        look(&Facts::new(&answers, &settings, Run { intent, asked_at: "2026-01-01T00:00:00Z" }))
    }

    /// Status, cause and next name of the one row.
    pub fn told(&self, intent: Intent) -> (Status, Option<&'static str>, Option<String>) {
        let outcomes = self.judge(intent);
        assert_eq!(outcomes.len(), 1, "{outcomes:?}");
        let next = outcomes[0].observed.get("would_be").and_then(Value::as_str).map(str::to_owned);
        (outcomes[0].status, outcomes[0].cause, next)
    }
}

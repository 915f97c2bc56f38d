//! What is asked of whom: the rest is shown by the scenarios and in the lab.

use super::*;
use crate::catalog::Settings;
use crate::facts::Run;
use crate::model::answer::{Address, Asked, Banner, Unit};
use crate::model::report::Intent;
use crate::model::{Answer, Answers};

fn unit(active: &str, sub: &str, file_state: &str) -> Answer {
    let load = if file_state.is_empty() { "not-found" } else { "loaded" };
    Answer::Unit(Unit {
        load: load.to_owned(),
        active: active.to_owned(),
        sub: sub.to_owned(),
        file_state: file_state.to_owned(),
        ..Unit::default()
    })
}

fn addresses(all: &[&str]) -> Answer {
    let row = |address: &&str| Address {
        link: "lo".to_owned(),
        address: address.to_string(),
        scope: "host".to_owned(),
        permanent: true,
    };
    Answer::Addresses(all.iter().map(row).collect())
}

/// A host with these units, this configuration and one address beside the loopback's.
fn host(service: Answer, socket: Answer, configuration: &str, more: &[(&str, Answer)]) -> Answers {
    let known = [
        ("unit:ssh.service", service),
        ("unit:ssh.socket", socket),
        ("unit:sshd.service", unit("inactive", "dead", "")),
        ("unit:sshd.socket", unit("inactive", "dead", "")),
        ("listens:ssh.socket", Answer::Names(vec!["192.0.2.7:22".to_owned(), "/run/ssh".to_owned()])),
        ("file:/etc/ssh/sshd_config", Answer::Text(configuration.as_bytes().to_vec())),
        ("addresses", addresses(&["127.0.0.1/8", "192.0.2.7/24"])),
    ];
    let rows = known.into_iter().chain(more.iter().map(|(key, answer)| (*key, answer.clone())));
    let asked = |answer| Asked { reading: Reading::Known(answer), micros: 0 };
    Answers(rows.map(|(key, answer)| (key.parse().unwrap(), asked(answer))).collect())
}

fn with<T>(answers: &Answers, look: impl FnOnce(&Facts<'_>) -> T) -> T {
    let settings = Settings::default();
    look(&Facts::new(answers, &settings, Run { intent: Intent::Os, asked_at: "2026-11-20T09:14:02Z" }))
}

fn asked(answers: &Answers) -> Vec<String> {
    let mut asked = with(answers, open_questions);
    asked.retain(|query| matches!(query, Query::Banner(_)));
    asked.iter().map(Query::to_string).collect()
}

fn running() -> Answer {
    unit("active", "running", "enabled")
}

#[test]
fn only_this_host_is_asked_and_only_where_no_one_is_started_by_it() {
    let none = || unit("inactive", "dead", "disabled");
    let listening = || unit("active", "listening", "enabled");
    for (service, socket, configuration, expected) in [
        (running(), none(), "", &["banner:127.0.0.1:22"][..]),
        (running(), none(), "ListenAddress 192.0.2.7\n", &["banner:192.0.2.7:22"]),
        (running(), none(), "ListenAddress 192.0.2.8\nListenAddress ::1\n", &[]),
        (running(), none(), "ListenAddress 192.0.2.7 rdomain mgmt\n", &[]),
        (running(), listening(), "Port 2222\n", &["banner:192.0.2.7:22"]),
        (none(), listening(), "", &[]),
        (unit("failed", "failed", "disabled"), unit("failed", "failed", "enabled"), "", &["banner:192.0.2.7:22"]),
    ] {
        assert_eq!(asked(&host(service, socket, configuration, &[])), expected, "{configuration:?}");
    }
}

/// With `net.ipv6.conf.all.disable_ipv6=1` lo has no ::1, and a bridge that somebody gives an address keeps it.
#[test]
fn all_of_a_family_is_asked_at_an_address_that_this_host_has() {
    let idle = || unit("inactive", "dead", "disabled");
    let listens = |all: &[&str]| ("listens:ssh.socket", Answer::Names(all.iter().map(|it| it.to_string()).collect()));
    let both = &["127.0.0.1/8", "::1/128", "fd42::1/64"][..];
    let bridge = &["127.0.0.1/8", "fe80::1/64", "fd42::1/64"][..];
    let none = &["127.0.0.1/8"][..];
    let link = &["127.0.0.1/8", "fe80::1/64"][..];
    for (own, expected) in [
        (both, &["banner:127.0.0.1:22", "banner:[::1]:22"][..]),
        (bridge, &["banner:127.0.0.1:22", "banner:[fd42::1]:22"]),
        (none, &["banner:127.0.0.1:22"]),
        (link, &["banner:127.0.0.1:22"]),
    ] {
        assert_eq!(asked(&host(running(), idle(), "", &[("addresses", addresses(own))])), expected, "{own:?}");
    }
    // A socket for all of IPv6 takes everybody, where it is alone.
    for (listened, own, expected) in [
        (&["[::]:22"][..], both, &["banner:[::1]:22"][..]),
        (&["[::]:22"], bridge, &["banner:127.0.0.1:22"]),
        (&["[::]:22"], none, &["banner:127.0.0.1:22"]),
        (&["0.0.0.0:22", "[::]:22"], bridge, &["banner:127.0.0.1:22", "banner:[fd42::1]:22"]),
        (&["0.0.0.0:22", "[::]:22"], none, &["banner:127.0.0.1:22"]),
    ] {
        let more = [("addresses", addresses(own)), listens(listened)];
        assert_eq!(asked(&host(running(), running(), "", &more)), expected, "{listened:?} {own:?}");
    }
}

#[test]
fn a_bridge_that_nobody_is_on_says_nothing_of_who_listens() {
    let said = Answer::Banner(Banner::Said("SSH-2.0-OpenSSH_9.6".to_owned()));
    let not_reached = |why: &str| {
        let reason = format!("[fd42::1]:22 {why}");
        ("banner:[fd42::1]:22", Answer::Banner(Banner::NotReached { reason }))
    };
    let own = ("addresses", addresses(&["127.0.0.1/8", "fd42::1/64"]));
    for (why, rows) in [
        ("is unreachable: there is no such host, or no way to it", 0),
        ("refused the connection: nothing listens there", 1),
    ] {
        let more = [own.clone(), ("banner:127.0.0.1:22", said.clone()), not_reached(why)];
        let outcomes = with(&host(running(), unit("inactive", "dead", "disabled"), "", &more), judge);
        assert_eq!(outcomes.iter().filter(|outcome| outcome.subject == "[::]:22").count(), rows, "{outcomes:#?}");
    }
}

#[test]
fn who_is_hung_up_on_is_warned_where_sshd_runs() {
    let idle = || unit("inactive", "dead", "disabled");
    let stopped = || unit("inactive", "dead", "enabled");
    for (service, hung_up, is_warned) in [(running(), true, true), (running(), false, false), (stopped(), true, false)]
    {
        let banner = Answer::Banner(Banner::Silent { reason: "127.0.0.1:22 …".to_owned(), hung_up });
        let answers = host(service, idle(), "AddressFamily inet\n", &[("banner:127.0.0.1:22", banner)]);
        let outcomes = with(&answers, judge);
        let outcome = outcomes.iter().find(|outcome| outcome.cause == Some("no-greeting")).unwrap();
        assert_eq!(outcome.at_most == Some(Level::Warn), is_warned, "{outcome:#?}");
        assert_eq!(outcome.detail.contains("/etc/hosts.deny"), is_warned, "{outcome:#?}");
    }
}

#[test]
fn units_that_nobody_could_read_keep_us_from_connecting() {
    let mut answers = host(running(), running(), "", &[]);
    let denied = Reading::unreadable(TroubleCause::TimedOut, "the bus is silent");
    answers.0.get_mut(&Query::Unit("ssh.socket".to_owned())).unwrap().reading = denied;
    assert_eq!(asked(&answers), Vec::<String>::new());
    let outcomes = with(&answers, judge);
    assert!(outcomes.iter().any(|outcome| outcome.subject == "ssh.socket" && outcome.status == Status::Unknown));
}

#[test]
fn states_of_unit_files_that_start_sshd_and_that_do_not() {
    let said = Answer::Banner(Banner::Said("SSH-2.0-OpenSSH_9.6".to_owned()));
    for (state, starts) in [
        ("enabled", true),
        ("static", true),
        ("alias", true),
        ("indirect", true),
        ("generated", true),
        ("disabled", false),
        ("enabled-runtime", false),
        ("linked", false),
        ("linked-runtime", false),
        ("transient", false),
        ("masked", false),
        ("masked-runtime", false),
    ] {
        let socket = unit("inactive", "dead", "disabled");
        let answers = host(
            unit("active", "running", state),
            socket,
            "AddressFamily inet\n",
            &[("banner:127.0.0.1:22", said.clone())],
        );
        let outcomes = with(&answers, judge);
        let complains = outcomes.iter().any(|outcome| outcome.cause == Some("not-enabled"));
        assert_eq!(complains, !starts, "{state}: {outcomes:#?}");
    }
}

use super::super::stage::{lines, planned};
use super::*;
use crate::judge::kept::links::judge;
use crate::judge::kept::recorded_switch::Switch;

/// The recorded switch, and a VLAN on a card that it does not have.
fn host(change: impl FnOnce(&mut Switch)) -> Switch {
    let mut host = Switch::default();
    let made = |name: &str, kind: &str| {
        let link = Link { kind: Some(kind.to_owned()), mac: Some(format!("02:00:00:00:{name}")), ..Link::default() };
        (name.to_owned(), link)
    };
    host.links.extend([made("br-ex", "openvswitch"), made("tap1", "tun"), made("eno4.7", "vlan")]);
    link(&mut host, "eno4.7").lower = Some("eno4".to_owned());
    for (_, link) in &mut host.links {
        (link.mtu, link.admin_up, link.carrier) = (9000, true, true);
    }
    change(&mut host);
    host
}

fn link<'s>(host: &'s mut Switch, name: &str) -> &'s mut Link {
    host.links.iter_mut().find(|(other, _)| other == name).map(|(_, link)| link).unwrap()
}

/// What is planned for each link that is not as it was.
fn plans(then: &Switch, now: &Switch) -> Vec<Planned> {
    planned([&then.answers(), &now.answers()], ("network.link-kept", FIX), judge)
}

fn sized(names: &[&str], mtu: u32) -> Switch {
    host(|host| names.iter().for_each(|name| link(host, name).mtu = mtu))
}

#[test]
fn a_link_comes_back_on_what_lies_below_it() {
    let now = host(|host| {
        for name in ["eno4", "eno4.7"] {
            let link = link(host, name);
            (link.mtu, link.admin_up, link.carrier) = (1500, false, false);
        }
    });
    let card = [
        "ip link set dev eno4 mtu 9000 <- ip link set dev eno4 mtu 1500",
        "ip link set dev eno4 up <- ip link set dev eno4 down",
    ];
    let vlan = [
        "ip link set dev eno4.7 mtu 9000 <- ip link set dev eno4.7 mtu 1500",
        "ip link set dev eno4.7 up <- ip link set dev eno4.7 down",
    ];
    let plans = plans(&host(|_| ()), &now);
    assert_eq!(lines(&plans), [&card[..], &card, &vlan].concat(), "the card, and the VLAN by itself");
    assert_eq!(plans[1].touches, ["eno4", "eno4.7"]);
    assert!(plans[1].risk.as_deref().unwrap_or_default().contains("MTU changes: eno4"), "{:?}", plans[1].risk);
}

#[test]
fn nobody_is_made_smaller_than_he_was_for_another() {
    let small = sized(&["eno4", "eno4.7"], 1500);
    let refused = ["refused: eno4.7 lies on eno4 and has the MTU 9000: it comes first"];
    let lone = ["ip link set dev eno4.7 mtu 1500 <- ip link set dev eno4.7 mtu 9000"];
    assert_eq!(lines(&plans(&small, &host(|_| ()))), [refused, lone].concat());
    assert_eq!(
        lines(&plans(&small, &sized(&["eno4.7"], 1500))),
        ["ip link set dev eno4 mtu 1500 <- ip link set dev eno4 mtu 9000"]
    );
    // What is larger than it was stays so, where only its VLAN has to come up.
    let grown = host(|host| {
        for name in ["eno4", "eno4.7"] {
            link(host, name).admin_up = false;
        }
        link(host, "eno4").mtu = 9000;
    });
    let then = sized(&["eno4", "eno4.7"], 1500);
    assert!(
        lines(&plans(&then, &grown))[1..].iter().all(|line| !line.contains("eno4 mtu")),
        "{:?}",
        plans(&then, &grown)
    );
}

#[test]
fn a_plug_that_is_pulled_is_nothing_to_switch_on() {
    let pulled = host(|host| {
        let link = link(host, "eno4");
        (link.carrier, link.mtu) = (false, 1500);
    });
    assert!(plans(&host(|_| ()), &pulled).is_empty());
}

#[test]
fn a_device_of_the_switch_is_as_large_as_the_ports_of_its_bridge_let_it_be() {
    let then = host(|_| ());
    let own = "ip link set dev br-ex mtu 9000 <- ip link set dev br-ex mtu 1500";
    assert_eq!(lines(&plans(&then, &sized(&["br-ex"], 1500))), [own]);
    let port = "ip link set dev eno1 mtu 9000 <- ip link set dev eno1 mtu 1500";
    assert_eq!(lines(&plans(&then, &sized(&["br-ex", "eno1"], 1500))), [port, own, port]);

    let mut now = sized(&["br-ex", "tap1"], 1500);
    now.move_port("tap1", "br-data", Some("br-ex"));
    let words = lines(&plans(&then, &now)).join("\n");
    assert!(words.contains("smallest port of its bridge, and tap1 has the MTU 1500; "), "{words}");
    let mut now = sized(&["br-ex"], 1500);
    now.row("Interface", "br-ex")["mtu_request"] = 1500.into();
    let words = lines(&plans(&then, &now)).join("\n");
    assert!(words.contains("told to keep br-ex at 1500"), "{words}");
}

#[test]
fn what_else_of_a_bridge_has_a_size_counts_too() {
    let then = host(|_| ());
    let error = |change: fn(&mut Switch)| {
        let mut now = sized(&["br-ex"], 1500);
        change(&mut now);
        lines(&plans(&then, &now)).join("\n")
    };
    let asked = error(|now| now.row("Interface", "br-vlan100")["mtu_request"] = 1400.into());
    assert!(asked.contains("br-vlan100 has the MTU 1400"), "{asked}");
    let without_device = error(|now| {
        now.links.retain(|(name, _)| name != "eno1");
        let row = now.row("Interface", "eno1");
        (row["type"], row["mtu_request"]) = ("dpdk".into(), serde_json::json!(["set", []]));
    });
    assert!(without_device.contains("eno1 has the MTU 1500"), "{without_device}");
}

#[test]
fn a_bridge_of_the_kernel_grows_with_its_ports_or_not_at_all() {
    let bridged = |change: fn(&mut Switch)| {
        host(|host| {
            link(host, "br-ex").kind = Some("bridge".to_owned());
            for port in ["eno4", "tap1"] {
                link(host, port).master = Some("br-ex".to_owned());
            }
            change(host);
        })
    };
    let plan = |now: &Switch| {
        let planned = plans(&bridged(|_| ()), now);
        lines(&planned.into_iter().filter(|it| it.subject == "br-ex").collect::<Vec<_>>())
    };
    let now = bridged(|host| ["br-ex", "eno4"].iter().for_each(|name| link(host, name).mtu = 1500));
    let steps =
        ["eno4", "br-ex"].map(|name| format!("ip link set dev {name} mtu 9000 <- ip link set dev {name} mtu 1500"));
    assert_eq!(plan(&now), steps);
    let now = bridged(|host| ["br-ex", "tap1"].iter().for_each(|name| link(host, name).mtu = 1500));
    assert_eq!(plan(&now), ["refused: tap1 in br-ex has the MTU 1500, and would drop what is larger"]);
}

#[test]
fn members_of_a_bond_are_as_large_as_they_were_found() {
    let bonded = |mtu: u32| {
        host(|host| {
            let bond = link(host, "eno4.7");
            (bond.kind, bond.lower, bond.mtu) = (Some("bond".to_owned()), None, mtu);
            link(host, "eno4").master = Some("eno4.7".to_owned());
        })
    };
    let planned = plans(&bonded(9000), &bonded(1500));
    assert_eq!(
        lines(&planned),
        ["ip link set dev eno4.7 mtu 9000 <- ip link set dev eno4.7 mtu 1500 && ip link set dev eno4 mtu 9000"]
    );
    assert!(planned[0].risk.as_deref().unwrap_or_default().contains("MTU changes: eno4"), "{:?}", planned[0].risk);
}

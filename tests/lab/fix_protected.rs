//! What carries somebody's session is not touched without a timer, with all that lies below it; what is dead may be.

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::harness::client::Client;
use crate::harness::{Lab, Tested, recipe};

crate::tests!("fix-protected":
    each_device_below_a_session_is_protected,
    bond_of_the_switch_below_a_session_is_protected,
    way_that_is_dead_may_be_mended,
    service_that_asks_and_the_management_address_are_protected,
    what_cannot_be_read_may_be_anywhere,
);

/// A bridge on a card, with an address that is lost soon beside the one by which a person comes, and a card of its own
/// with the same.
const WAYS: &str = "
ip link add lan1 type bridge && ip link set eno2 master lan1 && ip link set eno2 up && ip link set lan1 up
ip link set eno3 up
ip address add 198.51.100.7/24 dev lan1; ip address add 198.51.100.77/32 dev lan1
ip address add 198.51.100.78/32 dev eno2
ip address add 203.0.113.7/24 dev eno3; ip address add 203.0.113.77/32 dev eno3
ip address add 192.0.2.77/32 dev br-ex
";
const PEERS: [&str; 2] = ["198.51.100.1/24", "203.0.113.1/24"];

/// The addresses that are lost, and of which device.
const LOST: [(&str, &str); 4] = [
    ("lan1", "198.51.100.77/32"),
    ("eno2", "198.51.100.78/32"),
    ("eno3", "203.0.113.77/32"),
    ("br-ex", "192.0.2.77/32"),
];

fn host(ways: &str) -> Result<(Lab, Client)> {
    let lab = recipe::bring_to_work(recipe::bonded().boot()?)?;
    for peer in PEERS {
        lab.wire(&["ip", "address", "add", peer, "dev", "lan0"])?;
    }
    lab.sh(ways)?;
    let client = Client::of(&lab)?;
    lab.hostready(&["snapshot", "--json", "--replace"])?.exits(0)?;
    Ok((lab, client))
}

fn lose(lab: &Lab, which: &[usize]) -> Tested {
    for (device, address) in which.iter().map(|at| LOST[*at]) {
        lab.sh(&format!("ip address del {address} dev {device}"))?;
    }
    Ok(())
}

fn wanted(which: usize) -> String {
    let (device, address) = LOST[which];
    format!("\"network.address-kept:{device} {address}\"")
}

/// The one action of a report: its state, and what is said of it.
fn told(said: &str) -> Result<(String, String)> {
    let report = serde_json::Deserializer::from_str(said).into_iter::<Value>().next();
    let report = report.context("nothing is said")?.with_context(|| format!("no report: {said}"))?;
    let actions = report["actions"].as_array().context("no actions")?;
    ensure!(actions.len() == 1, "{} actions: {actions:#?}", actions.len());
    let word = |key: &str| actions[0][key].as_str().unwrap_or_default().to_owned();
    Ok((word("state"), word("error")))
}

/// At the console.
fn apply(lab: &Lab, which: usize) -> Result<(String, String)> {
    let (device, address) = LOST[which];
    told(&lab.hostready(&["fix", "--json", "--apply", &format!("network.address-kept:{device} {address}")])?.stdout)
}

fn is_refused((state, why): &(String, String), words: &str) -> Tested {
    ensure!(state == "refused" && why.contains(words), "not refused because it {words}: {state}: {why}");
    ensure!(why.contains("--confirm-within"), "the remedy is not said: {why}");
    Ok(())
}

fn is_applied((state, why): &(String, String)) -> Tested {
    ensure!(state == "applied", "{state}: {why}");
    Ok(())
}

fn nobody_is_logged_in(lab: &Lab) -> Tested {
    lab.wait_until("the session is gone", |lab| {
        Ok(lab.sh("ss -Htn state established '( sport = :22 or sport = :2222 )'")?.is_empty())
    })
}

fn addresses(lab: &Lab) -> Result<String> {
    lab.sh("ip -o -4 address show | grep -o '[0-9]*: .* scope' | sort")
}

fn each_device_below_a_session_is_protected() -> Tested {
    let (lab, client) = host(WAYS)?;
    lose(&lab, &[0, 1, 2])?;
    let before = addresses(&lab)?;
    let over = |address: &str, which: usize| -> Result<(String, String)> {
        let command = format!("hostready fix --json --apply {}", wanted(which));
        told(&client.run(&lab, "-S none", address, &command)?.0)
    };
    is_refused(&over("198.51.100.7", 0)?, "lan1 carries the session that asks")?;
    is_refused(&over("198.51.100.7", 1)?, "eno2 lies below lan1, which carries the session that asks")?;
    is_refused(&over("203.0.113.7", 2)?, "eno3 carries the session that asks")?;
    ensure!(addresses(&lab)? == before, "what was refused was made");

    // Another person's session counts as much, and so does a daemon at another port.
    lab.sh("printf 'Port 22\\nPort 2222\\n' >/etc/ssh/sshd_config.d/ports.conf; systemctl restart ssh")?;
    let shared = format!("-S {}", client.file("shared"));
    client.share(&lab, "-p 2222", &shared, "203.0.113.7")?;
    is_refused(&apply(&lab, 2)?, "eno3 carries an ssh session")?;
    let (said, _) = client.run(&lab, &format!("{shared} -O exit"), "203.0.113.7", "")?;
    ensure!(said.contains("Exit request sent"), "{said}");
    // What is on another device is nobody's branch.
    nobody_is_logged_in(&lab)?;
    is_applied(&over("198.51.100.7", 2)?)
}

/// The bond is one of the switch: the kernel of a lab has none of its own.
fn bond_of_the_switch_below_a_session_is_protected() -> Tested {
    let (lab, client) = host(
        "ip link set eno2 up; ip link set eno3 up
        ovs-vsctl --timeout=10 -- add-br br-data -- set bridge br-data datapath_type=netdev \
            -- add-bond br-data bond1 eno2 eno3 bond_mode=active-backup other_config:bond-primary=eno2
        ip link set br-data up; ip address add 198.51.100.7/24 dev br-data",
    )?;
    lab.sh("ovs-vsctl --timeout=10 del-bond-iface bond1 eno3")?;
    let ports = lab.sh("ovs-vsctl list-ifaces br-data")?;
    let member = "ovs.port-kept:br-data/bond1/eno3";
    // The switch in user space takes no packets whose sums a card would make: those come to the card as the kernel has it.
    let card = lab.sh("cat /sys/class/net/eno2/address")?;
    lab.wire(&["ip", "neigh", "replace", "198.51.100.7", "lladdr", &card, "dev", "lan0", "nud", "permanent"])?;
    let command = format!("hostready fix --json --apply {member}");
    let refused = told(&client.run(&lab, "-S none", "198.51.100.7", &command)?.0)?;
    is_refused(&refused, "br-data carries the session that asks")?;
    ensure!(lab.sh("ovs-vsctl list-ifaces br-data")? == ports, "what was refused was made");
    nobody_is_logged_in(&lab)?;
    // From a console, with nobody logged in, it is no branch.
    is_applied(&told(&lab.hostready(&["fix", "--json", "--apply", member])?.stdout)?)
}

fn way_that_is_dead_may_be_mended() -> Tested {
    let (lab, client) = host(&format!("{WAYS}ip route replace default via 203.0.113.1 dev eno3"))?;
    lose(&lab, &[2])?;
    is_refused(&apply(&lab, 2)?, "eno3 has the default route")?;
    // The gateway is silent, and somebody on the same network still speaks over it.
    lab.wire(&["ip", "address", "del", "203.0.113.1/24", "dev", "lan0"])?;
    lab.wire(&["ip", "address", "add", "203.0.113.3/24", "dev", "lan0"])?;
    let shared = format!("-S {}", client.file("shared"));
    client.share(&lab, "", &shared, "203.0.113.7")?;
    is_refused(&apply(&lab, 2)?, "eno3 carries an ssh session")?;
    client.run(&lab, &format!("{shared} -O exit"), "203.0.113.7", "")?;
    nobody_is_logged_in(&lab)?;
    is_applied(&apply(&lab, 2)?)?;

    // Without carrier a session is dead, whether or not its ends have noticed.
    lose(&lab, &[2])?;
    client.share(&lab, "", &shared, "203.0.113.7")?;
    is_refused(&apply(&lab, 2)?, "eno3 carries an ssh session")?;
    lab.wire(&["ip", "link", "set", "w-eno3", "down"])?;
    lab.wait_until("no carrier", |lab| Ok(lab.sh("cat /sys/class/net/eno3/carrier")? == "0"))?;
    is_applied(&apply(&lab, 2)?)
}

/// An agent that is driven from elsewhere, and runs us.
const AGENT: &str = "
import socket, subprocess, sys
master = socket.create_connection(('203.0.113.1', 4506))
said = subprocess.run(['hostready', 'fix', '--json', '--apply', sys.argv[1]], capture_output=True)
open('/root/said', 'wb').write(said.stdout)
";

fn service_that_asks_and_the_management_address_are_protected() -> Tested {
    let (lab, _client) = host(WAYS)?;
    lose(&lab, &[2])?;
    let master = lab.wire_stand_in(&["say", "203.0.113.1:4506", ""])?;
    lab.write("/root/agent.py", AGENT)?;
    lab.wait_until("the master listens", |lab| Ok(lab.wire(&["ss", "-Hltn", "sport = 4506"])?.contains("4506")))?;
    lab.sh("systemd-run --quiet --wait --unit=salt-minion python3 /root/agent.py 'network.address-kept:eno3 203.0.113.77/32'")?;
    is_refused(&told(&lab.sh("cat /root/said")?)?, "eno3 carries a connection of salt-minion.service, which asks")?;
    lab.wire(&["kill", &master])?;

    lab.write("/etc/hostready/config.toml", "[management]\nurls = [\"203.0.113.1:443\"]\n")?;
    is_refused(&apply(&lab, 2)?, "eno3 leads to 203.0.113.1:443")?;
    lab.sh("rm /etc/hostready/config.toml")?;
    is_applied(&apply(&lab, 2)?)
}

fn what_cannot_be_read_may_be_anywhere() -> Tested {
    let (lab, _client) = host(WAYS)?;
    lose(&lab, &[2])?;
    let plan = |before: &str| -> Result<Value> {
        let said = lab.run(&["sh", "-c", &format!("{before} hostready fix --json {}", wanted(2))])?.stdout;
        let report: Value = serde_json::from_str(&said).with_context(|| said.clone())?;
        ensure!(report["actions"][0]["state"] == "planned", "{said}");
        Ok(report["actions"][0]["needs"].clone())
    };
    ensure!(plan("")? == Value::Null, "a card that nobody uses is protected");
    // Who may not see what others hold does not see whose session it is.
    let needs = plan("setpriv --bounding-set=-sys_ptrace --inh-caps=-sys_ptrace")?;
    ensure!(needs == serde_json::json!(["--confirm-within 5min"]), "it needs {needs}");
    Ok(())
}

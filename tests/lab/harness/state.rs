//! All that a repair may touch, read with the system's own tools: what was taken back is as it was when this is.

use std::fmt::Write as _;

use anyhow::{Context as _, Result, ensure};
use serde_json::{Map, Value};

use super::{Lab, Tested};

/// Files with their bytes, the journals of systemd and of the switch left out; what `ip` and the switch say as JSON, a
/// line each; units.
const READ: &str = r#"
places='/etc /opt /srv /var/log /var/cache/apt/archives /var/lib/dpkg/status /var/lib/dpkg/updates'
skip='( -path /etc/openvswitch -o -path /var/log/journal -o -path /var/log/openvswitch -o -name *tmp -o -name lastlog
    -o -name lock* -o -name hostready-logs -o -name dpkg.log -o -path /var/log/apt ) -prune -o'
set -f
find $places $skip -type f -exec sha256sum {} + | sort
find $places $skip -printf '%p %y %m %U %G %l\n' | sort
find /var/log /srv $skip -name '*.gz' -printf '%p %T@\n' | sort
for place in /opt /srv; do
    find $place -path '*/hostready-logs/*' -exec tar --list --file {} ';' | sort
done
find /etc /srv /opt /var -name '.hostready-*'
ip -j address; ip -j route show table all; ip -j -6 route show table all; ip -j rule; ip -j -6 rule
if systemctl --quiet is-active ovsdb-server; then
    ovs-vsctl --timeout=10 --format=json --columns=name,datapath_type,fail_mode,other_config,external_ids list Bridge \
        -- --columns=name,tag,trunks,vlan_mode,bond_mode,other_config,external_ids list Port \
        -- --columns=name,type,options,external_ids,mtu_request,ingress_policing_rate,error list Interface
    for bridge in $(ovs-vsctl --timeout=10 list-br); do echo $bridge: $(ovs-vsctl --timeout=10 list-ports $bridge); done
fi
systemctl show --property=Id,ActiveState,UnitFileState ssh.service probe.service openvswitch-switch.service
"#;

/// What counts down, or comes and goes by itself.
const PASSING: [&str; 7] =
    ["ifindex", "operstate", "valid_life_time", "preferred_life_time", "tentative", "nodad", "link_netnsid"];
const PASSING_FLAGS: [&str; 3] = ["LOWER_UP", "NO-CARRIER", "linkdown"];

pub fn state(lab: &Lab) -> Result<String> {
    let said = lab.sh(READ)?;
    let mut lines = String::new();
    for line in said.lines() {
        if !line.starts_with(['[', '{']) {
            writeln!(lines, "{line}")?;
            continue;
        }
        match serde_json::from_str(line).with_context(|| line.to_owned())? {
            // The kernel makes the routes of the table `local` from the addresses, in its own time.
            Value::Array(rows) => rows
                .into_iter()
                .filter(|row| row["table"] != "local")
                .try_for_each(|row| writeln!(lines, "{}", lasting(row)))?,
            mut table => {
                let rows = table["data"].as_array_mut().context("a table without rows")?;
                rows.sort_by_key(Value::to_string);
                rows.iter().try_for_each(|row| writeln!(lines, "{row}"))?;
            }
        }
    }
    Ok(lines)
}

fn lasting(value: Value) -> Value {
    match value {
        Value::Object(fields) => {
            let kept = fields.into_iter().filter(|(name, _)| !PASSING.contains(&name.as_str()));
            Value::Object(kept.map(|(name, value)| (name, lasting(value))).collect::<Map<_, _>>())
        }
        Value::Array(items) => {
            let is_passing = |item: &Value| item.as_str().is_some_and(|flag| PASSING_FLAGS.contains(&flag));
            Value::Array(items.into_iter().filter(|item| !is_passing(item)).map(lasting).collect())
        }
        value => value,
    }
}

/// It is, or comes to be while links settle, as it was then.
pub fn is_again(lab: &Lab, then: &str, what: &str) -> Tested {
    let mut now = String::new();
    let settled = lab.wait_until(what, |lab| {
        now = state(lab)?;
        Ok(now == then)
    });
    let only = |here: &str, there: &str| -> Vec<String> {
        here.lines().filter(|line| !there.lines().any(|other| other == *line)).map(str::to_owned).collect()
    };
    ensure!(
        settled.is_ok(),
        "{what}\n--- was\n{}\n--- is\n{}",
        only(then, &now).join("\n"),
        only(&now, then).join("\n")
    );
    Ok(())
}

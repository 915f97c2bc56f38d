//! netplan's files, held against netplan itself.

use anyhow::ensure;

use crate::harness::{Tested, fixture, recipe};

crate::tests!("netplan":
    netplan_takes_the_table_as_recorded,
    what_netplan_refuses_blocks_a_release_upgrade,
    files_of_nobody_are_not_judged,
);

/// What netplan makes of each case of the table, a file or a directory of them, without its warnings. Its own front,
/// in Python, only starts this.
const GENERATE: &str = r#"
generate=$(ls /usr/libexec/netplan/generate /usr/lib/netplan/generate 2>/dev/null | head -n 1)
cd /root/table
for case in *; do
    case $case in expected.*) continue ;; *.yaml) files=$case ;; *) files=$case/* ;; esac
    rm -rf /tmp/try && mkdir -p /tmp/try/etc/netplan && cp $files /tmp/try/etc/netplan/
    case=${case%.yaml}
    chmod 600 /tmp/try/etc/netplan/*
    if "$generate" --root-dir /tmp/try >/tmp/said 2>&1; then
        echo "$case: taken"
    else
        printf '%s: refused ' "$case"
        grep -av -e WARNING -e '^$' /tmp/said | sed -n 's#/tmp/try/etc/netplan/##; 1p'
    fi
done
"#;

/// The table is judged without netplan by the tests of the parser. Here netplan says whether the table is right.
fn netplan_takes_the_table_as_recorded() -> Tested {
    let lab = recipe::plain().boot()?;
    lab.install("netplan.io")?;
    // Some settings are refused where there is no Open vSwitch.
    ensure!(lab.run(&["ovs-vsctl", "--version"])?.code == 0, "the lab has Open vSwitch");
    fixture::unpack(&lab, "netplan", "/root/table")?;
    fixture::compare("netplan", &format!("{}\n", lab.sh(GENERATE)?))
}

fn what_netplan_refuses_blocks_a_release_upgrade() -> Tested {
    let lab = recipe::plain().boot()?;
    lab.install("netplan.io")?;
    lab.check(&["--for", "os"])?.says("network.netplan", "", "skip")?;

    let file = "/etc/netplan/50-cloud-init.yaml";
    lab.write(file, "network:\n  version: 2\n  ethernets:\n    eno1:\n      dhcp4: true\n")?;
    lab.check(&["--for", "os"])?.passes("network.netplan", file)?;

    lab.write(file, "network:\n  version: 2\n  ethernets:\n    eno1:\n\tdhcp4: true\n")?;
    ensure!(lab.run(&["netplan", "generate"])?.code != 0, "netplan takes it");
    let row = lab.check(&["--for", "os"])?.blocks("network.netplan", file, None)?.clone();
    ensure!(row["observed"]["line"] == 5, "the line: {row:#}");
    ensure!(lab.check(&[])?.rows("network.netplan")?.is_empty(), "no reboot follows new packages");

    // The same name in a directory that counts for more hides it.
    lab.write("/run/netplan/50-cloud-init.yaml", "network: {version: 2}\n")?;
    ensure!(lab.run(&["netplan", "generate"])?.code == 0, "netplan still reads the file that is hidden");
    lab.check(&["--for", "os"])?.passes("network.netplan", "/run/netplan/50-cloud-init.yaml")
}

fn files_of_nobody_are_not_judged() -> Tested {
    let lab = recipe::plain().boot()?;
    lab.write("/etc/netplan/left.yaml", "network: [\n")?;
    lab.check(&["--for", "os"])?.says("network.netplan", "", "skip").map(drop)
}

//! The names of NICs. What udev makes of real ones is recorded in machines: tests/hosts/naming.

use anyhow::ensure;

use crate::harness::{Tested, recipe};

crate::tests!("nic_names":
    what_is_no_hardware_has_no_name_to_keep,
    a_device_is_read_as_sysfs_has_it,
    what_has_no_permanent_address_is_not_pinned,
);

fn what_is_no_hardware_has_no_name_to_keep() -> Tested {
    let lab = recipe::at_work()?;
    let run = lab.check(&["--for", "os", "--only", "network.name-pinned"])?;
    let row = run.says("network.name-pinned", "", "skip")?;
    ensure!(row["cause"] == "not-present", "not told as not there: {row:#}");
    Ok(())
}

/// A lab has its own network namespace, and sysfs shows the devices of whoever looks.
fn a_device_is_read_as_sysfs_has_it() -> Tested {
    let lab = recipe::at_work()?;
    let answer: serde_json::Value = serde_json::from_str(&lab.sh("hostready __ask nic:eno1")?)?;
    let nic = &answer["known"]["nic"];
    ensure!(nic["hardware_type"] == 1 && nic["driver"] == serde_json::Value::Null, "read as {answer:#}");
    let kind: u32 = lab.sh("cat /sys/class/net/eno1/name_assign_type")?.trim().parse()?;
    ensure!(nic["name_kind"] == kind && nic["pci"].is_null() && nic["bus"].is_null(), "read as {answer:#}");
    let missing = lab.sh("hostready __ask nic:eno99")?;
    ensure!(missing.contains("absent"), "a device that is not there reads as {missing}");
    Ok(())
}

/// The one device that no software made is the loopback: under another name it is taken for a NIC.
fn what_has_no_permanent_address_is_not_pinned() -> Tested {
    let lab = recipe::plain().boot()?;
    lab.sh("ip link set lo down; ip link set lo name eno5; ip link set eno5 up; ip address add 192.0.2.77/24 dev eno5
        printf '[Match]\\nName=other\\n' >/etc/systemd/network/20-other.network")?;
    let everything = "find /etc/systemd /boot -printf '%p %s %T@\\n' | sort";
    let before = lab.sh(everything)?;
    for arguments in
        [&["fix", "--json", "--for", "os", "nic.pin"][..], &["fix", "--json", "--for", "os", "--apply", "nic.pin"]]
    {
        let run = lab.hostready(arguments)?;
        run.says("network.name-pinned", "eno5", "fail")?;
        let action = &run.report()?["actions"][0];
        ensure!(action["id"] == "nic.pin" && action["state"] == "refused", "{action:#}");
        ensure!(action["error"].to_string().contains("no permanent address"), "{action:#}");
    }
    ensure!(before == lab.sh(everything)?, "something was written");
    Ok(())
}

//! The names of NICs. What udev makes of real ones is recorded in machines: tests/hosts/naming.

use anyhow::ensure;

use crate::harness::{Tested, recipe};

crate::tests!("nic_names":
    what_is_no_hardware_has_no_name_to_keep,
    a_device_is_read_as_sysfs_has_it,
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

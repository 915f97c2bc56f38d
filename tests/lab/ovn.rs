//! ovn-controller against a real southbound database.

use anyhow::ensure;

use crate::harness::{Lab, Tested, recipe};

crate::tests!("ovn":
    connected_controller_passes,
    stopped_controller_blocks,
    lost_database_blocks,
    versions_that_differ_are_a_warning_while_they_do,
    host_without_ovn_has_no_row,
);

/// What the row of the version is about.
const NORTHD: &str = "version of northd";

/// A chassis that is connected, with the central part on the same host.
pub fn chassis() -> anyhow::Result<Lab> {
    let lab = recipe::at_work()?;
    lab.install("ovn-central")?;
    lab.install("ovn-host")?;
    lab.sh("ovs-vsctl set open_vswitch . external_ids:ovn-remote=unix:/run/ovn/ovnsb_db.sock \
        external_ids:ovn-encap-type=geneve external_ids:ovn-encap-ip=192.0.2.10 external_ids:system-id=hv-01")?;
    connected(&lab, "connected")?;
    Ok(lab)
}

fn connected(lab: &Lab, status: &str) -> Tested {
    let asked = ["ovn-appctl", "-t", "ovn-controller", "connection-status"];
    lab.wait_until(status, |lab| Ok(lab.run(&asked)?.stdout.trim() == status))
}

fn connected_controller_passes() -> Tested {
    let lab = chassis()?;
    let run = lab.check(&[])?;
    run.passes("ovn.controller", "")?;
    let row = run.row("ovn.controller", "")?;
    let version = lab.sh("ovn-appctl -t ovn-controller version | sed -n '1s/.* //p'")?;
    ensure!(row["observed"]["version"] == version.as_str(), "its version is {version}: {row:#}");
    run.is_green()?;

    // Over TCP, as most have it.
    lab.sh("ovn-sbctl set-connection ptcp:6642:127.0.0.1
        ovs-vsctl set open_vswitch . external_ids:ovn-remote=tcp:127.0.0.1:6642")?;
    lab.wait_until("it is connected over TCP", |lab| {
        Ok(lab.sh("tail -n 3 /var/log/ovn/ovn-controller.log")?.contains("tcp:127.0.0.1:6642: connected"))
    })?;
    lab.check(&[])?.passes("ovn.controller", "")
}

fn stopped_controller_blocks() -> Tested {
    let lab = chassis()?;
    lab.sh("systemctl stop ovn-controller.service")?;
    lab.check(&[])?.blocks("ovn.controller", "", Some("inactive"))?;

    // Killed, and somebody else has the number in the file that is left.
    lab.sh("systemctl start ovn-controller.service")?;
    connected(&lab, "connected")?;
    lab.sh("mkdir -p /run/systemd/system/ovn-controller.service.d
        printf '[Service]\nRestart=no\nExecStopPost=\n' >/run/systemd/system/ovn-controller.service.d/test.conf
        systemctl daemon-reload
        kill -KILL $(cat /run/ovn/ovn-controller.pid)
        while systemctl is-active --quiet ovn-controller; do sleep 0.1; done
        sleep 1000 >/run/sleep.log 2>&1 & echo $! >/run/ovn/ovn-controller.pid")?;
    lab.check(&[])?.blocks("ovn.controller", "", Some("failed")).map(drop)
}

fn lost_database_blocks() -> Tested {
    let lab = chassis()?;
    lab.sh("systemctl stop ovn-ovsdb-server-sb.service")?;
    connected(&lab, "not connected")?;
    let run = lab.check(&[])?;
    let row = run.blocks("ovn.controller", "", Some("not-connected"))?;
    ensure!(row["observed"]["ovn_remote"] == "unix:/run/ovn/ovnsb_db.sock", "where to look: {row:#}");
    run.blocked_by(&["ovn.controller"])?;

    // Nobody told it where the database is.
    lab.sh("ovs-vsctl remove open_vswitch . external_ids ovn-remote")?;
    let row = lab.check(&[])?.blocks("ovn.controller", "", Some("not-connected"))?.clone();
    ensure!(row["observed"]["ovn_remote"].is_null(), "{row:#}");
    Ok(())
}

fn versions_that_differ_are_a_warning_while_they_do() -> Tested {
    let lab = chassis()?;
    lab.sh("ovs-vsctl set open_vswitch . external_ids:ovn-match-northd-version=true")?;
    let run = lab.check(&[])?;
    run.notes("ovn.controller", NORTHD, Some("version-must-match"))?;
    run.is_green()?;

    // northd writes its version again as soon as it sees another.
    lab.sh("ovn-appctl -t ovn-northd pause
        ovn-sbctl set sb_global . options:northd_internal_version=21.12.0-20.21.0-61.3")?;
    let run = lab.check(&[])?;
    let row = run.says("ovn.controller", NORTHD, "fail")?;
    ensure!(row["cause"] == "version-mismatch" && row["blocking"] == false && row["severity"] == "medium", "{row:#}");
    ensure!(row["expected"]["internal_version"] == "21.12.0-20.21.0-61.3", "{row:#}");
    run.verdict("warn")?;

    // Who asks again is told the same, though the controller says it once a minute.
    let again = lab.check(&[])?;
    ensure!(again.row("ovn.controller", NORTHD)?["cause"] == "version-mismatch", "forgotten at once");

    // With the version back, the line in the log is of the past; two minutes are not waited for here.
    lab.sh("ovn-appctl -t ovn-northd resume
        sed -i 's/^20..-..-..T\\(.*mismatch with northd\\)/2001-01-01T\\1/' /var/log/ovn/ovn-controller.log")?;
    lab.check(&[])?.notes("ovn.controller", NORTHD, Some("version-must-match")).map(drop)
}

fn host_without_ovn_has_no_row() -> Tested {
    let lab = recipe::at_work()?;
    ensure!(lab.check(&[])?.rows("ovn.controller")?.is_empty(), "the profile is taken for granted");
    Ok(())
}

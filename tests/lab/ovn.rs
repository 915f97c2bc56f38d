//! ovn-controller against a real southbound database.

use crate::harness::{Tested, recipe};

crate::tests!("ovn":
    shelf,
);

fn shelf() -> Tested {
    let lab = recipe::at_work()?;
    lab.install("ovn-central")?;
    lab.install("ovn-host")?;
    println!("{}", lab.sh("
ovs-vsctl set open . external_ids:ovn-remote=unix:/run/ovn/ovnsb_db.sock external_ids:ovn-encap-type=geneve external_ids:ovn-encap-ip=192.0.2.10 external_ids:system-id=hv1
sleep 2; ovn-appctl -t ovn-controller connection-status
ovn-appctl -t ovn-northd pause; ovn-sbctl set sb_global . options:northd_internal_version=21.12.0-20.21.0-61.3
ovs-vsctl set open . external_ids:ovn-match-northd-version=true
sleep 200; date -u; ovn-appctl -t ovn-controller connection-status; ovn-appctl -t ovn-controller debug/status; ovn-appctl -t ovn-controller inc-engine/show-stats | head -20; cat /var/log/ovn/ovn-controller.log")?);
    println!("{}", lab.sh("ovn-appctl -t ovn-northd resume; sleep 5; ovn-sbctl get sb_global . options;  date -u; tail -n 20 /var/log/ovn/ovn-controller.log; ovn-appctl -t ovn-controller debug/status;
     date -u; systemctl stop ovn-ovsdb-server-sb; sleep 4; ovn-appctl -t ovn-controller connection-status;  tail -n 6 /var/log/ovn/ovn-controller.log; systemctl --no-pager list-units --all 'ovn*'; ls -l /etc/systemd/system/multi-user.target.wants; systemctl show -p UnitFileState,LoadState ovn-controller ovn-host")?);
    println!("{}", lab.sh("hostready check --json | head -c 100; ls -l /run/ovn; systemctl stop ovn-controller; ls -l /run/ovn; kill -9 1 || true")?);
    Ok(())
}

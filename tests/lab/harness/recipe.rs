//! Hosts that tests start from.

use anyhow::{Result, ensure};

use super::{Builder, Lab};

pub const UPLINK: &str = "eno1";
pub const UPLINK_MAC: &str = "52:54:00:0a:00:01";

/// What configures the network at boot, in the place of networkd and of ovn-controller.
const NETWORK: &str = "#!/bin/sh
set -eu
ip link set eno1 up
ip link set br-ex up
ip address replace 192.0.2.10/24 dev br-ex
ip route replace default via 192.0.2.1
ovs-ofctl add-flow br-int priority=0,actions=NORMAL
";

const NETWORK_UNIT: &str = "[Unit]
After=openvswitch-switch.service
Requires=openvswitch-switch.service
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/bin/sh /etc/lab-network
[Install]
WantedBy=multi-user.target
";

/// The kernel's own datapath would need a module; the one in user space takes the same configuration.
const BRIDGES: &str = "
ovs-vsctl --timeout=10 \
    -- add-br br-ex -- set bridge br-ex datapath_type=netdev \
    -- add-port br-ex eno1 \
    -- add-br br-int -- set bridge br-int datapath_type=netdev fail_mode=secure \
    -- add-port br-int metadata0 -- set interface metadata0 type=internal
systemctl enable --quiet --now lab-network.service
";

/// A host with systemd and the disks that an upgrade wants, and nothing else.
pub fn plain() -> Builder {
    Lab::builder().disk("/var", "tmpfs", "8g").disk("/opt", "ext4", "6g").disk("/tmp", "tmpfs", "2g:mode=1777")
}

/// A healthy hypervisor, before it is booted: tests add to it or take from it.
pub fn hypervisor() -> Builder {
    plain()
        .nic(UPLINK, UPLINK_MAC)
        .file("/etc/lab-network", NETWORK)
        .file("/etc/systemd/system/lab-network.service", NETWORK_UNIT)
}

/// The same with two more cards, which a bond can have.
pub fn bonded() -> Builder {
    hypervisor().nic("eno2", "52:54:00:0a:00:02").nic("eno3", "52:54:00:0a:00:03")
}

/// A healthy hypervisor at work: uplink attached, bridges up, one guest.
pub fn at_work() -> Result<Lab> {
    bring_to_work(hypervisor().boot()?)
}

/// Does to a booted hypervisor what its operator did on the first day.
pub fn bring_to_work(lab: Lab) -> Result<Lab> {
    lab.sh(BRIDGES)?;
    lab.start("vm1", &["/usr/bin/qemu-system-x86_64", "-name", "guest=vm1,debug-threads=on", "-m", "1024"])?;
    let port = lab.sh("ovs-vsctl get interface eno1 ofport")?;
    ensure!(port == "1", "the uplink of the lab is not attached: {port}");
    Ok(lab)
}

# shellcheck shell=bash
# What scenarios of the network need beside expect.sh.
#
#   from bonded         the baseline with bond0 of the kernel, of ens7 and ens12 at the same network, under br-ex
#   takes_to_netplan    the same made by netplan: the bonds, a VLAN, the bridges of Open vSwitch and their addresses
#   comes_back_as OLD=NEW…  off, each NIC in another slot and so under another name, and on again
#   loses NIC           off, without that NIC, and on again
#   bond_has NIC…       these, and no other, are members of bond0
#   whole WORDS…        `verify` with these words is green, and the management plane answers
#   silence             how long the gateway did not answer pings since the boot: as whoever sits behind the bridge sees it

bond_has() {
    link "sorted(name for name, row in links.items() if row.get('master') == 'bond0') == sorted('$*'.split())"
}

make_bonded() {
    vm_load baseline
    # networkd gives the kernel 25 seconds to make a bond, which a busy machine needs for the module alone.
    vm_run 'printf "%s\n" bonding 8021q > /etc/modules-load.d/bonds.conf'
    vm_script /dev/stdin <<'MACHINE'
cd /etc/systemd/network
printf '%s\n' '[NetDev]' Name=bond0 Kind=bond MACAddress=52:54:00:a0:00:20 '[Bond]' Mode=active-backup MIIMonitorSec=100ms > 21-bond0.netdev
printf '%s\n' '[Match]' 'Name=ens7 ens12' '[Link]' RequiredForOnline=no '[Network]' Bond=bond0 > 19-bond0-members.network
printf '%s\n' '[Match]' Name=bond0 '[Link]' RequiredForOnline=no '[Network]' LinkLocalAddressing=no IPv6AcceptRA=no > 21-bond0.network
# The switch's own bond has that name.
ovs-vsctl --timeout=60 del-port br-data bond0 -- add-port br-data ens8 -- del-port br-ex ens7
networkctl reload
until [[ -e /sys/class/net/ens7/master && -e /sys/class/net/ens12/master ]]; do sleep 0.5; done
ovs-vsctl --timeout=60 add-port br-ex bond0
MACHINE
    must=1 expect 'both NICs are in the bond' -- bond_has ens7 ens12
    must=1 expect 'the switch has the bond' -- soon interface bond0 "$attached"
    remember
    vm_save bonded
}

takes_to_netplan() {
    vm_put "$here/guest/netplan.yaml" /root/50-host.yaml
    # Nothing of it is about mgmt0 and ens9. Its units have ten seconds, which is for a processor of one's own.
    vm_run 'mkdir -p /etc/systemd/system/netplan-ovs-.service.d
        printf "%s\n" "[Service]" TimeoutStartSec=300 > /etc/systemd/system/netplan-ovs-.service.d/machine.conf
        dpkg --install /srv/netplan/*.deb > /dev/null && install -m 600 /root/50-host.yaml /etc/netplan/
        rm /etc/systemd/network/*; ip link set mgmt0 down; ip address flush dev mgmt0; ip link set ens9 down; netplan apply'
    must=1 expect 'both NICs are in the bond' -- bond_has ens7 ens12
    must=1 in_machine 'netplan has made the bridge' -- 'ovs-vsctl get bridge br-ex external_ids:netplan | grep true'
    remember
}

# Its network is another one from now on, and meant.
remember() {
    management_answers
    hostready snapshot --replace
    must=1 says exit 0
    vm_run sync
}

comes_back_as() {
    local change
    vm_power_off
    for change in "$@"; do
        VM_NICS=("${VM_NICS[@]/#${change%=*}:/${change#*=}:}")
    done
    boots "boot with ${*/=/ as }"
}

loses() {
    local nic kept=()
    vm_power_off
    for nic in "${VM_NICS[@]}"; do
        [[ $nic = "$1":* ]] || kept+=("$nic")
    done
    VM_NICS=("${kept[@]}")
    boots "boot without $1"
}

whole() {
    management_answers
    hostready verify --wait 2m "$@"
    says exit 0
    says green
}

silence() {
    # Each line of it says whether the gateway answers from that second of the boot on.
    figure 'silence of the gateway since the boot' -- "awk '"'
        $1 == "silent" { from = $2 }
        $1 == "answers" && from { silent += $2 - from; from = 0 }
        END { if ($1 != "answers") exit 1; printf "%.1f s, the last %.1f s after the start of the kernel", silent, $2 }'"' /run/pings"
}

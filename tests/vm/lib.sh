# shellcheck shell=bash
# A real Debian machine to test in: built once, booted on throw-away disks, reached over SSH.
#
#   . tests/vm/lib.sh
#   vm_start DIRECTORY          builds the image if need be, boots it on fresh overlays in DIRECTORY, waits for SSH
#   vm_hypervisor DIRECTORY     the same, made a healthy hypervisor and saved as `healthy`; from the cache after the first time
#   vm_run COMMAND…             runs a shell line in it, over its management network and one connection for all
#   vm_run_at ADDRESS COMMAND…  the same over a connection of its own to VM_ADDRESS, VM_UPLINK_ADDRESS or VM_SECOND_ADDRESS
#   vm_script FILE [ARGUMENT…]  runs a local bash script in it
#   vm_put FILE NAME, vm_get NAME FILE
#   vm_monitor LINE…            QEMU's human monitor: `savevm x`, `set_link up-ens8 off`
#   vm_save NAME, vm_load NAME  the whole machine, memory and disks, in a second or two; its NICs are again where they were,
#                               VM_NICS with them
#   vm_has NAME                 whether there is such a state
#   vm_reboot [COMMAND]         reboots it (default: `systemctl reboot`) and waits until it is another boot
#   vm_keep NAME DIRECTORY      saves it and puts its disks away, switched off
#   vm_resume NAME FROM DIRECTORY   goes on in DIRECTORY from what was put away
#   vm_power_off, vm_power_cut  off, with or without a warning
#   vm_power_on                 on again on the same disks
#   vm_own_time                 from now on it counts time by its instructions (see VM_OWN_TIME); there is no way back but
#                               vm_power_off
#   vm_stop
#
# HOSTREADY_VM_CACHE   where images are kept (default: ~/.cache/hostready-vm)
# HOSTREADY_VM_ACCEL   default `tcg,thread=multi`, which works everywhere; `kvm` is faster where it can be had
# VM_OWN_TIME=1        from the next vm_power_on or vm_resume on the machine counts time by its instructions: however busy
#                      we are, it meets its own deadlines. It hardly boots like that: see vm_own_time
# HOSTREADY_VM_MIRROR  the Debian mirror that an image is built from
# HOSTREADY_VM_SUITE   the Debian release of the image: bookworm unless it says trixie
# VM_KERNEL            a directory with another vmlinuz and initrd.img to boot from: QEMU has them, not the disk
# VM_MEMORY            its MiB
# VM_CPUS              its processors: one, as several machines run at a time and a second one is emulated at a loss
# VM_SERVES            a program that answers on its stdin what the machine asks 10.0.2.100:80

VM_HERE=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")
VM_CACHE=${HOSTREADY_VM_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/hostready-vm}

VM_SUITE=${HOSTREADY_VM_SUITE:-bookworm}
# Debian 13 keeps /tmp in memory, in half of it at most.
[[ $VM_SUITE = bookworm ]] || VM_MEMORY=${VM_MEMORY:-3072}

# Seconds that one command in the machine may take.
VM_TIMEOUT=${VM_TIMEOUT:-600}

# The machine's NICs, name:MAC. The name is the PCI slot's: move a NIC to another slot and it comes back under another
# name. What is at the other end is known by the MAC (see vm_wire).
VM_NICS=(
    ens3:52:54:00:a0:00:03
    ens7:52:54:00:a0:00:07 ens8:52:54:00:a0:00:08 ens9:52:54:00:a0:00:09
    ens10:52:54:00:a0:00:0a ens11:52:54:00:a0:00:0b
    ens12:52:54:00:a0:00:17
)

VM_ADDRESS=10.0.2.15
VM_UPLINK_ADDRESS=172.24.4.11
# br-ex has it where somebody gives it to it.
VM_SECOND_ADDRESS=172.24.4.12

# vm_time WORDS -- COMMAND…: runs it and says on stderr how long it took.
vm_time() {
    local words=() started=$EPOCHREALTIME status=0
    while [[ $1 != -- ]]; do words+=("$1"); shift; done
    shift
    "$@" || status=$?
    printf '%7.1f s  %s\n' "$(bc -l <<< "$EPOCHREALTIME - $started")" "${words[*]}" >&2
    return "$status"
}

# Prints the directory of the image, which it builds if the recipe has changed.
vm_image() {
    local recipe image
    recipe=$(cd "$VM_HERE/image" && find . -type f -print0 | sort -z | xargs -0 sha256sum | sha256sum | cut -c1-16)
    [[ $VM_SUITE = bookworm ]] || recipe+=-$VM_SUITE
    image=$VM_CACHE/$recipe
    if [[ ! -d $image ]]; then
        mkdir -p "$VM_CACHE"
        rm -rf "$image.new"
        vm_time build image "$recipe" -- "$VM_HERE/image/build" "$image.new" "$VM_SUITE" >&2 || return
        mv "$image.new" "$image"
    fi
    echo "$image"
}

vm_start() {
    local disk
    vm_dir=$(readlink -f "$1")
    vm_image=$(vm_image) || return
    for disk in root var; do
        qemu-img create -q -f qcow2 -F raw -b "$vm_image/$disk.img" "$vm_dir/$disk.qcow2" || return
    done
    vm_power_on
}

vm_hypervisor() {
    local kept
    vm_image=$(vm_image) || return
    kept=$VM_CACHE/hypervisor-$(cat "$VM_HERE/guest/hypervisor" - <<< "$vm_image ${VM_NICS[*]}" | sha256sum | cut -c1-16)
    if [[ ! -d $kept ]]; then
        VM_OWN_TIME='' vm_time boot -- vm_start "$1" || return
        vm_time prepare -- vm_script "$VM_HERE/guest/hypervisor" || return
        vm_run 'journalctl --sync; sync'
        vm_time keep -- vm_keep healthy "$kept" || return
    fi
    vm_time resume -- vm_resume healthy "$kept" "$1"
}

# What the NIC with this MAC is plugged into: the management network, over which we come in; the network of vm_gateway,
# which has room for two; or a wire of its own that leads nowhere.
vm_wire() {
    case ${1##*:} in
    03) echo "user,restrict=on,hostfwd=tcp:127.0.0.1:0-:22${VM_SERVES:+,guestfwd=tcp:10.0.2.100:80-cmd:$VM_SERVES}" ;;
    07 | 17) echo 'hubport,hubid=7' ;;
    *) echo "hubport,hubid=$((16#${1##*:}))" ;;
    esac
}

# A network with a gateway and a server that the agent keeps a connection with.
vm_gateway() {
    echo "user,restrict=on,ipv6=off,net=172.24.4.0/24,host=172.24.4.1,dns=172.24.4.3,guestfwd=tcp:172.24.4.100:443-cmd:cat$(
        printf ',hostfwd=tcp:127.0.0.1:0-%s:22' "$VM_UPLINK_ADDRESS" "$VM_SECOND_ADDRESS")"
}

# vm_power_on [QEMU ARGUMENT…]
# Where we are busy a boot takes its time, and its units are given that. The counter of its processor jumps back when the
# machine begins to count its own time. A plain processor: with all that can be emulated a boot takes 56 s instead of 46.
vm_power_on() {
    local nic name slot network arguments=(
        -name hv-01 -machine pc -cpu qemu64 -smp "${VM_CPUS:-1}" -m "${VM_MEMORY:-1536}"
        -nodefaults -display none -serial "file:$vm_dir/console.log"
        -qmp "unix:$vm_dir/qmp,server=on,wait=off" -pidfile "$vm_dir/pid" -daemonize
        -kernel "${VM_KERNEL:-$vm_image}/vmlinuz" -initrd "${VM_KERNEL:-$vm_image}/initrd.img"
        -append 'root=LABEL=root rw console=ttyS0 quiet tsc=unstable systemd.default_timeout_start_sec=900'
        -drive "if=none,id=root,file=$vm_dir/root.qcow2,discard=unmap" -device virtio-blk-pci,drive=root,addr=0x14
        -drive "if=none,id=var,file=$vm_dir/var.qcow2,discard=unmap" -device virtio-blk-pci,drive=var,addr=0x15
        -device virtio-rng-pci,addr=0x16
        -netdev "$(vm_gateway),id=gateway" -netdev hubport,id=hub-gateway,hubid=7,netdev=gateway
        "$@"
    )
    if [[ -n ${VM_OWN_TIME-} && ${HOSTREADY_VM_ACCEL-} != kvm ]]; then
        arguments+=(-accel tcg,thread=single -icount shift=0)
    else
        arguments+=(-accel "${HOSTREADY_VM_ACCEL:-tcg,thread=multi}")
    fi
    for nic in "${VM_NICS[@]}"; do
        name=${nic%%:*}
        slot=$(printf '0x%x' "${name#ens}")
        arguments+=(-netdev "$(vm_wire "${nic#*:}"),id=net-$name")
        arguments+=(-device "virtio-net-pci,id=up-$name,netdev=net-$name,mac=${nic#*:},addr=$slot,romfile=")
    done
    # It warns, rightly, that the wires lead nowhere.
    qemu-system-x86_64 "${arguments[@]}" 2> >(grep -v 'is not connected to host network\|hub 7 with no nics' >&2) || return
    vm_monitor info usernet | awk '/HOST_FORWARD/ { print $5, $4 }' > "$vm_dir/ports"
    vm_wait
}

# Waits until the machine has booted and its units have settled.
vm_wait() {
    local deadline=$((SECONDS + 900))
    until vm_run 'systemctl is-system-running --wait' > "$vm_dir/settled" 2> "$vm_dir/ssh.log" || grep -q degraded "$vm_dir/settled"; do
        if ((SECONDS > deadline)); then
            echo "the machine did not come up: see $vm_dir/console.log and $vm_dir/ssh.log" >&2
            return 1
        fi
        sleep 1
    done
}

vm_options() {
    # A busy machine may be silent for minutes.
    printf '%s\n' -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o BatchMode=yes -o LogLevel=ERROR \
        -o ConnectTimeout=60 -o ServerAliveInterval=15 -o ServerAliveCountMax=40 -o IdentitiesOnly=yes -F none -i "$vm_image/key"
}

# vm_port [ADDRESS]: where we come in to it.
vm_port() {
    awk -v address="${1-$VM_ADDRESS}" '$1 == address { print $2 }' "$vm_dir/ports"
}

# Each greeting costs the machine a second or two of its processor.
vm_run() {
    local options
    vm_dial || return
    mapfile -t options < <(vm_options)
    timeout "$VM_TIMEOUT" ssh "${options[@]}" -S "$vm_dir/ssh" -n -p "$(vm_port)" root@127.0.0.1 "$@"
}

vm_dial() {
    local options
    [[ ! -S $vm_dir/ssh ]] || return 0
    mapfile -t options < <(vm_options)
    # It stays behind, and whoever reads what the caller says would wait for it, too.
    timeout "$VM_TIMEOUT" ssh "${options[@]}" -M -S "$vm_dir/ssh" -n -N -f -p "$(vm_port)" root@127.0.0.1 > "$vm_dir/dial.log" 2>&1 \
        || { cat "$vm_dir/dial.log" >&2; return 255; }
}

# Whoever ends the machine, or saves it, leaves no connection behind that waits for the other end.
vm_hang_up() {
    [[ ! -S $vm_dir/ssh ]] || ssh -F none -S "$vm_dir/ssh" -O exit -q root@127.0.0.1 2> /dev/null || rm -f "$vm_dir/ssh"
}

vm_run_at() {
    local options port
    mapfile -t options < <(vm_options)
    port=$(vm_port "$1")
    timeout "$VM_TIMEOUT" ssh "${options[@]}" -n -p "$port" root@127.0.0.1 "${@:2}"
}

vm_script() {
    local options file=$1
    shift
    mapfile -t options < <(vm_options)
    vm_dial || return
    timeout "$VM_TIMEOUT" ssh "${options[@]}" -S "$vm_dir/ssh" -p "$(vm_port)" root@127.0.0.1 "bash -euo pipefail -s -- ${*@Q}" < "$file"
}

vm_put() {
    local options
    mapfile -t options < <(vm_options)
    scp "${options[@]}" -o "ControlPath=$vm_dir/ssh" -P "$(vm_port)" "$1" "root@127.0.0.1:$2"
}

vm_get() {
    local options
    mapfile -t options < <(vm_options)
    scp "${options[@]}" -o "ControlPath=$vm_dir/ssh" -P "$(vm_port)" "root@127.0.0.1:$1" "$2"
}

vm_monitor() {
    "$VM_HERE/qmp" "$vm_dir/qmp" "$*"
}

vm_save() {
    vm_hang_up
    vm_monitor savevm "$1" && printf '%s\n' "${VM_NICS[@]}" > "$vm_dir/state.$1"
}

vm_has() {
    [[ -f $vm_dir/state.$1 ]]
}

# By a new QEMU each time: hardware does not change under one that runs, and its networks would still know the connections
# of what is forgotten, whose ports the machine chooses again.
vm_load() {
    mapfile -t VM_NICS < "$vm_dir/state.$1"
    vm_stop && VM_OWN_TIME=1 vm_power_on -loadvm "$1"
}

# Whoever was faster has kept the same.
vm_keep() {
    vm_save "$1" && vm_stop && mkdir -p "$2.$$" && mv "$vm_dir"/*.qcow2 "$2.$$/" || return
    mv -T "$2.$$" "$2" 2> /dev/null || rm -rf "$2.$$"
}

vm_resume() {
    vm_dir=$(readlink -f "$3")
    vm_image=$(vm_image) && cp --sparse=always "$2"/*.qcow2 "$vm_dir/" && vm_power_on -loadvm "$1"
}

vm_own_time() {
    [[ ${HOSTREADY_VM_ACCEL-} != kvm ]] || return 0
    vm_save booted && vm_stop && VM_OWN_TIME=1 vm_power_on -loadvm booted
}

vm_boot_id() {
    vm_run cat /proc/sys/kernel/random/boot_id 2> /dev/null
}

# Runs what ends the machine: ssh comes to its end by itself, or with the connection, which it tells by 255.
vm_run_last() {
    local code=0
    vm_hang_up
    vm_run_at "$VM_ADDRESS" "$@" || code=$?
    ((code == 0 || code == 255)) || { echo "\`$*\` exited $code" >&2; return "$code"; }
}

vm_reboot() {
    local before now deadline=$((SECONDS + 900))
    before=$(vm_boot_id)
    vm_run_last "${1:-systemctl reboot}" || return
    until now=$(vm_boot_id) && [[ $now != "$before" ]]; do
        ((SECONDS < deadline)) || { echo "the machine did not reboot: see $vm_dir/console.log" >&2; return 1; }
        sleep 1
    done
    vm_wait
}

# The other end of vm_power_on, as an operator does it.
vm_power_off() {
    vm_run_last 'systemctl poweroff' || return
    local deadline=$((SECONDS + 300))
    while vm_is_on; do
        ((SECONDS < deadline)) || { echo "the machine does not go off: see $vm_dir/console.log" >&2; return 1; }
        sleep 0.2
    done
}

# Whoever is asked to end ends when it can: asked again until there is nobody to ask.
vm_power_cut() { vm_end KILL; }
vm_stop() { vm_end TERM; }

vm_end() {
    [[ -z ${vm_dir-} ]] || vm_hang_up
    while vm_signal "$1"; do sleep 0.1; done
    rm -f "${vm_dir-}/pid"
}

vm_is_on() {
    vm_signal 0
}

# Whether there was a machine to take it.
vm_signal() {
    [[ -n ${vm_dir-} && -s $vm_dir/pid ]] && kill "-$1" "$(< "$vm_dir/pid")" 2> /dev/null
}

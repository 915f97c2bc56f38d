# shellcheck shell=bash
# A real Debian machine to test in: built once, booted on throw-away disks, reached over SSH.
#
#   . tests/vm/lib.sh
#   vm_start DIRECTORY          builds the image if need be, boots it on fresh overlays in DIRECTORY, waits for SSH
#   vm_hypervisor DIRECTORY     the same, made a healthy hypervisor and saved as `healthy`; from the cache after the first time
#   vm_run COMMAND…             runs a shell line in it
#   vm_script FILE [ARGUMENT…]  runs a local bash script in it
#   vm_put FILE NAME, vm_get NAME FILE
#   vm_monitor LINE…            QEMU's human monitor: `savevm x`, `set_link up-ens8 off`
#   vm_save NAME, vm_load NAME  the whole machine, memory and disks, in a second or two
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

VM_HERE=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")
VM_CACHE=${HOSTREADY_VM_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/hostready-vm}

# Seconds that one command in the machine may take.
VM_TIMEOUT=${VM_TIMEOUT:-600}

# The machine's NICs, name:MAC. The name is the PCI slot's: move a NIC to another slot and it comes back under another
# name. What is at the other end is known by the MAC (see vm_wire).
VM_NICS=(
    ens3:52:54:00:a0:00:03
    ens7:52:54:00:a0:00:07 ens8:52:54:00:a0:00:08 ens9:52:54:00:a0:00:09
    ens10:52:54:00:a0:00:0a ens11:52:54:00:a0:00:0b
)

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
    image=$VM_CACHE/$recipe
    if [[ ! -d $image ]]; then
        mkdir -p "$VM_CACHE"
        rm -rf "$image.new"
        vm_time build image "$recipe" -- "$VM_HERE/image/build" "$image.new" >&2 || return
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
        # A while for what is started on demand to have gone again.
        vm_run 'sleep 40; journalctl --sync; sync'
        vm_time keep -- vm_keep healthy "$kept" || return
    fi
    vm_time resume -- vm_resume healthy "$kept" "$1"
}

# What the NIC with this MAC is plugged into: the management network, over which we come in; a network with a gateway
# and a server that the agent keeps a connection with; or a wire of its own that leads nowhere.
vm_wire() {
    case ${1##*:} in
    03) echo 'user,restrict=on,hostfwd=tcp:127.0.0.1:0-:22' ;;
    07) echo 'user,restrict=on,ipv6=off,net=172.24.4.0/24,host=172.24.4.1,dns=172.24.4.3,guestfwd=tcp:172.24.4.100:443-cmd:cat' ;;
    *) echo "hubport,hubid=$((16#${1##*:}))" ;;
    esac
}

# vm_power_on [QEMU ARGUMENT…]
vm_power_on() {
    local nic name slot network arguments=(
        -name hv-01 -machine pc -cpu max -smp 2 -m 1536
        -nodefaults -display none -serial "file:$vm_dir/console.log"
        -qmp "unix:$vm_dir/qmp,server=on,wait=off" -pidfile "$vm_dir/pid" -daemonize
        -kernel "$vm_image/vmlinuz" -initrd "$vm_image/initrd.img"
        -append 'root=LABEL=root rw console=ttyS0 quiet'
        -drive "if=none,id=root,file=$vm_dir/root.qcow2,discard=unmap" -device virtio-blk-pci,drive=root,addr=0x14
        -drive "if=none,id=var,file=$vm_dir/var.qcow2,discard=unmap" -device virtio-blk-pci,drive=var,addr=0x15
        -device virtio-rng-pci,addr=0x16
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
    qemu-system-x86_64 "${arguments[@]}" 2> >(grep -v 'is not connected to host network' >&2) || return
    vm_pid=$(< "$vm_dir/pid")
    vm_port=$(vm_monitor info usernet | awk '/HOST_FORWARD/ { print $4 }')
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
    printf '%s\n' -q -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o BatchMode=yes -o LogLevel=ERROR \
        -o ConnectTimeout=10 -o ServerAliveInterval=15 -o IdentitiesOnly=yes -F none -i "$vm_image/key"
}

vm_run() {
    local options
    mapfile -t options < <(vm_options)
    timeout "$VM_TIMEOUT" ssh "${options[@]}" -n -p "$vm_port" root@127.0.0.1 "$@"
}

vm_script() {
    local options file=$1
    shift
    mapfile -t options < <(vm_options)
    timeout "$VM_TIMEOUT" ssh "${options[@]}" -p "$vm_port" root@127.0.0.1 "bash -euo pipefail -s -- ${*@Q}" < "$file"
}

vm_put() {
    local options
    mapfile -t options < <(vm_options)
    scp "${options[@]}" -P "$vm_port" "$1" "root@127.0.0.1:$2"
}

vm_get() {
    local options
    mapfile -t options < <(vm_options)
    scp "${options[@]}" -P "$vm_port" "root@127.0.0.1:$1" "$2"
}

vm_monitor() {
    "$VM_HERE/qmp" "$vm_dir/qmp" "$*"
}

vm_save() {
    vm_monitor savevm "$1"
}

vm_load() {
    vm_monitor loadvm "$1"
}

vm_keep() {
    vm_save "$1" && vm_stop && mkdir -p "$2.new" && mv "$vm_dir"/*.qcow2 "$2.new/" && mv "$2.new" "$2"
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
    vm_run "$@" || code=$?
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
    while kill -0 "$vm_pid" 2> /dev/null; do
        ((SECONDS < deadline)) || { echo "the machine does not go off: see $vm_dir/console.log" >&2; return 1; }
        sleep 0.2
    done
}

vm_power_cut() {
    kill -KILL "$vm_pid"
    while kill -0 "$vm_pid" 2> /dev/null; do sleep 0.1; done
}

vm_stop() {
    [[ -n ${vm_pid-} ]] || return 0
    kill "$vm_pid" 2> /dev/null || true
    while kill -0 "$vm_pid" 2> /dev/null; do sleep 0.1; done
    vm_pid=
}

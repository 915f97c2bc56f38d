# shellcheck shell=bash
# What the scenarios are written with. Each says from which state it goes on, does something to the machine, and holds
# what the machine's own tools show against what is expected. It is sourced by `run`, which has $binary and, for each of its
# machines, $run_dir and $report.
#
#   from baseline               a healthy hypervisor with an agent, its snapshot taken, hostready and its boot unit installed
#   from misplaced              the same, the address of br-ex on the NIC below it: see make_misplaced
#   from renamed                the same, booted with the NIC of br-ex in another slot: ens7 is ens17
#   expect WORDS -- COMMAND…    one line, with the time that it took; where it fails, what it printed
#   in_machine WORDS -- LINE    the same for a line of shell in the machine
#   soon COMMAND…               what the machine does by itself within half a minute, as a COMMAND of expect
#   does WORDS -- LINE          the same, and nothing after it makes sense where it fails
#   hostready ARGUMENT…         runs it there, and keeps its report for `says`
#   hostready_at ADDRESS ARG…   the same over another of the machine's addresses
#   says WHAT…                  what `says` beside this file knows
#   keeps NAME                  keeps the machine's network as it is, as its own tools show it
#   reads_as NAME WORDS         the network is as it was kept
#   guests_are_as NAME          what guests hang on is as it was kept
#   management_answers          over br-ex
#   boots [WORDS]               on again, and its own time
#   guard_says                  what the boot guard said of this boot
#   figure WORDS -- LINE        what this line prints in the machine, as a figure
#   outage BRIDGE NIC           how long the boot left that port out, by the machine's own clock and logs

seconds_since() { bc -l <<< "$EPOCHREALTIME - $1"; }

expect() {
    local words=() said started=$EPOCHREALTIME
    while [[ $1 != -- ]]; do words+=("$1"); shift; done
    shift
    if said=$("$@" 2>&1); then
        printf '%7.1f s  ok      %s\n' "$(seconds_since "$started")" "${words[*]}"
    else
        failed=1
        printf '%7.1f s  FAILED  %s\n%s\n' "$(seconds_since "$started")" "${words[*]}" "      ${said//$'\n'/$'\n'      }"
        return "${must:-0}"
    fi
}

in_machine() { expect "$1" -- vm_run "$3"; }

soon() {
    local deadline=$((SECONDS + 30))
    until "$@" > /dev/null 2>&1; do
        ((SECONDS < deadline)) || { "$@"; return; }
        sleep 0.5
    done
}

does() { must=1 in_machine "$@"; }

hostready_at() { # hostready_at ADDRESS ARGUMENT…
    local at=$1 started=$EPOCHREALTIME code=0
    shift
    vm_run_at "$at" "hostready $* --json" > "$report" 2> "$report.words" || code=$?
    printf '%7.1f s  hostready %s: exit %d\n' "$(seconds_since "$started")" "$*" "$code"
    # Codes of the program are what a scenario is about; 1 is a bug, and 124 and 255 are the connection's.
    ((code < 8 && code != 1)) || { cat "$report" "$report.words"; return 1; }
}

hostready() { hostready_at "$VM_ADDRESS" "$@"; }

says() { expect "${*:1}" -- "$here/says" "$report" "$@"; }

# Two columns of the switch's own list, as JSON.
interface() { # interface NAME PYTHON-EXPRESSION of `row`
    vm_run "ovs-vsctl -f json --columns=name,ofport,error list interface $1" | python3 -c '
import json, sys
table = json.load(sys.stdin)
row = dict(zip(table["headings"], table["data"][0]))
sys.exit(0 if eval(sys.argv[1]) else f"the switch says {row}")' "$2"
}

link() { # link PYTHON-EXPRESSION of `links`: name to row
    vm_run 'ip -j -d link' | python3 -c '
import json, sys
links = {row["ifname"]: row for row in json.load(sys.stdin)}
said = "\n".join(" ".join([name, row["address"], row.get("master", "-"), str(row["mtu"]), row["operstate"]]) for name, row in links.items())
sys.exit(0 if eval(sys.argv[1]) else said)' "$1"
}

attached='row["ofport"] > 0 and row["error"] in ("", ["set", []])'

keeps() { # keeps NAME
    vm_script "$here/guest/network" > "$run_dir/network.$1"
}

reads_as() { # reads_as NAME WORDS
    expect "$2" -- is_as "$1" 1
}

guests_are_as() { # guests_are_as NAME
    expect 'each guest has its process, its tap, bridge, tag and iface-id' -- is_as "$1" '/^---------$/'
}

is_as() { # is_as NAME FROM-LINE
    keeps now && diff <(sed -n "$2,\$p" "$run_dir/network.$1") <(sed -n "$2,\$p" "$run_dir/network.now")
}

boots() { # boots [WORDS]
    local started=$EPOCHREALTIME
    vm_power_on
    vm_own_time
    printf '%7.1f s  %s\n' "$(seconds_since "$started")" "${1-boot}"
}

guard_says() {
    vm_run 'journalctl --boot -o cat -u hostready-boot | grep ^hostready:' | sed 's/^/           /'
}

figure() { # figure WORDS -- LINE
    local is
    is=$(vm_run "$3") || { failed=1 is="unknown: \`$3\` failed"; }
    printf '%9s  figure  %s: %s\n' '' "$1" "$is"
}

# By the switch's own log, from its own start and from the kernel's. Not from the end of the boot before: a machine that is
# put back has the clock of then, and one that is switched on has ours.
outage() { # outage BRIDGE NIC
    local last="last() { date -d \"\$(grep -F \"\$1\" /var/log/openvswitch/ovs-vswitchd.log | tail -n 1 | cut -d'|' -f1)\" +%s.%N; }
        since() { echo \"\$(last 'bridge $1: added interface $2 on port') \$1\" | LC_ALL=C awk '{ printf \"%.1f s\\n\", \$1 - \$2 }'; }"
    figure "from the start of Open vSwitch until $1 has $2" -- "$last; since \"\$(last 'vlog|INFO|opened log file')\""
    figure "from the start of the kernel until $1 has $2" -- \
        "$last; since \"\$(echo \"\$(date +%s.%N) \$(cat /proc/uptime)\" | LC_ALL=C awk '{ printf \"%.3f\", \$1 - \$2 }')\""
}

from() {
    local started=$EPOCHREALTIME
    if ! vm_has "$1"; then
        "make_$1"
        printf '%7.1f s  made %s\n' "$(seconds_since "$started")" "$1"
    else
        vm_load "$1"
        printf '%7.1f s  from %s\n' "$(seconds_since "$started")" "$1"
    fi
}

# A local repository with each of the vendor's packages in two versions, of which the older one is installed from there.
VENDOR='pf9-comms pf9-hostagent pf9-ostackhost pf9-neutron-base pf9-neutron-ovn-controller'

make_repository() { # make_repository DIRECTORY
    local version deb
    mkdir -p "$1/1.0" "$1/1.1"
    for version in 1.0 1.1; do
        sh "$root/tests/fixtures/agent/build-packages.sh" "$version" "$1/$version" || return
        for deb in "$1/$version"/*.deb; do
            dpkg-deb --field "$deb"
            printf 'Filename: %s\nSize: %d\nSHA256: %s\n\n' "${deb#"$1/"}" "$(stat -c %s "$deb")" "$(sha256sum "$deb" | cut -d' ' -f1)"
        done
    done > "$1/Packages"
}

install_vendor() {
    make_repository "$run_dir/repository" && tar -C "$run_dir" -cf "$run_dir/repository.tar" repository \
        && vm_put "$run_dir/repository.tar" /root/repository.tar || return
    # Nothing else can be reached from there: what apt knows of it is kept.
    vm_run "mkdir -p /srv /etc/pf9 && tar -C /srv -xf /root/repository.tar && rm /root/repository.tar
        printf 'MANAGEMENT=172.24.4.100:443\nHEARTBEAT=20\n' > /etc/pf9/stand-in.conf
        echo 'deb [trusted=yes] file:/srv/repository ./' > /etc/apt/sources.list.d/vendor.list
        apt-get -o Dir::Etc::sourcelist=/etc/apt/sources.list.d/vendor.list -o Dir::Etc::sourceparts=- \
            -o APT::Get::List-Cleanup=0 update && DEBIAN_FRONTEND=noninteractive apt-get -y install ${VENDOR// /=1.0 }=1.0" \
        > "$run_dir/vendor.log" 2>&1 || { cat "$run_dir/vendor.log" >&2; return 1; }
}

# As an operator does it; packed in a moment rather than small.
install_hostready() {
    local package
    package=$(PACKAGE_LEVEL=0 "$root/packaging/package" deb x86_64 "$binary" "$run_dir") && vm_put "$package" /root/hostready.deb \
        && vm_run 'dpkg --install /root/hostready.deb > /dev/null && rm /root/hostready.deb && systemctl --quiet is-enabled hostready-boot'
}

# A hypervisor with the vendor's packages, from the cache after the first time.
vendor_host() {
    local kept
    kept=$VM_CACHE/vendor-$({ cat "$here/guest/hypervisor" "$root"/tests/fixtures/agent/*; declare -f make_repository install_vendor
        echo "$vm_image $VENDOR ${VM_NICS[*]}"; } | sha256sum | cut -c1-16)
    if [[ ! -d $kept ]]; then
        vm_hypervisor "$run_dir" && vm_time "install the vendor's packages" -- install_vendor || return
        vm_monitor delvm healthy
        vm_time keep -- vm_keep vendor "$kept" || return
    fi
    # A deadline of five seconds is for a machine that has a processor of its own.
    VM_OWN_TIME=1 vm_time resume -- vm_resume vendor "$kept" "$run_dir"
}

make_baseline() {
    vendor_host
    vm_monitor delvm vendor
    vm_time 'install hostready' -- install_hostready
    # What was installed this minute may still be about to start.
    vm_run "touch --date='1 hour ago' /var/lib/dpkg/info/pf9-*.list"
    must=1 in_machine 'the agent is connected to its management plane, over br-ex' -- \
        'for _ in $(seq 40); do ss -Htn state established dst 172.24.4.100 | grep -q . && exit; sleep 0.5; done; exit 1'
    hostready snapshot
    must=1 says exit 0
    vm_run sync
    keeps baseline
    vm_save baseline
}

make_renamed() {
    vm_load baseline
    vm_power_off
    VM_NICS=("${VM_NICS[@]/#ens7:/ens17:}")
    boots
    vm_save renamed
}

# The address of br-ex is on the NIC below it, where it does not answer. Who came in at the console has given the bridge
# another one, and asks for the repair over that.
make_misplaced() {
    vm_load baseline
    vm_run 'ip address del 172.24.4.11/24 dev br-ex; ip address add 172.24.4.12/24 dev br-ex
        ip address add 172.24.4.11/24 brd + dev ens7; sync'
    vm_run_at "$VM_SECOND_ADDRESS" true
    keeps misplaced
    vm_save misplaced
}

management_answers() {
    in_machine 'the management plane answers, over br-ex' -- \
        "timeout 60 bash -c 'until (: < /dev/tcp/172.24.4.100/443); do sleep 1; done' 2> /dev/null"
}

address_is_on() { vm_run "ip -br -4 address show | grep -w 172.24.4.11/24" | grep "^$1 "; }

own_connection_is_refused() {
    local said
    said=$(vm_run_at "$VM_SECOND_ADDRESS" 'hostready fix --apply --all --confirm-within 5min; hostready confirm 2>&1 || echo "exit $?"') || return
    grep -F 'the connection over which the change was made' <<< "$said" && grep -Fx 'exit 6' <<< "$said" || { echo "$said"; return 1; }
}

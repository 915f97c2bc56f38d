# Holds what outlives a reboot of a lab: the disks, the wire, the control group. Ends, and takes the lab with it,
# when its standard input ends: also when the test that holds the other end was killed.
#
# keeper.sh DIRECTORY IMAGE BINARY STAND-IN DISK...     a DISK is PATH:TYPE:SIZE[:OPTIONS]
#
# Runs as the first process of a private mount and network namespace: nothing that is mounted here is seen
# by the machine, and all of it goes when the last process of the lab goes.
set -eu
directory=$1 image=$2 binary=$3 stand_in=$4
shift 4

mount -t tmpfs -o mode=755,size=16g lab "$directory"
cd "$directory"
mkdir cgroup disks root upper work
mount -t overlay -o "lowerdir=$image,upperdir=$directory/upper,workdir=$directory/work" lab-root root

number=0
for disk in "$@"; do
    number=$((number + 1))
    path=${disk%%:*} rest=${disk#*:}
    type=${rest%%:*} rest=${rest#*:}
    size=${rest%%:*} options=${rest#"$size"}
    options=${options#:}
    mkdir "disks/$number"
    case $type in
    tmpfs) mount -t tmpfs -o "mode=755,size=$size${options:+,$options}" "lab-disk-$number" "disks/$number" ;;
    ext4)
        truncate -s "$size" "disks/$number.img"
        mkfs.ext4 -q -F -m 0 "disks/$number.img"
        mount -t ext4 -o "loop${options:+,$options}" "disks/$number.img" "disks/$number"
        ;;
    *) echo "no such kind of disk: $type" >&2 && exit 2 ;;
    esac
    mkdir -p "root$path"
    cp -a "root$path/." "disks/$number/"
    mount --bind "disks/$number" "root$path"
done

# Bound, not copied: a program that is not stripped is large, and every lab lives in memory.
bind() {
    install -D -m 755 /dev/null "root$2"
    mount --bind "$1" "root$2"
}
bind "$binary" /usr/local/bin/hostready
bind "$stand_in" /usr/local/bin/stand-in
bind "$stand_in" /usr/bin/qemu-system-x86_64

mount -t cgroup2 lab cgroup
group=cgroup/hostready-lab-$$
mkdir "$group"

# The wire: what the host's network cards are plugged into.
ip link set lo up
ip link add lan0 type bridge
ip address add 192.0.2.1/24 dev lan0
ip link set lan0 up

echo ready
read -r _ || true

echo 1 >"$group/cgroup.kill"
for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
    find "$group" -depth -type d -exec rmdir {} + 2>/dev/null || true
    test -e "$group" || exit 0
    sleep 0.05
done
echo "the lab's control group does not end" >&2
exit 1

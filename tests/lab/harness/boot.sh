# Powers the host of a lab on. Runs as process 1 of fresh namespaces, over the disks that the keeper holds,
# and becomes systemd.
#
# boot.sh DIRECTORY KEEPER HOSTNAME NIC...     a NIC is NAME,MAC
set -eu
directory=$1 keeper=$2 hostname=$3
shift 3

# Until /proc is replaced below, it is the machine's, and so are the process numbers in it.
read -r init _ </proc/self/stat
echo "$init" >"$directory/init.pid"

hostname "$hostname"
echo "$hostname" >"$directory/root/etc/hostname"
ip link set lo up
for nic in "$@"; do
    name=${nic%%,*} mac=${nic#*,} peer=w-${nic%%,*}
    # After a power cut the kernel takes its time to clear away the card, and with it this end.
    nsenter --net="/proc/$keeper/ns/net" ip link delete "$peer" 2>/dev/null || true
    ip link add "$name" address "$mac" type veth peer name "$peer" netns "/proc/$keeper/ns/net"
    nsenter --net="/proc/$keeper/ns/net" ip link set "$peer" master lan0 up
done

cd "$directory/root"
mount -t tmpfs -o mode=755,nosuid dev dev
for node in null zero full random urandom tty fuse; do
    cp -a "/dev/$node" dev/
done
mkdir dev/net dev/pts dev/shm
cp -a /dev/net/tun dev/net/
mount -t devpts -o newinstance,ptmxmode=0666,mode=620,gid=5 devpts dev/pts
mount -t tmpfs -o mode=1777,nosuid,nodev shm dev/shm
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
ln -s fd/0 dev/stdin
ln -s fd/1 dev/stdout
ln -s fd/2 dev/stderr
mount -t tmpfs -o mode=755,nosuid,nodev run run
# Writable, it would let the lab's udevd trigger the devices of the machine.
mount -t sysfs -o ro,nosuid,nodev,noexec sysfs sys
mount -t cgroup2 -o nosuid,nodev,noexec cgroup2 sys/fs/cgroup

mount -t proc -o nosuid,nodev,noexec proc proc
# The machine's own settings are not the lab's to change; those of its network namespace are.
mount --bind proc/sys proc/sys
mount --bind proc/sys/net proc/sys/net
mount -o remount,bind,ro,nosuid,nodev,noexec proc/sys
mount --bind "$directory/boot_id" proc/sys/kernel/random/boot_id
test ! -e proc/sysrq-trigger || mount --bind dev/null proc/sysrq-trigger

pivot_root . .
umount -l .
exec env -i container=lab PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin /lib/systemd/systemd

#!/bin/bash
# Boot the systemd of ROOT in namespaces of its own: boot.sh ROOT NAME. In the foreground; ends when it is killed.
# Its network is a loopback alone, its control groups are below NAME in each hierarchy of the host's.
set -eu
root=$1 name=$2
if [ -e /sys/fs/cgroup/cgroup.controllers ]; then
    hierarchies=(/sys/fs/cgroup)
else
    mapfile -t hierarchies < <(findmnt -rn -t cgroup,cgroup2 -o TARGET | grep ^/sys/fs/cgroup/)
fi
for place in "${hierarchies[@]}"; do
    mkdir -p "$place/$name"
    if [ -e "$place/$name/cpuset.cpus" ] && [ ! -e "$place/cgroup.controllers" ]; then
        cat "$place/cpuset.cpus" >"$place/$name/cpuset.cpus"
        cat "$place/cpuset.mems" >"$place/$name/cpuset.mems"
    fi
    echo $$ >"$place/$name/cgroup.procs"
done
types=$(findmnt -rn -t cgroup,cgroup2 -o TARGET,FSTYPE,FS-OPTIONS | grep '^/sys/fs/cgroup')
export types
exec unshare --mount --pid --fork --kill-child --uts --ipc --net --cgroup --propagation private bash -c '
set -eu
ip link set lo up
hostname systemd
mount --rbind "$1" "$1"
cd "$1"
mount -t proc proc proc
mount -t sysfs sysfs sys
grep -q "^/sys/fs/cgroup " <<<"$types" || mount -t tmpfs -o mode=755 tmpfs sys/fs/cgroup
while read -r target type options; do # the same hierarchies, seen from our own group
    mkdir -p ".$target"
    case $type,$options in
    cgroup2,*) mount -t cgroup2 cgroup2 ".$target" ;;
    *name=systemd*) mount -t cgroup -o none,name=systemd cgroup ".$target" ;;
    *) mount -t cgroup -o "$(basename "$target")" cgroup ".$target" ;;
    esac
done <<<"$types"
mount -t tmpfs -o mode=755 tmpfs run
mount -t tmpfs tmpfs tmp
mount -t tmpfs -o mode=755 tmpfs dev
for device in null zero full random urandom tty fuse; do
    [ ! -e /dev/$device ] || { touch dev/$device; mount --bind /dev/$device dev/$device; }
done
mkdir -p dev/pts dev/shm
mount -t devpts -o newinstance,ptmxmode=0666,mode=620,gid=5 devpts dev/pts
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
exec env -i container=test PATH=/usr/sbin:/usr/bin:/sbin:/bin SYSTEMD_CGROUP_ENABLE_LEGACY_FORCE=1 chroot . /sbin/init
' boot "$root"

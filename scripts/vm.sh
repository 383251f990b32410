#!/usr/bin/env bash
# Boots Debian's own kernel in a small machine of qemu, with cgroup v2 alone and the files of this machine read-only:
#   scripts/vm.sh PROGRAM [ARGUMENT...]     the output of the program and, unless the machine hangs, its exit status
# In it /run alone is writable, and /dev/vda is an empty disk, or the file TSBUILD_VM_DISK. With TSBUILD_VM_CUT=N the power
# goes at the N-th line of output: the file then holds what the disk had been told. The processor is emulated, so all is some
# 40 times slower. Needs root, qemu-system-x86, qemu-system-common (virtiofsd), busybox-static and cpio. The kernel
# (27 MB) comes from Debian's mirror once and is kept in ~/.cache/tsbuild/vm; TSBUILD_VM_KERNEL has more words for it.
set -euo pipefail

cache=${XDG_CACHE_HOME:-$HOME/.cache}/tsbuild/vm
work=$(mktemp -d)
virtiofsd=
cleanup() {
  if [ -n "$virtiofsd" ]; then kill "$virtiofsd" 2>/dev/null || true; fi
  rm -rf "$work"
}
trap cleanup EXIT

# Prints the folder of the unpacked kernel package.
fetch_kernel() {
  local package
  package=$(apt-cache depends linux-image-cloud-amd64 | sed -n 's/^ *Depends: \(linux-image-[0-9].*\)/\1/p' | head -1)
  if [ -z "$package" ]; then
    # Without lists of packages the one fetched before serves.
    package=$(cd "$cache" && ls -d linux-image-* 2>/dev/null | tail -1)
    [ -n "$package" ] || { echo 'vm.sh: no linux-image-cloud-amd64 in the package lists (apt-get update)' >&2; return 1; }
  fi
  if [ ! -d "$cache/$package" ]; then
    (cd "$work" && apt-get download "$package" >&2 2>/dev/null && dpkg -x "$package"_*.deb unpacked)
    mkdir -p "$cache"
    # Two runs at once: the first of them wins.
    mv -T "$work/unpacked" "$cache/$package" 2>/dev/null || [ -d "$cache/$package" ]
  fi
  echo "$cache/$package"
}

# In the order in which they need each other; what the kernel has built in has no file.
modules='virtio_ring virtio virtio_pci_modern_dev virtio_pci_legacy_dev virtio_pci virtio_blk fuse virtiofs overlay'

make_initramfs() { # KERNEL
  local root=$work/initramfs
  mkdir -p "$root"/{bin,m,h,proc,sys,dev}
  cp /bin/busybox "$root/bin/busybox"
  for name in $modules; do
    find "$1/lib/modules" -name "$name.ko" -exec cp {} "$root/m/" \;
  done
  cat >"$root/init" <<'INIT'
#!/bin/busybox sh
/bin/busybox --install -s /bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev
for name in MODULES; do [ ! -e /m/$name.ko ] || insmod /m/$name.ko; done
mount -t virtiofs -o ro host /h
mount -t tmpfs run /h/run
mount -t cgroup2 cgroup2 /sys/fs/cgroup
for name in proc sys dev; do mount --move /$name /h/$name; done
mkdir -p /h/dev/pts /h/dev/shm
mount -t devpts -o newinstance,ptmxmode=0666 devpts /h/dev/pts
mount -t tmpfs shm /h/dev/shm
ip link set lo up
cp /guest /h/run/guest
exec switch_root /h /bin/sh /run/guest
INIT
  sed -i "s/MODULES/$modules/" "$root/init"
  chmod +x "$root/init"
  { # What runs there, each word quoted.
    echo 'export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/run'
    echo 'cd /run; echo; echo vm: begin'
    shift
    printf '%q ' "$@"
    # Once the power is off no program can be read any more, and the first process must not end.
    # A program that failed may have been killed: only the kernel knows why then.
    printf '\nstatus=$?\n[ $status = 0 ] || { echo; dmesg | tail -n 20; }\n'
    printf 'echo "vm: status $status"\necho o >/proc/sysrq-trigger\nwhile :; do :; done\n'
  } >"$root/guest"
  (cd "$root" && find . | cpio --quiet -o -H newc | gzip -1) >"$work/initramfs.gz"
}

kernel=$(fetch_kernel)
make_initramfs "$kernel" "$@"
disk=${TSBUILD_VM_DISK:-$work/disk}
[ -e "$disk" ] || truncate -s 16M "$disk"
/usr/lib/qemu/virtiofsd --socket-path="$work/fs.sock" -o source=/ -o cache=always -o sandbox=chroot -o xattr \
  >"$work/virtiofsd.log" 2>&1 &
virtiofsd=$!
for _ in $(seq 1200); do [ ! -S "$work/fs.sock" ] || break; sleep 0.05; done

# Passes lines on, and cuts the power at one of them.
cut_power() {
  local lines=0
  while IFS= read -r line; do
    printf '%s\n' "$line"
    lines=$((lines + 1))
    if [ "$lines" = "${TSBUILD_VM_CUT:-}" ]; then kill -9 "$(cat "$work/qemu.pid")"; fi
  done
}

# What the kernel says of the power is not held back by the lines before it.
ended=0
timeout "${TSBUILD_VM_TIMEOUT:-840}" qemu-system-x86_64 -accel tcg,thread=multi -M q35 -cpu max -smp 2 -m 1536M \
  -object memory-backend-memfd,id=mem,size=1536M,share=on -numa node,memdev=mem \
  -chardev socket,id=fs,path="$work/fs.sock" -device vhost-user-fs-pci,chardev=fs,tag=host \
  -drive file="$disk",format=raw,if=virtio -pidfile "$work/qemu.pid" \
  -kernel "$kernel"/boot/vmlinuz-* -initrd "$work/initramfs.gz" \
  -append 'console=ttyS0 panic=-1 quiet loglevel=1 mitigations=off random.trust_cpu=on cgroup_no_v1=all '"${TSBUILD_VM_KERNEL:-}" \
  -nographic -no-reboot -nodefaults -serial mon:stdio </dev/null | tee "$work/console" |
  sed -un 's/\r//g;/^vm: begin/,/^vm: status/{/^vm: begin/d;p}' | cut_power | tee "$work/output" | sed '/^vm: status/d;/^\[ *[0-9.]*\] sysrq: /d' || ended=$?
status=$(sed -n 's/^vm: status //p' "$work/output")
if [ -z "$status" ] && [ -z "${TSBUILD_VM_CUT:-}" ]; then
  {
    echo "vm.sh: the machine ended ($ended) before its program; the last lines of its console, and of virtiofsd:"
    tail -n 20 "$work/console" "$work/virtiofsd.log"
  } >&2
fi
[ "$ended" != 0 ] || ended=70
exit "${status:-$ended}"

#!/usr/bin/env bash
# Makes a small Debian root file system as a tar: the base of the demo, of the tests and of the benchmarks.
#   scripts/debian-base.sh [OUT.tar]
# Prints the path of the tar. It is made once, from Debian's packages, and kept in the cache folder; to make it anew,
# remove it there. TSBUILD_DEBIAN_MIRROR names another mirror than the one this machine itself uses.
set -euo pipefail

# The number is the recipe's version (test/support/paths.ts knows it too).
cache=${XDG_CACHE_HOME:-$HOME/.cache}/tsbuild/bases
base=$cache/debian-bookworm-1.tar

say() { echo "debian-base: $*" >&2; }

# The mirror this machine's own apt is set up for, when the machine is a Debian.
host_mirror() {
  . /etc/os-release
  [ "${ID:-}" = debian ] || return 0
  { cat /etc/apt/sources.list /etc/apt/sources.list.d/*.{sources,list} 2>/dev/null || true; } |
    sed -nE '/^ *#/d; s|.*(https?://[^ ]+/debian)/?( .*)?$|\1|p' | sed -n 1p
}

make_base() {
  command -v mmdebstrap >/dev/null || { say "mmdebstrap is not installed (apt-get install mmdebstrap)"; exit 1; }
  local mirror options=() proxy
  mirror=${TSBUILD_DEBIAN_MIRROR:-$(host_mirror)}
  mirror=${mirror:-http://deb.debian.org/debian}
  mirror=${mirror%/}
  # apt inside containers must go the way that apt out here goes.
  proxy=$(apt-config dump --format '%v' Acquire::http::Proxy 2>/dev/null || true)
  [ -z "$proxy" ] || options+=(--aptopt="Acquire::http::Proxy \"$proxy\"")
  # What the slim images of Docker Hub leave out.
  for path in /usr/share/doc /usr/share/man /usr/share/info /usr/share/locale; do
    options+=(--dpkgopt="path-exclude=$path/*")
  done
  options+=(--dpkgopt=path-include=/usr/share/doc/*/copyright)
  # Debian's default way to a merged /usr drags in all of Perl; in a tree that is made merged nothing has to be done.
  options+=(--setup-hook='printf "Package: usrmerge\nPin: release *\nPin-Priority: -1\n" >"$1/etc/apt/preferences.d/base"')
  options+=(--hook-dir=/usr/share/mmdebstrap/hooks/merged-usr)
  # As in the images of Docker Hub: a build that loses power is made anew, so nothing needs to reach the disk at once.
  options+=(--dpkgopt=force-unsafe-io)
  # The network's and the machine's names are the container's, not the image's.
  options+=(--customize-hook='rm -f "$1/etc/apt/preferences.d/base" "$1/etc/resolv.conf" "$1/etc/hostname"')
  say "making a Debian base from $mirror (once; half a minute) ..."
  local log=$base.log
  SOURCE_DATE_EPOCH=1735689600 mmdebstrap --variant=apt --architectures="$(dpkg --print-architecture)" \
    --aptopt='Acquire::Languages "none"' --aptopt='Acquire::Retries "3"' \
    "${options[@]}" --format=tar bookworm "$base.tmp" \
    "deb $mirror bookworm main" "deb $mirror bookworm-updates main" "deb $mirror-security bookworm-security main" \
    >"$log" 2>&1 || { tail -n 20 "$log" >&2; say "mmdebstrap failed, whole log: $log"; exit 1; }
  mv "$base.tmp" "$base"
}

mkdir -p "$cache"
exec 9>"$cache/lock"
flock 9
[ -s "$base" ] || make_base
flock -u 9

if [ $# -gt 0 ]; then
  cp --reflink=auto "$base" "$1"
  echo "$1"
else
  echo "$base"
fi

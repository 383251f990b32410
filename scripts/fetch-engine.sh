#!/usr/bin/env bash
# Unpacks the Docker engine of a Debian release in the cache folder, beside the system's, and prints the folder of its
# programs. Once a machine: for a newer one of the same release, remove the folder from the cache.
#   scripts/fetch-engine.sh trixie
set -euo pipefail

suite=$1
cache=${XDG_CACHE_HOME:-$HOME/.cache}/tsbuild/oracle-$suite

fetch_engine() {
  local mirror=${TSBUILD_DEBIAN_MIRROR:-http://deb.debian.org/debian} work
  # What one that was killed or failed has left; only the holder of the lock is here.
  rm -rf "$cache"/fetch.*
  work=$(mktemp -d "$cache/fetch.XXXX")
  mkdir -p "$work/lists/partial" "$work/archives/partial" "$work/unpacked"
  echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror $suite main" >"$work/sources.list"
  # Nothing of the system's own lists or packages is touched.
  cat >"$work/apt.conf" <<CONF
Dir::Etc::SourceList "$work/sources.list";
Dir::Etc::SourceParts "/dev/null";
Dir::State::Lists "$work/lists";
Dir::Cache "$work";
Acquire::Languages "none";
APT::Sandbox::User "root";
CONF
  export APT_CONFIG=$work/apt.conf
  apt-get -q update >&2
  (cd "$work/archives" && apt-get -q download docker.io docker-cli docker-buildx containerd >&2)
  unset APT_CONFIG
  for package in "$work"/archives/*.deb; do dpkg -x "$package" "$work/unpacked"; done
  mkdir -p "$work/bin"
  # Its runc wants a newer libc than the system's; the system's runc does.
  for program in usr/sbin/dockerd usr/bin/docker usr/bin/containerd usr/bin/containerd-shim-runc-v2 \
    usr/libexec/docker/cli-plugins/docker-buildx; do
    mv "$work/unpacked/$program" "$work/bin/"
  done
  mv "$work/bin" "$cache/bin"
  rm -rf "$work"
}

mkdir -p "$cache"
exec 9>"$cache/lock"
flock 9
[ -d "$cache/bin" ] || fetch_engine
echo "$cache/bin"

#!/usr/bin/env bash
# `npm run oracle`: asks real engines for their answers to the cases of fixtures/differential, writes them to its
# folder recorded/, and prints what changed. Needs root and Debian's mirror.
#   npm run oracle -- copy-file onbuild/chain      only these areas or cases
# The engine that answers is the newest that Debian has; it is unpacked in the cache folder, beside the system's, which
# is asked as well: where both agree, the tests can ask the system's alone. TSBUILD_ORACLE_SUITE names another suite;
# to get a newer engine of the same suite, remove its folder from the cache.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/install.sh

bash scripts/system-packages.sh
install_packages
build_if_stale

suite=${TSBUILD_ORACLE_SUITE:-sid}
cache=${XDG_CACHE_HOME:-$HOME/.cache}/tsbuild/oracle-$suite

fetch_engine() {
  local mirror=${TSBUILD_DEBIAN_MIRROR:-http://deb.debian.org/debian} work
  mkdir -p "$cache"
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
  apt-get -q update
  (cd "$work/archives" && apt-get -q download docker.io docker-cli docker-buildx containerd)
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

[ -d "$cache/bin" ] || fetch_engine
exec node scripts/record-oracle.ts "$cache/bin" "$@"

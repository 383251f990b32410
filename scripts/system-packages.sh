#!/usr/bin/env bash
# Installs what is missing of scripts/system-packages.txt, or only of the packages named as arguments, when run as root
# on a machine with apt. Elsewhere it says what is missing and goes on: what needs it will say so itself.
set -euo pipefail
cd "$(dirname "$0")/.."

if [ $# -gt 0 ]; then wanted=("$@"); else mapfile -t wanted < <(grep -v '^#' scripts/system-packages.txt); fi

command -v dpkg-query >/dev/null && command -v apt-get >/dev/null || {
  echo "system packages: this is no Debian; tests that need one of these will be skipped: ${wanted[*]}"
  exit 0
}
installed=$(dpkg-query -W -f '${db:Status-Status} ${Package}\n' "${wanted[@]}" 2>/dev/null | sed -n 's/^installed //p' || true)
missing=()
for package in "${wanted[@]}"; do
  grep -qxF "$package" <<<"$installed" || missing+=("$package")
done
if [ ${#missing[@]} = 0 ]; then exit 0; fi
if [ "$(id -u)" != 0 ]; then
  echo "system packages: missing, and only root can install them: ${missing[*]}"
  exit 0
fi
echo "system packages: installing ${missing[*]} ..."
export DEBIAN_FRONTEND=noninteractive
# Packages that are services (docker.io, containerd) must not start one on this machine: tests start their own.
policy=/usr/sbin/policy-rc.d
if [ ! -e $policy ]; then
  printf '#!/bin/sh\nexit 101\n' >$policy
  chmod 755 $policy
  trap 'rm -f $policy' EXIT
fi
log=$(mktemp)
install() { apt-get install -y --no-install-recommends "$@" >"$log" 2>&1; }
# A fresh machine has no package lists, an old one has stale ones.
apt-get update >"$log" 2>&1 || true
install "${missing[@]}" || {
  # One package that this release lacks must not cost all the others.
  for package in "${missing[@]}"; do
    install "$package" || { tail -n 3 "$log" >&2; echo "system packages: could not install $package" >&2; }
  done
}
rm -f "$log"

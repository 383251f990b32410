#!/usr/bin/env bash
# `npm run demo`: builds fixtures/demo and runs it. Installs, builds and gets the base image as far as that is missing.
# Run it twice: the second time every step is CACHED.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/install.sh

base=debian:bookworm-slim
tsbuild=bin/tsbuild.js

say() { printf '\n\033[1m%s\033[0m\n' "$*"; }

get_base() {
  if $tsbuild inspect $base >/dev/null 2>&1; then return; fi
  say "tsbuild pull $base"
  if timeout 30 $tsbuild pull $base; then return; fi
  say "Docker Hub does not answer: the base is made from Debian's packages instead"
  bash scripts/system-packages.sh mmdebstrap debian-archive-keyring util-linux
  local tar
  tar=$(bash scripts/debian-base.sh)
  say "tsbuild import $tar $base"
  $tsbuild import "$tar" $base
}

install_packages
build_if_stale
get_base

say 'tsbuild build -t demo fixtures/demo'
$tsbuild build -t demo fixtures/demo

if [ -t 1 ]; then terminal=(-t); else terminal=(); fi
say "tsbuild run --rm ${terminal[*]} demo"
$tsbuild run --rm "${terminal[@]}" demo

$tsbuild images

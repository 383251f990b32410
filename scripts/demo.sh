#!/usr/bin/env bash
# `npm run demo`: builds fixtures/demo and runs it. Installs, builds and gets the base image as far as that is missing.
# Run it twice: the second time every step is CACHED.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/install.sh

base=debian:bookworm-slim
tsbuild=bin/tsbuild.js

say() { printf '\n\033[1m%s\033[0m\n' "$*"; }

hub_answers() { timeout 5 bash -c 'exec 3<>/dev/tcp/registry-1.docker.io/443' 2>/dev/null; }

get_base() {
  if $tsbuild inspect $base >/dev/null 2>&1; then return; fi
  if hub_answers; then
    say "tsbuild pull $base"
    if timeout 300 $tsbuild pull $base; then return; fi
  fi
  say "Docker Hub cannot be reached: the base is made from Debian's packages instead"
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

run=(run --rm)
if [ -t 1 ]; then run+=(-t); fi
say "tsbuild ${run[*]} demo"
$tsbuild "${run[@]}" demo

say 'tsbuild images'
$tsbuild images

#!/usr/bin/env bash
# `npm run bench`: times tsbuild beside docker and buildah; see bench/README.md. Needs root.
#   npm run bench -- copy run        only these groups: run layer stages cached copy large container push pull
#   npm run bench -- parse           reading, checking and planning large Dockerfiles, of tsbuild alone
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/install.sh

bash scripts/system-packages.sh
bash scripts/system-packages.sh curl jq openssl pigz time zstd
install_packages
build_if_stale
# An extra certificate file costs every start of node 100 ms, which no user without one pays.
unset NODE_EXTRA_CA_CERTS
if [ "${1:-}" = parse ]; then exec node bench/parse.ts; fi
exec node bench/main.ts "$@"

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

engine=$(bash scripts/fetch-engine.sh "${TSBUILD_ORACLE_SUITE:-sid}")
exec node scripts/record-oracle.ts "$engine" "$@"

#!/usr/bin/env bash
# `npm run soak`: the same tests with every long series in full, where `npm test` runs a seeded sample.
# TSBUILD_SEED=N repeats the sample of a run that printed this seed.
set -euo pipefail
cd "$(dirname "$0")/.."
TSBUILD_SOAK=1 exec bash scripts/test.sh "$@"

#!/usr/bin/env bash
# `npm test`: installs what is missing, builds, checks style and types, runs all tests. Its last line is
# `N passed, N failed, N skipped`; style, format and types count as one test each.
#   npm test -- test/store        only the tests of a folder, without the checks; arguments go to vitest
# TSBUILD_MUST_RUN=1 (continuous integration) makes a test fail whose need (root, a tool, the network) is missing,
# instead of skipping it; a test that fails is tried once more, and its line `unsteady: …` is to be taken seriously.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/install.sh

bash scripts/system-packages.sh
install_packages
build_if_stale

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
passed=0
failed=0

start_check() { # NAME COMMAND...
  local name=$1
  shift
  { "$@" >"$work/$name.log" 2>&1 && touch "$work/$name.ok"; } &
}
report_check() { # NAME
  if [ -e "$work/$1.ok" ]; then
    echo "$1: ok"
    passed=$((passed + 1))
  else
    cat "$work/$1.log"
    echo "$1: FAILED"
    failed=$((failed + 1))
  fi
}

if [ $# = 0 ]; then
  start_check types node_modules/.bin/tsc --noEmit
  start_check style node_modules/.bin/eslint .
  wait
  start_check format node_modules/.bin/prettier --check --log-level=warn .
  wait
  for check in types style format; do report_check $check; done
fi

status=0
TSBUILD_TEST_SUMMARY="$work/summary" node_modules/.bin/vitest run "$@" || status=$?

if read -r p f s <"$work/summary" 2>/dev/null; then
  # A run that vitest itself calls failed is never reported as clean.
  if [ $status != 0 ] && [ "$f" = 0 ]; then f=1; fi
else
  p=0 f=1 s=0
fi
passed=$((passed + p))
failed=$((failed + f))
echo "$passed passed, $failed failed, $s skipped"
[ $failed = 0 ]

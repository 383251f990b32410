#!/usr/bin/env bash
# Compiles the native part into dist/native: the launcher (a static executable) and the file system addon.
# Needs a C compiler and nothing else: the Node-API headers come from the npm package node-api-headers.
set -euo pipefail
cd "$(dirname "$0")/.."
cc=${CC:-cc}
if ! command -v "$cc" >/dev/null; then
  echo "tsbuild: no C compiler found (looked for '$cc')." >&2
  echo "  hint: install one (Debian: apt-get install gcc libc6-dev; Alpine: apk add gcc musl-dev linux-headers), then run: npm run build" >&2
  exit 1
fi
headers=$(node -p "require('node-api-headers').include_dir")
mkdir -p dist/native
flags=(-O3 -Wall -Wextra -Werror=implicit-function-declaration -std=gnu11)
# Static and without a C library (native/launcher_kernel.h says why).
bare=(-Os -static -nostdlib -nostartfiles -ffreestanding -fno-stack-protector -fno-pie -no-pie
  -fno-tree-loop-distribute-patterns -fno-asynchronous-unwind-tables -Wl,-z,noseparate-code,--build-id=none -s)
"$cc" "${flags[@]}" "${bare[@]}" -o dist/native/launcher.tmp native/launcher.c
mv dist/native/launcher.tmp dist/native/launcher
"$cc" "${flags[@]}" -shared -fPIC -I"$headers" -o dist/native/fs.node.tmp native/fs*.c
mv dist/native/fs.node.tmp dist/native/fs.node

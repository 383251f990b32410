# Sourced by the other scripts, in the project's folder: node_modules and the build as package-lock.json and the
# sources want them.
. scripts/node-path.sh

install_packages() {
  # npm writes this file last.
  local stamp=node_modules/.package-lock.json
  if [ ! -e $stamp ] || [ package-lock.json -nt $stamp ] || [ package.json -nt $stamp ]; then
    echo "npm ci ..."
    npm ci --no-audit --no-fund --loglevel=error
    touch $stamp
    . scripts/node-path.sh
  fi
}

build_if_stale() {
  local newest
  newest=$(find src native scripts/build-native.sh scripts/build-bundle.mjs package-lock.json -type f -newer dist/.built -print -quit 2>/dev/null || echo none)
  if [ -n "$newest" ]; then
    bash scripts/build-native.sh
    node scripts/build-bundle.mjs
    touch dist/.built
  fi
}

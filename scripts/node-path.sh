# Sourced by the other scripts: puts the project's own Node first on the PATH.
for node_bin in "$PWD"/node_modules/node-linux-*/bin; do
  if "$node_bin/node" --version >/dev/null 2>&1; then export PATH="$node_bin:$PATH"; fi
done

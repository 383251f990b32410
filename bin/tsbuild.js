#!/bin/sh
':' //; self=$(readlink -f "$0"); root=${self%/bin/tsbuild.js}; for node in "$root"/node_modules/node-linux-*/bin/node "$root"/../node-linux-*/bin/node; do [ -x "$node" ] && exec "$node" --max-semi-space-size=4 -- "$self" "$@"; done; exec node -- "$self" "$@"
// The two lines above are a shell script that picks the Node installed with tsbuild, or else the one on the PATH;
// to Node they are a comment and a string. The -- keeps Node from taking the --env-file of `run` for its own flag. Young
// objects get 4 MB in place of 16: the peak of large builds is 35 MB lower, and they take no longer.
// What follows runs under Node, also as `node bin/tsbuild.js`.
import { spawn } from 'node:child_process';
import { existsSync, readFileSync, statSync } from 'node:fs';
import module from 'node:module';
import { constants } from 'node:os';

const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
const cli = new URL('../dist/cli.cjs', import.meta.url).pathname;

if (!existsSync(cli)) {
  process.stderr.write(
    'tsbuild: it is not built yet\n  hint: run `npm ci` (or `npm run build`) in its folder\n',
  );
  process.exitCode = 8;
} else if (major > 22 || (major === 22 && minor >= 15)) {
  keepCompiledCode();
  start(module.createRequire(import.meta.url));
} else {
  rerunUnderNewerNode();
}

/**
 * The command of an ordinary user, or of a root that lacks CAP_SYS_ADMIN (bit 21), goes into namespaces first, where it
 * starts again: so far only what that takes is loaded.
 */
function start(load) {
  const mayMount = /^CapEff:.*[2367abef].{5}$/m.test(readFileSync('/proc/self/status', 'latin1'));
  if (process.geteuid() === 0 && mayMount) load(cli);
  else
    void load('../dist/enter.cjs')
      .enterNamespaces(process.argv.slice(2))
      .then((ready) => ready && load(cli));
}

/** Beside the code, where that is this user's own; else with what other programs keep for him. */
function keepCompiledCode() {
  const dist = new URL('../dist', import.meta.url).pathname;
  const home = process.env.XDG_CACHE_HOME || (process.env.HOME && `${process.env.HOME}/.cache`);
  if (statSync(dist).uid === process.geteuid()) module.enableCompileCache(`${dist}/cache`);
  else if (home) module.enableCompileCache(`${home}/tsbuild/code`);
}

/** zstd needs 22.15. Older versions lack enableCompileCache too, so it is no named import above. */
function rerunUnderNewerNode() {
  const node = ['../node_modules', '../..']
    .map((folder) => new URL(`${folder}/node-linux-${process.arch}/bin/node`, import.meta.url).pathname)
    .find((path) => existsSync(path));
  if (node === undefined) {
    process.stderr.write(
      `tsbuild: needs Node 22.15 or newer, this is ${process.version}, and no newer one is installed beside it\n  hint: npm install node-linux-${process.arch}@24\n`,
    );
    process.exitCode = 8;
    return;
  }
  const child = spawn(node, ['--', new URL(import.meta.url).pathname, ...process.argv.slice(2)], { stdio: 'inherit' });
  // The terminal's Ctrl-C reaches the child by itself; what is sent to this process alone is passed on.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT'])
    process.on(signal, () => child.kill(signal));
  child.on(
    'exit',
    (code, signal) => (process.exitCode = signal === null ? code : 128 + constants.signals[signal]),
  );
}

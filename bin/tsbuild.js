#!/bin/sh
':' //; self=$(readlink -f "$0"); root=${self%/bin/tsbuild.js}; for node in "$root"/node_modules/node-linux-*/bin/node "$root"/../node-linux-*/bin/node; do [ -x "$node" ] && exec "$node" --max-semi-space-size=4 -- "$self" "$@"; done; exec node -- "$self" "$@"
// The two lines above are a shell script that picks the Node installed with tsbuild, or else the one on the PATH;
// to Node they are a comment and a string. The -- keeps Node from taking the --env-file of `run` for its own flag. Young
// objects get 4 MB in place of 16: the peak of large builds is 35 MB lower, and they take no longer.
// What follows runs under Node, also as `node bin/tsbuild.js`.
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import module from 'node:module';
import { constants } from 'node:os';
import vm from 'node:vm';
import zlib from 'node:zlib';

const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
const cli = new URL('../dist/cli.cjs', import.meta.url).pathname;

if (!existsSync(cli)) {
  process.stderr.write(
    'tsbuild: it is not built yet\n  hint: run `npm ci` (or `npm run build`) in its folder\n',
  );
  process.exitCode = 8;
} else if (major > 22 || (major === 22 && minor >= 15)) {
  const folder = codeFolder();
  if (folder !== undefined) module.enableCompileCache(folder);
  start(module.createRequire(import.meta.url), folder);
} else {
  rerunUnderNewerNode();
}

/**
 * The command of an ordinary user, or of a root that lacks CAP_SYS_ADMIN (bit 21), goes into namespaces first, where it
 * starts again: so far only what that takes is loaded.
 */
function start(load, folder) {
  const mayMount = /^CapEff:.*[2367abef].{5}$/m.test(readFileSync('/proc/self/status', 'latin1'));
  if (process.geteuid() === 0 && mayMount) runCli(folder);
  else
    void load('../dist/enter.cjs')
      .enterNamespaces(process.argv.slice(2))
      .then((ready) => ready && runCli(folder));
}

/** Where compiled code is kept: beside the code, where that is this user's own; else with what other programs keep for him. */
function codeFolder() {
  const dist = new URL('../dist', import.meta.url).pathname;
  const home = process.env.XDG_CACHE_HOME || (process.env.HOME && `${process.env.HOME}/.cache`);
  if (statSync(dist).uid === process.geteuid()) return `${dist}/cache`;
  return home ? `${home}/tsbuild/code` : undefined;
}

/**
 * Runs the bundle with code that an earlier run of the same command has compiled. Node's own cache holds what is compiled
 * before anything runs, which is little: with this a command starts with two thirds of the processor time.
 */
function runCli(folder) {
  // Before it is read: should it be replaced just now, the code belongs to none.
  const { size, mtimeMs } = statSync(cli);
  // esbuild writes ASCII only.
  const source = `(function (exports, require, module, __filename, __dirname) {${readFileSync(cli, 'latin1')}\n})`;
  const built = `${process.version} ${process.arch} ${size} ${mtimeMs}`;
  const kept = folder && `${folder}/${commandWord()}.code`;
  const cachedData = kept && readCode(kept, built);
  const script = new vm.Script(source, {
    filename: cli,
    cachedData,
    importModuleDynamically: vm.constants.USE_MAIN_CONTEXT_DEFAULT_LOADER,
  });
  if (kept && (cachedData === undefined || script.cachedDataRejected))
    process.once('exit', () => keepCode(kept, built, script.createCachedData()));
  const loaded = { exports: {} };
  const dist = new URL('../dist', import.meta.url).pathname;
  script.runInThisContext()(loaded.exports, module.createRequire(cli), loaded, cli, dist);
}

/** Only commands whose start is waited for have code of their own. */
function commandWord() {
  const words = ['build', 'run', 'exec', 'create', 'start', 'images', 'ps', 'pull', 'push', 'plan'];
  return process.argv.slice(2).find((word) => words.includes(word)) ?? 'tsbuild';
}

/** Undefined for none, for that of another bundle or Node, and for what a power loss has damaged: V8 believes what it gets. */
function readCode(path, built) {
  try {
    const bytes = readFileSync(path);
    const end = bytes.indexOf('\n');
    const code = bytes.subarray(end + 1);
    return bytes.toString('latin1', 0, end) === `${built} ${zlib.crc32(code)}` ? code : undefined;
  } catch {
    return undefined;
  }
}

function keepCode(path, built, code) {
  try {
    mkdirSync(path.slice(0, path.lastIndexOf('/')), { recursive: true, mode: 0o700 });
    const own = `${path}.${process.pid}`;
    writeFileSync(own, Buffer.concat([Buffer.from(`${built} ${zlib.crc32(code)}\n`), code]), { mode: 0o600 });
    renameSync(own, path);
  } catch {
    // A folder that is only read, a full disk: the next start takes as long as this one.
  }
}

/** zstd needs 22.15. Older versions lack enableCompileCache and crc32, too, so they are no named imports above. */
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

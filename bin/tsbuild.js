#!/bin/sh
':' //; self=$0; [ -L "$self" ] && self=$(readlink -f "$self"); case $self in */*) bin=${self%/*};; *) bin=.;; esac; for node in "$bin"/../node_modules/node-linux-*/bin/node "$bin"/../../node-linux-*/bin/node; do [ -x "$node" ] && exec "$node" --max-semi-space-size=8 --min-semi-space-size=8 -- "$self" "$@"; done; exec node -- "$self" "$@"
// The two lines above are a shell script that picks the Node installed with tsbuild, or else the one on the PATH;
// to Node they are a comment and a string. The -- keeps Node from taking the --env-file of `run` for its own flag. Young
// objects get 8 MB in place of 16: the peak of large builds is lower, and they take no longer. They get all of it at
// once, which most commands end without having filled. Of V8's flags only those of such limits will do: any
// other, --initial-heap-size too, makes V8 refuse the compiled code that Node brings of its own modules, and a build
// would take 14 ms to compile them.
// What follows runs under Node, also as `node bin/tsbuild.js`.
const { existsSync, mkdirSync, readFileSync, realpathSync, renameSync, rmSync, statSync, writeFileSync } = require('node:fs');
const { dirname } = require('node:path');

const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
const dist = `${dirname(__dirname)}/dist`;
const cli = `${dist}/cli.cjs`;
/** Bytes before the code in its file: a multiple of 8, so that V8 can read it in place. */
const headLength = 2048;

if (!existsSync(cli)) {
  process.stderr.write(
    'tsbuild: it is not built yet\n  hint: run `npm ci` (or `npm run build`) in its folder\n',
  );
  process.exitCode = 8;
} else if (major > 22 || (major === 22 && minor >= 15)) {
  start(codeFolder());
} else {
  rerunUnderNewerNode();
}

/**
 * The command of an ordinary user, or of a root that lacks CAP_SYS_ADMIN (bit 21), goes into namespaces first, where it
 * starts again: so far only what that takes is loaded.
 */
function start(folder) {
  const mayMount = /^CapEff:.*[2367abef].{5}$/m.test(readFileSync('/proc/self/status', 'latin1'));
  if (process.geteuid() === 0 && mayMount) runCli(folder);
  else
    void loadApart(folder, './enter.cjs')
      .enterNamespaces(process.argv.slice(2))
      .then((ready) => ready && runCli(folder));
}

/**
 * Where compiled code is kept: beside the code, where that is this user's own; else with what other programs keep for him.
 * Undefined where that cannot be, or where another user could put some: what is there is run.
 */
function codeFolder() {
  const { XDG_CACHE_HOME, HOME } = process.env;
  const home = [XDG_CACHE_HOME, HOME && `${HOME}/.cache`].find((path) => path?.startsWith('/'));
  const isBeside = statSync(dist).uid === process.geteuid();
  const folder = isBeside ? `${dist}/cache` : home && `${home}/tsbuild/code`;
  if (folder === undefined) return undefined;
  try {
    if (!existsSync(folder)) {
      // By Node's own way with parents, the start would not end where a folder takes no entries, as /proc.
      const missing = isBeside ? [folder] : [home, dirname(folder), folder].filter((path) => !existsSync(path));
      if (!isBeside && !areOurs(realpathSync(dirname(missing[0])))) return undefined;
      for (const path of missing) mkdirSync(path, { mode: 0o700 });
    }
    const real = realpathSync(folder);
    return (isBeside ? isOurs(real) : areOurs(real)) ? real : undefined;
  } catch {
    // Only read; or another start has just made it, and the next one finds it.
    return undefined;
  }
}

function isOurs(path) {
  const { uid, mode } = statSync(path);
  return uid === process.geteuid() && (mode & 0o022) === 0;
}

/** With the folders above it, up to where others than this user have no say: who can rename one can put his own there. */
function areOurs(path) {
  if (!isOurs(path)) return false;
  for (let above = dirname(path); ; above = dirname(above)) {
    const { uid, mode } = statSync(above);
    const isSticky = (mode & 0o1000) !== 0;
    if ((mode & 0o022) !== 0 && !isSticky) return false;
    // In a user namespace, root outside of it is 65534.
    if (uid !== process.geteuid()) return uid === 0 || uid === 65534;
    if (above === '/') return true;
  }
}

/** A bundle beside that of the command line. */
function loadApart(folder, name) {
  if (folder !== undefined) require('node:module').enableCompileCache(folder);
  return require(`${dist}/${name}`);
}

/**
 * Runs the bundle with code that an earlier run of the same command has compiled. Node's own cache holds what is compiled
 * before anything runs, which is little: with this a command starts with two thirds of the processor time.
 */
function runCli(folder) {
  const { Script } = require('node:vm');
  // esbuild writes ASCII only.
  const source = readFileSync(cli, 'latin1');
  // The bundle's first line goes by its content: packages are unpacked with the same time whatever the version, and V8
  // compares the length alone.
  const built = `${process.version} ${process.arch} ${source.slice(0, source.indexOf('\n'))}`;
  const kept = folder && `${folder}/${commandWord()}.code`;
  const known = kept && readCode(kept, built);
  const script = new Script(source, { filename: cli, cachedData: known?.code });
  const isGood = known !== undefined && !script.cachedDataRejected;
  const setFlags = (flags) => require('node:v8').setFlagsFromString(flags);
  // Else what has not been called for some time is no longer there in the end.
  if (kept && !isGood) setFlags('--no-flush-bytecode');
  const bundle = { exports: [] };
  process.once('exit', () => {
    const parts = Object.keys(bundle.exports);
    // What ended at its first mistake, or asked for help, has not used what the next one will.
    if (!kept || (isGood && parts.every((part) => known.parts.includes(part)))) return;
    // V8 takes code of the flags only that it has itself.
    setFlags('--flush-bytecode');
    keepCode(kept, `${built} ${parts}`, script.createCachedData());
  });
  const load = (name) => (name.startsWith('./') ? loadApart(folder, name) : require(name));
  script.runInThisContext()(bundle.exports, load, bundle, cli, dist);
}

/** Code is kept by command: what another one runs would have to be read, too. All that are rarely typed share theirs. */
function commandWord() {
  const oftenTyped =
    'build create exec explain images inspect load logs plan ps pull push rm rmi run save start stop tag'.split(' ');
  const args = process.argv.slice(2);
  while (args[0]?.startsWith('--root')) args.splice(0, args[0] === '--root' ? 2 : 1);
  const [word = ''] = args;
  if (oftenTyped.includes(word)) return word;
  // `tsbuild -t app .` and `tsbuild .` are builds.
  const isBuild = /^-(?!(?:h|v|-help|-version)$)|^\.\.?$|\//.test(word);
  return isBuild ? 'build' : 'tsbuild';
}

/** Undefined for none, and for that of another bundle or Node; `parts`: of the bundle, that it has the code of. */
function readCode(path, built) {
  try {
    const bytes = readFileSync(path);
    const head = bytes.latin1Slice(0, headLength).trimEnd();
    if (!head.startsWith(`${built} `)) return undefined;
    return { code: bytes.subarray(headLength), parts: head.slice(built.length + 1).split(',') };
  } catch {
    return undefined;
  }
}

function keepCode(path, head, code) {
  // In another container that shares the folder a process may have the same id.
  const own = `${path}.${process.pid}.${Math.random().toString(36).slice(2)}`;
  try {
    // On the disk before it has its name, whatever power fails: V8 believes what it gets.
    writeFileSync(own, Buffer.concat([Buffer.from(head.padEnd(headLength - 1).concat('\n')), code]), { mode: 0o600, flag: 'wx', flush: true });
    renameSync(own, path);
  } catch {
    // A folder that is only read, a full disk: the next start takes as long as this one.
    removeQuietly(own);
  }
}

function removeQuietly(path) {
  try {
    rmSync(path, { force: true });
  } catch {
    return;
  }
}

/** zstd needs 22.15. */
function rerunUnderNewerNode() {
  const { spawn } = require('node:child_process');
  const { constants } = require('node:os');
  const node = ['../node_modules', '../..']
    .map((folder) => `${__dirname}/${folder}/node-linux-${process.arch}/bin/node`)
    .find((path) => existsSync(path));
  if (node === undefined) {
    process.stderr.write(
      `tsbuild: needs Node 22.15 or newer, this is ${process.version}, and no newer one is installed beside it\n  hint: npm install node-linux-${process.arch}@24\n`,
    );
    process.exitCode = 8;
    return;
  }
  const child = spawn(node, ['--', __filename, ...process.argv.slice(2)], { stdio: 'inherit' });
  // The terminal's Ctrl-C reaches the child by itself; what is sent to this process alone is passed on.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT'])
    process.on(signal, () => child.kill(signal));
  child.on(
    'exit',
    (code, signal) => (process.exitCode = signal === null ? code : 128 + constants.signals[signal]),
  );
}

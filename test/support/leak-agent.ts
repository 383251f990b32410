// The one user of a machine of its own (leak-machine.ts): runs, kills and interrupts commands, and tells what stays.
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { LeakReport, LeakSeries } from './leak-machine.ts';
import { projectRoot } from './paths.ts';
import { runCommand, runOk } from './run-command.ts';
import { tracesOf, type Traces } from './traces.ts';

const { root, busybox, seed, whole, killed, interrupted } = JSON.parse(process.argv[2] ?? '') as LeakSeries;

const program = [join(projectRoot, 'bin/tsbuild.js'), '--root', root];
const ok = (...args: readonly string[]): Promise<string> => runOk([...program, ...args]);
const context = join(root, '../context');
const secret = join(context, 'secret');

let state = seed;
/** Numerical Recipes' linear congruence. */
function random(below: number): number {
  state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
  return Math.floor((state / 2 ** 32) * below);
}

let counted = 0;
const limits = ['--pids-limit', '50', '-m', '64m'];
const volumes = ['-v', 'kept:/kept', '-v', '/anonymous'];
let published: readonly string[] = [];

/** A build whose RUN no earlier one has done. */
function build(command: string): readonly string[] {
  const flags = ['--build-arg', `N=${counted++}`, '--build-arg', `COMMAND=${command}`];
  return ['build', ...flags, '--secret', `id=word,src=${secret}`, '-m', '64m', context];
}

function run(command: string, ...flags: readonly string[]): readonly string[] {
  return ['run', '--rm', ...limits, ...volumes, ...published, ...flags, 'busybox:1', 'sh', '-c', command];
}

/** Goes on until it is ended, with a child that outlives it if it can; ends with Ctrl-C. */
const endless = 'trap "exit 9" INT; sleep 1000 & wait';
/** What an exec leaves behind when it ends is the container's, and lives on in it. */
const endlessAlone = 'trap "exit 9" INT; while true; do sleep 0.05; done';

/** Commands that end by themselves, in turn. */
const completions: readonly (() => Promise<unknown>)[] = [
  () => ok(...run('sleep 100 & echo x >/kept/x')),
  () => ok(...build('sleep 100 & true')),
  () => ok('exec', 'keeper', 'sh', '-c', 'sleep 0.1 & true'),
  async () => {
    const id = await ok(...run(endless, '-d'));
    await ok('exec', id, 'true');
    await ok(...(counted++ % 2 === 0 ? ['stop', '-t', '0', id] : ['rm', '-f', id]));
  },
];

/** Commands that only an end from outside ends, and that hold something of the machine meanwhile. */
const endlessCommands: readonly (() => readonly string[])[] = [
  () => run(endless),
  () => build('sleep 1000 & sleep 1000'),
  () => ['exec', 'keeper', 'sh', '-c', endlessAlone],
];

/** Commands that leave a container in the background, and those that end one; their monitors have a life of their own. */
const passing: readonly (() => readonly string[])[] = [
  () => run(endless, '-d'),
  () => ['run', '-d', ...limits, ...volumes, 'busybox:1', 'sh', '-c', endless],
  () => ['rm', '-f', 'keeper2'],
  () => ['run', '-d', '--name', 'keeper2', 'busybox:1', 'sleep', '1000'],
];

/** In a session of its own, as a terminal gives one to what is typed. */
function start(args: readonly string[]): ChildProcess {
  const child = spawn(process.execPath, [...program, ...args], { detached: true, stdio: 'pipe' });
  child.stdin.on('error', () => undefined);
  child.stdout.resume();
  child.stderr.resume();
  return child;
}

/** From before the first thing is made to after the program has started. */
async function strike(args: readonly string[], signal: 'SIGKILL' | 'SIGINT'): Promise<void> {
  const child = start(args);
  const closed = once(child, 'exit');
  await sleep(20 + random(700));
  const { pid = 0 } = child;
  const send = (): void => {
    try {
      // Ctrl-C is for all that a terminal runs in front, kill -9 for one process.
      process.kill(signal === 'SIGINT' ? -pid : pid, signal);
    } catch {
      // It has ended.
    }
  };
  send();
  // One that comes before the program is ready for it is lost on a PID 1. To a build the second one means: at once.
  const again = signal === 'SIGINT' && args[0] !== 'build' ? setInterval(send, 3000) : undefined;
  await closed;
  clearInterval(again);
}

const inTurn = <T>(list: readonly T[], index: number): T => list[index % list.length] as T;

async function main(): Promise<readonly LeakReport[]> {
  mkdirSync(context);
  writeFileSync(secret, 'a word that is kept\n');
  const mounts = '--mount=type=secret,id=word --mount=type=cache,target=/cache';
  const dockerfile = `FROM busybox:1\nARG N COMMAND\nRUN ${mounts} cp /run/secrets/word /cache/$N; eval "$COMMAND"\n`;
  writeFileSync(join(context, 'Dockerfile'), dockerfile);
  await ok('import', busybox, 'busybox:1');
  if ((await ok('run', '--help')).includes('--publish')) published = ['-p', '127.0.0.1:0:80'];
  // What is made once for all: folders of the machine and of the store, the volume, the kernel's modules.
  await ok('run', '-d', '--init', '--name', 'keeper', ...volumes, 'busybox:1', 'sleep', '100000');
  for (const complete of completions) await complete();

  const before = await quiet();
  const reports: LeakReport[] = [];
  const report = async (phase: string, kinds?: readonly (keyof Traces)[]): Promise<void> => {
    reports.push({ phase, left: await settled(before, kinds) });
  };

  for (let index = 0; index < whole; index++) await inTurn(completions, index)();
  await report(`${whole} commands that came to their end: nothing is left, and no command has to clean up`);

  for (let index = 0; index < interrupted; index++) await strike(inTurn(endlessCommands, index)(), 'SIGINT');
  await report(`${interrupted} times Ctrl-C: the command itself has cleaned up`);

  for (let index = 0; index < killed; index++) await strike(inTurn(endlessCommands, index)(), 'SIGKILL');
  await report(`${killed} times kill -9: the launchers have ended what ran and unmounted it`, [
    'mounts',
    'namespaces',
    'processes',
    'descriptors',
  ]);
  await next();
  await report(`${killed} times kill -9: the next command has swept what the launchers know nothing of`);

  for (let index = 0; index < killed / 2; index++) await strike(inTurn(passing, index)(), 'SIGKILL');
  // Those whose monitor was on its way live, as they would if the command had been let go on.
  for (let round = 0; round < 3; round++) {
    for (const id of (await ok('ps', '-aq', '--no-trunc', '--filter', 'name=')).split('\n'))
      if (id !== '' && !isKeeper(id)) await runCommand([...program, 'rm', '-f', '-v', id]);
  }
  await next();
  await report('kill -9 of commands that start and remove containers: monitors go on, and rm ends them');
  return reports;
}

/** One of each kind that writes. */
async function next(): Promise<void> {
  await ok('ps', '-a');
  await ok(...run('true'));
  await ok(...build('true'));
}

const isKeeper = (id: string): boolean =>
  (JSON.parse(readFileSync(join(root, 'containers', id, 'container.json'), 'utf8')) as { name: string })
    .name === 'keeper';

/** When the last process that ended has been waited for, and of the monitors only the keeper's goes on. */
async function quiet(): Promise<Traces> {
  for (;;) {
    const traces = tracesOf(root);
    const monitors = traces.processes.filter((text) => text.includes('/monitor.cjs '));
    if (monitors.length === 1 && !traces.processes.some((text) => text.endsWith(', ended)'))) return traces;
    await sleep(100);
  }
}

/** What differs after the moment that launchers and monitors need; empty when nothing does. */
async function settled(before: Traces, kinds?: readonly (keyof Traces)[]): Promise<LeakReport['left']> {
  let left: LeakReport['left'] = [];
  for (let tries = 0; tries < 600; tries++) {
    left = difference(before, tracesOf(root), kinds);
    if (left.length === 0) break;
    await sleep(100);
  }
  return left;
}

function difference(
  before: Traces,
  now: Traces,
  kinds: readonly string[] = Object.keys(before),
): LeakReport['left'] {
  return kinds.flatMap((kind) => {
    const [old, young] = [before[kind as keyof Traces], now[kind as keyof Traces]];
    return [
      ...without(young, old).map((text) => `${kind} + ${text}`),
      // Mounts that were there go when somebody outside removes the folder they are on.
      ...(kind === 'mounts' ? [] : without(old, young).map((text) => `${kind} - ${text}`)),
    ];
  });
}

/** As bags: what is there twice must be there twice. */
function without(list: readonly string[], others: readonly string[]): readonly string[] {
  const rest = [...others];
  return list.filter((text) => {
    const at = rest.indexOf(text);
    if (at >= 0) rest.splice(at, 1);
    return at < 0;
  });
}

main().then(
  (reports) => process.stdout.write(JSON.stringify(reports)),
  (error: unknown) => {
    process.stderr.write(`${error instanceof Error ? (error.stack ?? '') : String(error)}\n`);
    process.exitCode = 1;
  },
);

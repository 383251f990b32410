import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readlinkSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { finished } from 'node:stream/promises';
import { inject } from 'vitest';
import type { RuntimeConfig } from '../../src/oci/runtime-spec.ts';
import {
  createRuntime,
  exitCodeOf,
  printConfig,
  type ContainerSpec,
  type ExitStatus,
  type Runtime,
} from '../../src/runtime/index.ts';
import { onTerminal } from './on-terminal.ts';
import { runCommand, runOk } from './run-command.ts';
import { tempFolder } from './temp-folder.ts';

/** What a program saw, by key; see probe.c. Numbers that no two containers share are made words. */
export type Seen = ReadonlyMap<string, string>;

/** The static program, compiled once per run of the tests. Needs `tool:gcc`. */
export async function probeProgram(): Promise<string> {
  const program = join(inject('runFolder'), 'probe');
  if (existsSync(program)) return program;
  const part = join(tempFolder('probe').path, 'probe');
  await runOk(['gcc', '-O1', '-static', '-o', part, join(import.meta.dirname, 'probe.c')]);
  // Another test file may be as far: either result will do.
  await runOk(['mv', part, program]);
  return program;
}

/** A root file system that holds the probe, and mount points, so that neither runtime has to make any. */
export async function probeRoot(): Promise<string> {
  const root = tempFolder('probe-root').path;
  chmodSync(root, 0o755);
  for (const path of ['dev', 'etc', 'mnt', 'mnt/a', 'mnt/b', 'mnt/c', 'proc', 'sys', 'tmp', 'work'])
    mkdirSync(join(root, path));
  for (const path of ['resolv.conf', 'hosts', 'hostname']) writeFileSync(join(root, 'etc', path), '');
  symlinkSync('/mnt/a', join(root, 'link'));
  copyFileSync(await probeProgram(), join(root, 'probe'));
  return root;
}

/** Runs the config's process in tsbuild's runtime. Fails when it does not end with 0. */
export async function seenUnderTsbuild(config: RuntimeConfig): Promise<Seen> {
  const rootfs = await probeRoot();
  const runtime = createRuntime({ stubs: tempFolder('stubs').path });
  const output: string[] = [];
  const status = await runToEnd(runtime, specOf(config, rootfs), (text) => output.push(text));
  const code = exitCodeOf(status);
  if (code !== 0)
    throw new Error(`the probe ended with ${code} under tsbuild: ${output.join('').slice(-1000)}`);
  return parseSeen(output.join(''), rootfs);
}

function specOf(config: RuntimeConfig, rootfs: string): ContainerSpec {
  const spec = {
    id: `side-${process.pid}-${counter++}`,
    config,
    rootfs: { kind: 'bind', path: rootfs },
  } as const;
  if (config.process.terminal !== true) return { ...spec, stdio: 'pipe' };
  return { ...spec, stdio: 'terminal', stdin: 'none', streams: true };
}

async function runToEnd(
  runtime: Runtime,
  spec: ContainerSpec,
  receive: (text: string) => void,
): Promise<ExitStatus> {
  const container = await runtime.create(spec);
  const streams = [container.stdout, container.stderr].filter((stream) => stream !== undefined);
  for (const stream of streams) stream.on('data', (chunk: Buffer) => receive(chunk.toString()));
  const ended = Promise.all(streams.map((stream) => finished(stream, { writable: false })));
  try {
    await container.start();
    const status = await container.wait();
    // What pipes still hold goes with the launcher; that of a terminal has delivered all, and holds the stream open.
    if (spec.stdio === 'pipe') await ended;
    return status;
  } finally {
    await container[Symbol.asyncDispose]();
    await ended;
  }
}

/** The same under runc. */
export async function seenUnderRunc(config: RuntimeConfig): Promise<Seen> {
  const bundle = tempFolder('bundle').path;
  const rootfs = await probeRoot();
  const id = `tsbuild-side-${process.pid}-${counter++}`;
  writeFileSync(
    join(bundle, 'config.json'),
    printConfig({ ...config, root: { ...config.root, path: rootfs } }),
  );
  const argv = ['--root', join(bundle, 'state'), 'run', '-b', bundle, id];
  if (config.process.terminal === true) {
    const { output, code } = await onTerminal(['/usr/bin/env', 'runc', ...argv]);
    if (code !== 0) throw new Error(`runc ended with ${code}: ${output.slice(-2000)}`);
    return parseSeen(output, rootfs);
  }
  const { status, stdout, stderr } = await runCommand([
    'sh',
    '-c',
    'exec runc "$@" < /dev/null',
    'sh',
    ...argv,
  ]);
  if (status !== 0) throw new Error(`runc ended with ${status}: ${stderr}${stdout.slice(-500)}`);
  return parseSeen(stdout, rootfs);
}

let counter = 0;

/** Keys whose values differ, with both. */
export function differences(
  a: Seen,
  b: Seen,
): Record<string, readonly [string | undefined, string | undefined]> {
  const keys = [...new Set([...a.keys(), ...b.keys()])].sort();
  return Object.fromEntries(
    keys.filter((key) => a.get(key) !== b.get(key)).map((key) => [key, [a.get(key), b.get(key)]]),
  );
}

export function parseSeen(text: string, rootfs = '/none'): Seen {
  const seen = new Map<string, string>();
  for (const line of text.split(/\r?\n/)) {
    const blank = line.indexOf(' ');
    if (blank < 0) continue;
    const [key, value] = [line.slice(0, blank), line.slice(blank + 1)];
    if (key.startsWith('mount.')) addMount(seen, value.replaceAll(rootfs, 'ROOT'));
    else if (key.startsWith('ns.')) seen.set(key, namespaceOf(key.slice('ns.'.length), value));
    else if (key.startsWith('fd.')) seen.set(key, value.replace(/\[\d+\]/, '[…]'));
    // A process of the host's pid namespace has numbers of its own.
    else if (/^(p?pid|pgid|sid|status\.NSpid)$/.test(key))
      seen.set(key, Number(value) > 9 ? 'a number' : value);
    else if (key.startsWith('cgroup.')) seen.set(key, value.replace(/side-\d+-\d+$/, 'ID'));
    // Those of the kernel's log and tables change while one looks.
    else if (key.startsWith('read.')) seen.set(key, value.replace(/bytes=[1-9]\d*/, 'some bytes'));
    else if (key.endsWith('devices.list')) seen.set(key, value.split('?').sort().join());
    else seen.set(key, value);
  }
  return seen;
}

function namespaceOf(name: string, target: string): string {
  return readlinkSync(`/proc/self/ns/${name}`) === target ? 'host' : 'own';
}

/** proc(5), mountinfo: the root of the mount, its options, propagation, type, source and the file system's options. */
function addMount(seen: Map<string, string>, text: string): void {
  const [before = '', after = ''] = text.split(' - ');
  const [, , , root, point, options, ...propagation] = before.split(' ');
  const [type, source, ...rest] = after.split(' ');
  const key = `mount.${point}`;
  let free = key;
  for (let at = 2; seen.has(free); at++) free = `${key}#${at}`;
  seen.set(free, [type, options, propagation.map((word) => word.replace(/\d+/, 'N')).join(',')].join(' '));
  seen.set(`${free}.from`, `${root} of ${source}`);
  seen.set(`${free}.super`, rest.join(' '));
}

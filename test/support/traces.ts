import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';

/** What of a machine a command could leave behind: each a sorted list of texts that name it for a reader. */
export interface Traces {
  readonly mounts: readonly string[];
  /** Of the processes, with what is mounted of them. */
  readonly namespaces: readonly string[];
  readonly processes: readonly string[];
  /** What each process has open, by its kind. */
  readonly descriptors: readonly string[];
  readonly cgroups: readonly string[];
  /** Links, addresses, routes, firewall rules of all kinds, and whether it forwards. */
  readonly network: readonly string[];
  /** In memory (/dev/shm, /run), the folder for temporary files, System V's objects, loop devices on the store. */
  readonly memory: readonly string[];
  /** What the store has that is nobody's result: temporary files, leases, locks, containers, half-made snapshots. */
  readonly store: readonly string[];
}

/** Of a machine that nobody else uses; `self` and what is above it do not count. */
export function tracesOf(root: string, self: number = process.pid): Traces {
  const pids = processIds(self);
  return sorted({
    mounts: linesOf('/proc/self/mountinfo'),
    namespaces: [...new Set(pids.flatMap(namespacesOf))],
    processes: pids.map((pid) => `${pid} ${nameOf(pid)}`),
    descriptors: pids.flatMap(descriptorsOf),
    cgroups: cgroupMounts().flatMap((mount) => foldersBelow(mount)),
    network: networkTraces(),
    memory: memoryTraces(root),
    store: storeTraces(root),
  });
}

function sorted(traces: Traces): Traces {
  return Object.fromEntries(
    Object.entries(traces).map(([kind, list]: [string, readonly string[]]) => [kind, [...list].sort()]),
  ) as unknown as Traces;
}

function processIds(self: number): readonly number[] {
  const above = new Set<number>();
  for (let pid = self; pid > 0; pid = parentOf(pid)) above.add(pid);
  return readdirSync('/proc').flatMap((name) => (/^\d+$/.test(name) && !above.has(+name) ? [+name] : []));
}

function parentOf(pid: number): number {
  const stat = linesOf(`/proc/${pid}/stat`)[0] ?? '';
  return Number(stat.replace(/^.*\) /, '').split(' ')[1] ?? 0);
}

/** A process that has ended and that nobody has waited for has no command line. */
function nameOf(pid: number): string {
  const argv = linesOf(`/proc/${pid}/cmdline`).join(' ').replaceAll('\0', ' ').trim();
  return argv === '' ? `(${linesOf(`/proc/${pid}/comm`)[0] ?? 'gone'}, ended)` : argv;
}

function namespacesOf(pid: number): string[] {
  const folder = `/proc/${pid}/ns`;
  return namesIn(folder).flatMap((name) => linkOf(join(folder, name)) ?? []);
}

function descriptorsOf(pid: number): string[] {
  const folder = `/proc/${pid}/fd`;
  return namesIn(folder).flatMap((fd) => {
    const kind = linkOf(join(folder, fd))?.replace(/:\[\d+\]$/, '');
    return kind === undefined ? [] : [`${pid} ${kind}`];
  });
}

function cgroupMounts(): string[] {
  return linesOf('/proc/self/mountinfo').flatMap((line) =>
    /^.* - cgroup2? /.test(line) ? [line.split(' ')[4] ?? ''] : [],
  );
}

function networkTraces(): string[] {
  const commands = [
    ['ip', '-o', 'link'],
    ['ip', '-o', 'address'],
    ['ip', 'route', 'show', 'table', 'all'],
    ['ip', 'rule'],
    ['nft', 'list', 'ruleset'],
    ['iptables-legacy-save'],
  ] as const;
  const forwards = ['ipv4/ip_forward', 'ipv6/conf/all/forwarding'].map(
    (name) => `${name} ${linesOf(`/proc/sys/net/${name}`).join('')}`,
  );
  return [...forwards, ...commands.flatMap(([program, ...args]) => outputOf(program, args))];
}

/** By lines; counters and the index numbers of links, which are never given out again, left out. */
function outputOf(program: string, args: readonly string[]): string[] {
  try {
    const text = execFileSync(program, args, { encoding: 'latin1', stdio: ['ignore', 'pipe', 'ignore'] });
    const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
    return lines.map((line) => `${program}: ${line.replace(/^\d+: /, '').replace(/\[\d+:\d+\]/, '')}`);
  } catch {
    return [];
  }
}

function memoryTraces(root: string): string[] {
  const folders = ['/dev/shm', '/run', process.env['TMPDIR'] ?? '/tmp'].flatMap((path) => filesBelow(path));
  const objects = ['shm', 'sem', 'msg'].flatMap((kind) => linesOf(`/proc/sysvipc/${kind}`).slice(1));
  const loops = namesIn('/sys/block')
    .flatMap((name) => linesOf(`/sys/block/${name}/loop/backing_file`))
    .filter((file) => file.startsWith(root));
  return [...folders, ...objects, ...loops];
}

function storeTraces(root: string): string[] {
  const passing = ['tmp', 'leases', 'locks', 'containers', 'trash', 'volumes'].flatMap((name) =>
    namesIn(join(root, name)).map((entry) => `${name}/${entry}`),
  );
  const snapshots = namesIn(join(root, 'snapshots')).filter((name) => !name.startsWith('.'));
  const halfMade = snapshots.filter((id) => !existsSync(join(root, 'snapshots', id, 'snapshot.json')));
  return [...passing, ...halfMade.map((id) => `snapshots/${id}, half made`)];
}

function foldersBelow(folder: string): string[] {
  const entries = quietly(() => readdirSync(folder, { withFileTypes: true })) ?? [];
  return entries
    .filter((entry) => entry.isDirectory())
    .flatMap(({ name }) => [join(folder, name), ...foldersBelow(join(folder, name))]);
}

function filesBelow(folder: string): string[] {
  const entries = quietly(() => readdirSync(folder, { withFileTypes: true })) ?? [];
  return entries.flatMap((entry) => {
    const path = join(folder, entry.name);
    return entry.isDirectory() ? [`${path}/`, ...filesBelow(path)] : [path];
  });
}

function namesIn(folder: string): string[] {
  return quietly(() => readdirSync(folder)) ?? [];
}

function linesOf(path: string): string[] {
  const text = quietly(() => readFileSync(path, 'latin1')) ?? '';
  return text.split('\n').filter((line) => line !== '');
}

function linkOf(path: string): string | undefined {
  return quietly(() => readlinkSync(path));
}

/** What is asked about may end at any moment. */
function quietly<T>(call: () => T): T | undefined {
  try {
    return call();
  } catch {
    return undefined;
  }
}

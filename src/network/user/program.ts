import { spawn, type ChildProcess, type StdioOptions } from 'node:child_process';
import { once } from 'node:events';
import { accessSync, closeSync, constants, openSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import type { NetworkNamespace } from '../../sys/index.ts';
import { gatewayOf, subnetPrefix, type Subnet } from '../address.ts';

/** Name of the link in the namespace that a program serves. */
export const wayOut = 'tap0';

export type ProgramName = 'pasta' | 'slirp4netns';

export interface Program {
  readonly name: ProgramName;
  readonly path: string;
}

export interface ProgramStart {
  readonly namespace: Pick<NetworkNamespace, 'fd'>;
  /** Of the link, and of nothing else that the host or the namespace can reach. */
  readonly subnet: Subnet;
  /** For its files. */
  readonly folder: string;
  /** At the end of this file it ends. */
  readonly lifeline: number;
}

/** What is better comes first: pasta translates no addresses and copies less. */
const names: readonly ProgramName[] = ['pasta', 'slirp4netns'];

/** Milliseconds; both take some twenty. */
const patience = 10_000;

/** The programs that are installed; the system's own folders also when PATH leaves them out. */
export function installedPrograms(searched = process.env['PATH'] ?? ''): Program[] {
  const folders = [...searched.split(':').filter((folder) => folder.startsWith('/')), '/usr/bin'];
  return names.flatMap((name) => {
    const path = folders.map((folder) => join(folder, name)).find(isExecutable);
    return path === undefined ? [] : [{ name, path }];
  });
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** Resolves when the namespace has its way out. Throws what the program said when it could not. */
export async function startProgram(program: Program, start: ProgramStart): Promise<ChildProcess> {
  // Of a program before this one.
  rmSync(pidFile(start.folder), { force: true });
  const log = openSync(join(start.folder, 'program.log'), 'w', 0o600);
  try {
    const { argv, stdio } = launchers[program.name](program.path, start, log);
    const [path = '', ...rest] = argv;
    // In a session of its own: Ctrl-C is for the command, whose containers are not done yet.
    const child = spawn(path, rest, { stdio, detached: true, cwd: '/', env: {} });
    const failed = once(child, 'exit').then(() => 'failed' as const);
    const late = sleep(patience, 'failed' as const, { ref: false });
    const outcome = await Promise.race([readiness[program.name](child, start.folder), failed, late]);
    if (outcome !== 'ready') {
      child.kill('SIGKILL');
      throw new Error(`${program.name} failed: ${lastWords(start.folder)}`);
    }
    child.unref();
    return child;
  } finally {
    closeSync(log);
  }
}

interface Launch {
  readonly argv: readonly string[];
  readonly stdio: StdioOptions;
}

/**
 * The namespace is passed open and named by way of /proc/self: what other processes have open is closed to a program that
 * has given up its capabilities. Both are told to leave the host's loopback and its name servers alone.
 */
const launchers: Readonly<Record<ProgramName, (path: string, start: ProgramStart, log: number) => Launch>> = {
  pasta: (path, { namespace, subnet, folder, lifeline }, log) => ({
    argv: [
      ...['/bin/sh', '-c', guard, 'sh', path],
      ...[
        '--foreground',
        '--quiet',
        '--pid',
        pidFile(folder),
        '--netns',
        '/proc/self/fd/0',
        '--no-netns-quit',
      ],
      ...['--config-net', '--ns-ifname', wayOut, '--ipv4-only', '--address', `${subnet}.2`],
      ...['--netmask', String(subnetPrefix), '--gateway', gatewayOf(subnet), '--no-map-gw'],
      ...['--no-dhcp', '--no-ndp', '--no-ra', '--no-dhcpv6'],
      ...['--tcp-ports', 'none', '--udp-ports', 'none', '--tcp-ns', 'none', '--udp-ns', 'none'],
    ],
    stdio: ['ignore', log, log, lifeline, namespace.fd],
  }),
  slirp4netns: (path, { namespace, subnet, lifeline }, log) => ({
    argv: [
      ...[path, '--configure', '--exit-fd=3', '--ready-fd=4', `--cidr=${subnet}.0/${subnetPrefix}`],
      ...['--mtu=65520', '--disable-host-loopback', '--disable-dns', '--enable-sandbox', '--enable-seccomp'],
      ...['--netns-type=path', '/proc/self/fd/0', wayOut],
    ],
    stdio: [namespace.fd, log, log, lifeline, 'pipe'],
  }),
};

/** pasta does not end by itself with those it works for. Its parent does not wait for it before, so the pid stays its. */
const guard = `"$@" <&4 3<&- 4<&- &
program=$!
{ read -r _; kill "$program"; } <&3 4<&- &
exec 3<&- 4<&-
wait "$program"
kill $! 2>/dev/null`;

const readiness: Readonly<Record<ProgramName, (child: ChildProcess, folder: string) => Promise<'ready'>>> = {
  pasta: async (child, folder) => {
    // It writes its number when all is set up.
    while (child.exitCode === null && child.signalCode === null && textOf(pidFile(folder)) === '')
      await sleep(2);
    return child.exitCode === null ? 'ready' : new Promise<never>(() => undefined);
  },
  slirp4netns: async (child) => {
    const ready = child.stdio[4];
    if (ready === null || ready === undefined || !('read' in ready)) throw new Error('no pipe');
    await once(ready, 'data');
    ready.destroy();
    return 'ready';
  },
};

function pidFile(folder: string): string {
  return join(folder, 'program.pid');
}

function textOf(path: string): string {
  try {
    return readFileSync(path, 'latin1').slice(0, 4096).trim();
  } catch {
    return '';
  }
}

/** pasta tells the system's log too, and complains when there is none. */
function lastWords(folder: string): string {
  const lines = textOf(join(folder, 'program.log'))
    .split('\n')
    .map((line) => line.trim());
  const told = lines.filter((line) => line !== '' && !/ to syslog$/.test(line));
  return told.slice(0, 3).join(', ') || 'it said nothing';
}

import { closeSync, existsSync, openSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

/** What a running container holds of the machine. */
export interface Holdings {
  readonly pid: number;
  readonly cgroups: readonly string[];
  readonly namespace: HeldNamespace;
}

/**
 * The PID namespace, held open: that of a container that is gone would leave its number to the next one, perhaps to that
 * of another test. Of a container without one it is the mount namespace, which held open would keep its mounts.
 */
interface HeldNamespace {
  readonly kind: 'pid' | 'mnt';
  readonly link: string;
  readonly release: () => void;
}

function holdNamespace(pid: number): HeldNamespace {
  const link = readlinkSync(`/proc/${pid}/ns/pid`);
  if (link === readlinkSync('/proc/self/ns/pid'))
    return { kind: 'mnt', link: readlinkSync(`/proc/${pid}/ns/mnt`), release: () => undefined };
  const fd = openSync(`/proc/${pid}/ns/pid`, 'r');
  return { kind: 'pid', link, release: () => closeSync(fd) };
}

/** `pid`: a process of the container, as the host numbers it. */
export function holdingsOf(pid: number): Holdings {
  const cgroups = readFileSync(`/proc/${pid}/cgroup`, 'utf8').split('\n').flatMap(cgroupFolder);
  return { pid, cgroups, namespace: holdNamespace(pid) };
}

/**
 * Waits until neither a process of the container nor its cgroups are left. After SIGKILL the kernel and the launcher
 * need a moment; what is left after that is left for good.
 */
export async function allGone({ cgroups, namespace: { kind, link, release } }: Holdings): Promise<void> {
  await until(() => !processIds().some((pid) => namespaceOf(pid, kind) === link));
  release();
  await until(() => cgroups.every((folder) => !existsSync(folder)));
}

/** Polls until the condition gives something; what does not happen within a minute does not happen. */
export async function until<T>(condition: () => T): Promise<NonNullable<T>> {
  for (let tries = 0; tries < 1200; tries++) {
    const value = condition();
    if (value !== undefined && value !== null && value !== false) return value;
    await sleep(50);
  }
  throw new Error(`not within a minute: ${condition.toString()}`);
}

function processIds(): string[] {
  return readdirSync('/proc').filter((name) => /^\d+$/.test(name));
}

/** A program that does nothing for long, to be found among all processes of the machine. */
export interface Sleeper {
  readonly argv: readonly ['sleep', string];
  /** For `sh -c`. */
  readonly line: string;
  /** Its number on the host, while it runs. */
  readonly pid: () => number | undefined;
}

let sleepers = 0;

/** Its seconds are no other's: not of a test that runs beside this one, nor of another run of the tests. */
export function sleeper(): Sleeper {
  sleepers += 1;
  const seconds = `${process.pid}${String(sleepers).padStart(4, '0')}`;
  const cmdline = `sleep\0${seconds}\0`;
  const pid = (): number | undefined => {
    const found = processIds().find((id) => tryRead(`/proc/${id}/cmdline`) === cmdline);
    return found === undefined ? undefined : Number(found);
  };
  return { argv: ['sleep', seconds], line: `sleep ${seconds}`, pid };
}

function namespaceOf(pid: string, kind: HeldNamespace['kind']): string | undefined {
  try {
    return readlinkSync(`/proc/${pid}/ns/${kind}`);
  } catch {
    return undefined;
  }
}

/** A line of /proc/PID/cgroup as the folder of that cgroup, unless it is one the process was started in. */
function cgroupFolder(line: string): string[] {
  const [, controllers = '', path = ''] = line.split(':');
  if (path === '' || readFileSync('/proc/self/cgroup', 'utf8').includes(`:${controllers}:${path}\n`))
    return [];
  const v2 = existsSync('/sys/fs/cgroup/cgroup.controllers') ? '' : 'unified';
  return [`/sys/fs/cgroup/${controllers === '' ? v2 : controllers.replace('name=', '')}${path}`];
}

function tryRead(path: string): string | undefined {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return undefined;
  }
}

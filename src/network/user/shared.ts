import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdirSync, openSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';

import { isErrno } from '../../core/index.ts';
import { flock, newNetworkNamespace, type NetworkNamespace } from '../../sys/index.ts';
import { freeSubnet } from '../address.ts';
import { hostBlocks } from '../bridge.ts';
import { countHolders, holdIn, livingHolders } from '../holders.ts';
import { makeLifeline, takeLifeline } from './lifeline.ts';
import { startProgram, type Program } from './program.ts';

/** The network that all of a user namespace's containers are behind, as this process uses it. */
export interface SharedNetwork extends AsyncDisposable {
  readonly namespace: NetworkNamespace;
  /** Of what its users know of each other; goes with the last of them. */
  readonly folder: string;
}

export interface JoinOptions {
  /** Of the user's networks, one folder a user namespace. */
  readonly top: string;
  readonly programs: readonly Program[];
  readonly signal?: AbortSignal | undefined;
}

/** Throws what the last of the programs said when it could not. */
export async function joinSharedNetwork({ top, programs, signal }: JoinOptions): Promise<SharedNetwork> {
  mkdirSync(top, { recursive: true, mode: 0o700 });
  using _lock = await lockTop(top, signal);
  sweep(top);
  const folder = join(top, String(statSync('/proc/self/ns/user').ino));
  // Before the look at the others: as long as one of them lives, its program has not met the end.
  const taken = takeLifeline(folder);
  const found = heldByOthers(folder);
  const running = found === undefined ? undefined : taken;
  if (taken !== undefined && running === undefined) closeSync(taken);
  const namespace = found ?? newNetworkNamespace();
  const use = { top, folder, namespace };
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    const { writing, child } = running === undefined ? await connect(use, programs) : { writing: running };
    const holder = holdIn(usersOf(folder), String(namespace.fd));
    return {
      namespace,
      folder,
      [Symbol.asyncDispose]: async () => {
        using _leaving = await lockTop(top);
        holder.leave();
        namespace[Symbol.dispose]();
        closeSync(writing);
        if (countHolders(usersOf(folder)) > 0) return;
        rmSync(folder, { recursive: true, force: true });
        if (child !== undefined) await ended(child);
      },
    };
  } catch (error) {
    namespace[Symbol.dispose]();
    sweep(top);
    throw error;
  }
}

/** Removes what of the networks that killed processes used is files; all else the kernel has taken away. */
export async function sweepSharedNetworks(top: string): Promise<void> {
  if (statSync(top, { throwIfNoEntry: false }) === undefined) return;
  using _lock = await lockTop(top);
  sweep(top);
}

async function lockTop(top: string, signal?: AbortSignal): Promise<Disposable> {
  const lock = await flock(join(top, 'lock'), { signal });
  return { [Symbol.dispose]: () => lock.release() };
}

function usersOf(folder: string): string {
  return join(folder, 'users');
}

function sweep(top: string): void {
  for (const name of readdirSync(top)) {
    const folder = join(top, name);
    if (/^\d+$/.test(name) && countHolders(usersOf(folder)) === 0)
      rmSync(folder, { recursive: true, force: true });
  }
}

/** The namespace, by way of a living user's descriptor of it; its pid and the descriptor's number are in its file. */
function heldByOthers(folder: string): NetworkNamespace | undefined {
  if (statSync(folder, { throwIfNoEntry: false }) === undefined) return undefined;
  for (const path of livingHolders(usersOf(folder))) {
    const pid = Number.parseInt(basename(path), 10);
    const held = Number.parseInt(readFileSync(path, 'latin1'), 10);
    try {
      const fd = openSync(`/proc/${pid}/fd/${held}`, 'r');
      // Still the holder's, and no other process's of that number.
      if (livingHolders(usersOf(folder)).includes(path)) return namespaceOf(fd);
      closeSync(fd);
    } catch (error) {
      if (!isErrno(error, 'ENOENT', 'ESRCH', 'EACCES')) throw error;
    }
  }
  return undefined;
}

function namespaceOf(fd: number): NetworkNamespace {
  let open = true;
  return {
    fd,
    path: `/proc/${process.pid}/fd/${fd}`,
    [Symbol.dispose]: () => {
      if (open) closeSync(fd);
      open = false;
    },
  };
}

interface Use {
  readonly folder: string;
  readonly namespace: NetworkNamespace;
}

/** Starts the first of the programs that can. */
async function connect(
  { folder, namespace }: Use,
  programs: readonly Program[],
): Promise<{ readonly writing: number; readonly child: ChildProcess }> {
  const subnet = freeSubnet(hostBlocks(), 511);
  if (subnet === undefined) throw new Error('no subnet of 10.88.0.0/15 is free on this machine');
  let failure: unknown = new Error('neither pasta nor slirp4netns is installed');
  for (const program of programs) {
    const { writing, reading } = makeLifeline(folder);
    try {
      return {
        writing,
        child: await startProgram(program, { namespace, subnet, folder, lifeline: reading }),
      };
    } catch (error) {
      failure = error;
      closeSync(writing);
    } finally {
      closeSync(reading);
    }
  }
  throw failure;
}

async function ended(child: ChildProcess): Promise<void> {
  child.ref();
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
}

import {
  closeSync,
  ftruncateSync,
  lstatSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
  writeSync,
  type Stats,
} from 'node:fs';
import { join } from 'node:path';
import { runOk } from './run-command.ts';
import { numbersFrom } from './series.ts';

/** What a disk may have of a file that was written and never synced. */
export const unsyncedFates = ['kept', 'lost', 'empty', 'half', 'zeros', 'foreign'] as const;
export type UnsyncedFate = (typeof unsyncedFates)[number];

export interface PowerLoss {
  /** The store as it was when the power went, which becomes what a disk has of it. */
  readonly root: string;
  /** A copy of it from the last syncfs: all of that is on the disk. */
  readonly synced: string;
  /** Inodes of files that were synced by themselves: what they hold is on the disk, their names are not. */
  readonly files: ReadonlySet<number>;
  readonly seed: number;
  /** The same for all files; else each has its own. */
  readonly fate?: UnsyncedFate | undefined;
}

/**
 * What is not proven to be on the disk may be there, be there in part, or not: names and contents, each by itself, in no
 * order, since file systems promise none (ext4 with data=writeback or without a journal, xfs, btrfs and f2fs each break
 * another one that programs used to rely on). What was removed may be back. Returns how many names had a choice.
 */
export async function losePower({ root, synced, files, seed, fate }: PowerLoss): Promise<number> {
  const next = numbersFrom(seed);
  const pick = <T>(list: readonly T[]): T => list[next(list.length)] as T;
  let choices = 0;

  const visit = async (path: string): Promise<void> => {
    const [now, before] = [join(root, path), join(synced, path)];
    const [young, old] = [statOf(now), statOf(before)];
    if (young === undefined && old === undefined) return;
    if (young === undefined) {
      choices++;
      if (fate === undefined && next(3) === 0) await copy(before, now);
      return;
    }
    if (young.isDirectory()) {
      if (old === undefined) {
        choices++;
        if ((fate ?? (next(4) === 0 ? 'lost' : 'kept')) === 'lost') {
          rmSync(now, { recursive: true });
          return;
        }
      }
      const names = new Set([...namesIn(now), ...(old?.isDirectory() === true ? namesIn(before) : [])]);
      for (const name of [...names].toSorted()) await visit(join(path, name));
      return;
    }
    if (old !== undefined && isSame(young, old)) return;
    choices++;
    const chosen = fate ?? pick(unsyncedFates);
    const whole = files.has(young.ino) && chosen !== 'lost';
    await suffer(whole ? 'kept' : chosen, { now, before: old === undefined ? undefined : before, young });
  };
  await visit('');
  return choices;
}

interface Unsynced {
  readonly now: string;
  /** What had the name before, which is on the disk. */
  readonly before: string | undefined;
  readonly young: Stats;
}

async function suffer(fate: UnsyncedFate, { now, before, young }: Unsynced): Promise<void> {
  if (fate === 'kept') return;
  if (fate === 'lost' || !young.isFile()) {
    rmSync(now);
    if (before !== undefined) await copy(before, now);
    return;
  }
  const bytes = readFileSync(now);
  // Another file's that was deleted, as its blocks have it.
  const foreign = Buffer.alloc(young.size, '{"boot":"');
  const content = {
    empty: Buffer.alloc(0),
    half: bytes.subarray(0, bytes.length >> 1),
    zeros: Buffer.alloc(young.size),
    foreign,
  }[fate];
  // In place: a hard link and the attributes stay.
  const fd = openSync(now, 'r+');
  try {
    ftruncateSync(fd, 0);
    writeSync(fd, content);
  } finally {
    closeSync(fd);
  }
  utimesSync(now, young.atimeMs / 1000, young.mtimeMs / 1000);
}

function statOf(path: string): Stats | undefined {
  return lstatSync(path, { throwIfNoEntry: false });
}

function namesIn(path: string): readonly string[] {
  return readdirSync(path, { encoding: 'latin1' });
}

function isSame(young: Stats, old: Stats): boolean {
  return young.size === old.size && young.mtimeMs === old.mtimeMs && young.mode === old.mode;
}

async function copy(from: string, to: string): Promise<void> {
  rmSync(to, { recursive: true, force: true });
  await runOk(['cp', '-a', from, to]);
}

/** Starts what follows in a mount namespace of its own, where the machine says that it has booted anew. */
export function afterReboot(folder: string): readonly string[] {
  const file = join(folder, 'boot_id');
  writeFileSync(file, 'b00710ad-0000-4000-8000-000000000001\n');
  const script = 'mount --bind "$0" /proc/sys/kernel/random/boot_id && exec "$@"';
  return ['unshare', '--mount', '--propagation', 'private', 'sh', '-c', script, file];
}

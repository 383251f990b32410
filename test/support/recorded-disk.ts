import { closeSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { findTool } from './requires.ts';
import { runCommand, runOk } from './run-command.ts';
import { numbersFrom } from './series.ts';

/** File systems that a disk is made with: the program that makes one, what it is mounted with, and its size. */
export const diskKinds = {
  ext4: { make: 'mkfs.ext4 -q -F', options: 'noinit_itable', size: '96M' },
  'ext4, no order': { make: 'mkfs.ext4 -q -F', options: 'noinit_itable,data=writeback', size: '96M' },
  xfs: { make: 'mkfs.xfs -q -K', options: 'nodiscard', size: '320M' },
  btrfs: { make: 'mkfs.btrfs -q -K', options: 'nodiscard', size: '256M' },
} as const;
export type DiskKind = keyof typeof diskKinds;

export function canMake(kind: DiskKind): boolean {
  return findTool(diskKinds[kind].make.split(' ')[0] ?? '') !== undefined;
}

/** A disk whose writes were recorded, each with its place, and the flushes between them. */
export interface RecordedDisk {
  readonly kind: DiskKind;
  readonly folder: string;
  readonly writes: readonly DiskWrite[];
}

interface DiskWrite {
  /** Bytes of the disk, and of the record, whose end is `after`. */
  readonly at: number;
  readonly from: number;
  readonly length: number;
  readonly after: number;
  /** What was written before it is on the disk for good. */
  readonly flushes: boolean;
}

const before = `
set -e
cd "$FOLDER"
truncate -s "$SIZE" disk
$MAKE disk >&2
cp --sparse=always disk blank
: >record; : >face; : >marks; mkdir mounted
setpriv --pdeathsig KILL qemu-storage-daemon \\
  --blockdev driver=file,filename=disk,node-name=disk,cache.no-flush=on \\
  --blockdev driver=file,filename=record,node-name=record,cache.no-flush=on \\
  --blockdev driver=blklogwrites,file=disk,log=record,node-name=recorded,log-sector-size=512 \\
  --export type=fuse,id=face,node-name=recorded,mountpoint="$FOLDER/face",writable=on &
daemon=$!
until [ -s face ]; do kill -0 $daemon; sleep 0.02; done
mount -o "loop,$OPTIONS" face mounted
mark() { echo "$1 $(stat -c %s record)" >>marks; }
`;
const after = `
rm -f flushing
sync -f mounted
timeout 300 sh -c 'until umount mounted 2>/dev/null; do sleep 0.1; done'
kill $daemon
wait $daemon || true
`;

/**
 * Runs a shell script in a mount namespace of its own, whose folder `mounted` is a new file system on a disk of which
 * every write is recorded, in the order in which the disk was told. `mark NAME` in it notes how far that is; `flushed WHAT
 * COMMAND…` runs a command while WHAT goes to the disk all the time, as it does in a long one: `-f mounted` is everything;
 * a file is with journals the names of all others, too, and nothing of what they hold.
 */
export async function recordDisk(options: {
  readonly kind: DiskKind;
  readonly folder: string;
  readonly script: string;
  readonly env: NodeJS.ProcessEnv;
}): Promise<{ readonly disk: RecordedDisk; readonly marks: ReadonlyMap<string, number> }> {
  const { kind, folder, env } = options;
  const { make, options: mount, size } = diskKinds[kind];
  const flushed = `
flushed() {
  : >flushing
  of=$1; shift
  { while [ -e flushing ] && kill -0 $$; do : >mounted/other; eval sync "$of" || true; sleep 0.01; done; } &
  status=0; "$@" || status=$?
  rm -f flushing; wait $!
  return $status
}
`;
  const script = `${before}${flushed}${options.script}${after}`;
  const argv = ['unshare', '--mount', '--propagation', 'private', 'sh', '-c', script];
  const extra = { FOLDER: folder, MAKE: make, SIZE: size, OPTIONS: mount };
  const { status, stdout, stderr } = await runCommand(argv, { env: { ...env, ...extra } });
  if (status !== 0) throw new Error(`the recording ended with ${status}:\n${stdout}${stderr}`);
  const marks = readFileSync(join(folder, 'marks'), 'latin1').matchAll(/^(\S+) (\d+)$/gm);
  return {
    disk: { kind, folder, writes: writesOf(readFileSync(join(folder, 'record'))) },
    marks: new Map([...marks].map(([, name = '', at]) => [name, Number(at)])),
  };
}

const sector = 512;

/** The format of Linux's dm-log-writes: a sector that says what comes, and then that. */
function writesOf(record: Buffer): readonly DiskWrite[] {
  const writes: DiskWrite[] = [];
  const number = (at: number): number => Number(record.readBigUInt64LE(at));
  let at = sector;
  while (at < record.length) {
    const flags = number(at + 16);
    const length = number(at + 8) * sector;
    if ((flags & 4) !== 0) throw new Error('a discard: what is read there then is nobody’s promise');
    const from = at + sector;
    writes.push({
      at: number(at) * sector,
      from,
      length,
      after: from + length,
      flushes: (flags & 1) !== 0,
    });
    at = from + length;
  }
  return writes;
}

/** What becomes of what no flush followed: as when only the machine ends, or its disk, too, with what that had yet to do. */
export type DiskLoss = 'nothing' | 'some' | 'all';

/** The disk as it is when the power goes after the first `count` of its writes: a file, `name` in its folder. */
export async function diskAfter(
  disk: RecordedDisk,
  options: { readonly count: number; readonly name: string; readonly lost: DiskLoss; readonly seed: number },
): Promise<string> {
  const path = join(disk.folder, options.name);
  // Never into the file that a loop device of the disk before may still have.
  rmSync(path, { force: true });
  await runOk(['cp', '--sparse=always', join(disk.folder, 'blank'), path]);
  const done = disk.writes.slice(0, options.count);
  const sure = done.findLastIndex(({ flushes }) => flushes);
  const next = numbersFrom(options.seed);
  const record = readFileSync(join(disk.folder, 'record'));
  const fd = openSync(path, 'r+');
  try {
    for (const [index, { at, from, length }] of done.entries()) {
      // Each page by itself: a disk that writes the half of one breaks every file system.
      for (let page = 0; page < length; page += 4096) {
        const survives =
          index < sure || options.lost === 'nothing' || (options.lost === 'some' && next(2) === 0);
        if (survives) writeSync(fd, record, from + page, Math.min(4096, length - page), at + page);
      }
    }
  } finally {
    closeSync(fd);
  }
  return path;
}

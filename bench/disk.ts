import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { runCommand, runOk } from '../test/support/run-command.ts';

/**
 * A new ext4 of its own in a sparse file, mounted below `folder`: what other programs did to the machine's disk before
 * (ext4 without a journal is slow for minutes after many files were removed) then says nothing about the tools.
 */
export async function freshDisk(folder: string): Promise<{ readonly path: string } & AsyncDisposable> {
  const file = join(folder, 'disk');
  const path = join(folder, 'm');
  mkdirSync(path);
  await runOk(['truncate', '-s', '24G', file]);
  // An inode for each 8 kB: 16 times the work is 480 000 files, several times over.
  await runOk(['mkfs.ext4', '-q', '-i', '8192', '-E', 'lazy_itable_init=1,lazy_journal_init=1', file]);
  // Else the kernel goes on formatting in the background.
  const mounted = await runCommand(['mount', '-o', 'loop,noinit_itable', file, path]);
  if (mounted.status !== 0) console.log(`no disk of its own (${mounted.stderr.trim()}): on the machine's`);
  return {
    path,
    async [Symbol.asyncDispose]() {
      // A build's files go to the disk behind it: while they do, the disk is in use.
      const unmount = 'for try in $(seq 100); do umount "$0" && exit; sleep 0.2; done; exit 1';
      if (mounted.status === 0) await runOk(['sh', '-c', unmount, path]);
      rmSync(file, { force: true });
    },
  };
}
